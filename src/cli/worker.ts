/**
 * The entry of a worker process. It talks to its supervisor through Node's IPC channel.
 *
 * @since 0.2.0
 */
import { type FromWorker, isToWorker, marked, protocol } from "./messages.js"
import { work } from "./work.js"

// A terminal sends these to all of its processes. Only the supervisor acts on them.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined)

const tell = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected && process.send !== undefined) process.send(marked(message), () => resolve())
    else resolve()
  })

const { hear, leave } = work({ tell, exit: (code) => process.exit(code) })

process.on("SIGTERM", () => {
  void tell({ type: "leaving" })
  leave()
})
// the supervisor has ended
process.on("disconnect", leave)
process.on("message", (message) => {
  if (!isToWorker(message)) return
  if (message.type === "serve") process.title = message.title
  hear(message)
})

void tell({ type: "hello", protocol })
