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

const { fail, hear, last, leave } = work({ tell, exit: (code) => process.exit(code), isAlone: true })

process.on("SIGTERM", () => {
  void tell({ type: "leaving" })
  leave()
})
process.on("uncaughtExceptionMonitor", (error) => {
  // an app that handles it goes on
  if (process.listenerCount("uncaughtException") === 0) fail(error)
})
// the supervisor has ended
process.on("disconnect", leave)
// also after an uncaught exception: what was counted since the last beat
process.on("exit", last)
process.on("message", (message) => {
  if (!isToWorker(message)) return
  if (message.type === "serve") process.title = `${message.title} ${message.slot}`
  hear(message)
})

void tell({ type: "hello", protocol })
