/** V8's collection of garbage, on demand. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Collects everything unreachable. Objects of this turn of the event loop may count as reachable, so call it in the next one. */
export const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  gc()
}
