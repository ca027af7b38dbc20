/** V8's collection of garbage, on demand. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Collects all that is unreachable. What this turn of the event loop has made may count as reachable: call it in the next. */
export const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  gc()
}
