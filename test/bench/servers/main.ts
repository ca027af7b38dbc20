/**
 * A contestant as a process: `node main.js <name> [mode]`. Says `listening <port>`; ends when its standard input does, so
 * that none outlives the bench. `gc` on standard input collects garbage, where the process was started with --expose-gc.
 */
import { createInterface } from "node:readline"
import type { Serve } from "./work.js"

const [, , name = "", mode = ""] = process.argv
const { serve } = await import(new URL(`./${name}.js`, import.meta.url).href) as { readonly serve: Serve }
const { port } = await serve(mode)
process.stdout.write(`listening ${port}\n`)

const end = (): void => process.exit(0)
process.once("SIGTERM", end)
createInterface(process.stdin)
  .on("line", (line) => {
    if (line !== "gc") return
    globalThis.gc?.()
    process.stdout.write("collected\n")
  })
  .once("close", end)
