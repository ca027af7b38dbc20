/** A server that handles signals, with an application that never ends at one path. */
import { handleSignals, listen, server } from "tsgi"

const running = server(listen(0), async (env, startResponse) => {
  if (env.PATH_INFO === "/long") {
    process.stdout.write("at work\n")
    await new Promise<void>((resolve) => setTimeout(resolve, env.QUERY_STRING === "for=ever" ? 60_000 : 300))
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return "done"
}, { log: (line) => process.stdout.write(`${line}\n`) })

handleSignals(running, process.argv.includes("grace") ? { grace: 60_000 } : undefined)

// the command tsx does so with a signal that its child is slow to acknowledge
if (process.argv.includes("copy")) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.kill(process.pid, signal))
}

const address = await running.ready
process.stdout.write(`port ${address._tag === "Tcp" ? address.port : ""}\n`)
const { finished, interrupted } = await running.closed
process.stdout.write(`finished ${finished}, interrupted ${interrupted}\n`)
