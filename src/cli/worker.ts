/**
 * The entry of a worker: serves an app on inherited sockets, as the supervisor says. Plain Node: it loads what its app needs
 * when it knows the app, and no Effect for an app that has none.
 *
 * @since 0.2.0
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { explain } from "../platform/peers.js"
import { failureText, firstLine, load } from "./loadApp.js"
import { type FromWorker, isToWorker, marked, type Phase, protocol, type Serve } from "./messages.js"
import { open as openPlain } from "./plainDoor.js"
import { AppError, type Serving } from "./Serving.js"

// A terminal sends these to all of its processes; the supervisor says what is to be done.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined)

const tell = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected && process.send !== undefined) process.send(marked(message), () => resolve())
    else resolve()
  })

let assignment: Serve | undefined = undefined
let serving: Serving | undefined = undefined
let ending = false

const end = async (settle: number, grace: number): Promise<void> => {
  if (ending) return
  ending = true
  const report = await serving?.stop({ settle, grace })
  beat()
  await tell({ type: "stopped", cut: report?.cut ?? 0, interrupted: report?.interrupted ?? 0 })
  process.exit(0)
}

const endAlone = (): void => void end(assignment?.settle ?? 0, assignment?.grace ?? 0)

process.on("SIGTERM", () => {
  void tell({ type: "leaving" })
  endAlone()
})
// the supervisor is gone
process.on("disconnect", endAlone)

const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()
// its resolution is what it measures at least
const inMilliseconds = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e4 - 1000) / 100)

const beat = (): void => {
  if (serving === undefined) return
  const { heapUsed, rss } = process.memoryUsage()
  void tell({
    type: "beat",
    metrics: serving.metrics(),
    loopDelay: {
      p50: inMilliseconds(delay.percentile(50)),
      p99: inMilliseconds(delay.percentile(99)),
      max: inMilliseconds(delay.max)
    },
    rss,
    heap: heapUsed,
    handles: process.getActiveResourcesInfo().length
  })
  delay.reset()
}

const failed = async (phase: Phase, error: unknown): Promise<void> => {
  const isApp = error instanceof AppError
  await tell({
    type: "failed",
    phase: isApp ? "load" : error instanceof Error && error.name === "OptionError" ? "options" : phase,
    message: isApp ? error.message : firstLine(error),
    // Node's own words, with the place in the source
    stack: isApp && error.cause === undefined ? undefined : failureText(error)
  })
  process.exit(1)
}

const serve = async (given: Serve): Promise<void> => {
  assignment = given
  process.title = given.title
  let phase: Phase = "load"
  try {
    const app = await load(given.app, () => phase = "boot")
    const open = app.kind === "effect"
      ? (await import("./effectDoor.js").catch((error: unknown) => {
        throw explain(error)
      })).open
      : openPlain(await import("../index.js"))
    phase = "boot"
    serving = await open(app, given, (requests) => void tell({ type: "enough", requests }), () => phase = "listen")
    await tell({ type: "ready", interface: app.kind, warnings: app.warnings })
    beat()
    setInterval(beat, 1000).unref()
  } catch (error) {
    await failed(phase, error)
  }
}

process.on("message", (message) => {
  if (!isToWorker(message)) return
  if (message.type === "serve") void serve(message)
  else if (message.type === "drain") void end(message.settle, message.grace)
  else serving?.reopen()
})

void tell({ type: "hello", protocol })
