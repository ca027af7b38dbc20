/**
 * What a worker does: it loads an app, serves it on the sockets that it is given, and ends, as the supervisor says. Plain Node:
 * it loads what its app needs when it knows the app, and no Effect for an app that has none.
 *
 * @since 0.2.0
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setImmediate as nextTurn } from "node:timers/promises"
import { explain } from "../platform/peers.js"
import { failureText, firstLine, isOf, load } from "./loadApp.js"
import type { FromWorker, Phase, Serve, ToWorker } from "./messages.js"
import { open as openPlain } from "./plainDoor.js"
import { AppError, type Serving } from "./Serving.js"

/**
 * Between a worker and its supervisor.
 *
 * @since 0.2.0
 * @category models
 */
export interface Channel {
  /** Resolves when it was handed over. */
  readonly tell: (message: FromWorker) => Promise<void>
  /** The worker is at its end. */
  readonly exit: (code: number) => void
}

/**
 * A worker, for who brings it messages.
 *
 * @since 0.2.0
 * @category models
 */
export interface Work {
  readonly hear: (message: ToWorker) => void
  /** Drains as it was once told to, though nobody says so now. */
  readonly leave: () => void
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const work = ({ exit, tell }: Channel): Work => {
  let assignment: Serve | undefined = undefined
  let serving: Serving | undefined = undefined
  let ending = false
  // renewed while the app is loaded
  let ticketKeys: Uint8Array | undefined = undefined
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()

  const beat = (): void => {
    if (serving === undefined) return
    const { heapUsed, rss } = process.memoryUsage()
    void tell({
      type: "beat",
      metrics: serving.metrics(),
      series: serving.series(),
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

  const end = async (settle: number, spread: number, grace: number): Promise<void> => {
    if (ending) return
    ending = true
    const stopping = serving?.stop({ settle, spread, grace })
    await nextTurn()
    await tell({ type: "draining" })
    const report = await stopping
    beat()
    await tell({ type: "stopped", cut: report?.cut ?? 0, interrupted: report?.interrupted ?? 0 })
    exit(0)
  }

  const serve = async (given: Serve): Promise<void> => {
    assignment = given
    let phase: Phase = "load"
    try {
      const app = await load(given.app, () => phase = "boot")
      const open = app.kind === "effect"
        ? (await unmapped(() => import("./effectDoor.js")).catch((error: unknown) => {
          throw explain(error)
        })).open
        : openPlain(await unmapped(() => import("../index.js")))
      phase = "boot"
      serving = await open(app, given, (requests) => void tell({ type: "enough", requests }))
      if (ticketKeys !== undefined) serving.setTicketKeys(ticketKeys)
      await tell({ type: "ready", interface: app.kind, warnings: app.warnings })
      beat()
      setInterval(beat, 1000).unref()
    } catch (error) {
      await tell(failureOf(error, phase))
      exit(1)
    }
  }

  return {
    hear: (message) => {
      switch (message.type) {
        case "serve":
          return void serve(message)
        case "drain":
          return void end(message.settle, message.spread, message.grace)
        case "reopen":
          return serving?.reopen()
        case "ticketKeys":
          ticketKeys = message.keys
          return serving?.setTicketKeys(ticketKeys)
      }
    },
    leave: () => void end(assignment?.settle ?? 0, 0, assignment?.grace ?? 0)
  }
}

// Node reads the source map of each module that it loads, and ours take a third of what a start takes.
const unmapped = async <A>(load: () => Promise<A>): Promise<A> => {
  process.setSourceMapsEnabled(false)
  try {
    return await load()
  } finally {
    process.setSourceMapsEnabled(true)
  }
}

// its resolution is what it measures at least
const inMilliseconds = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e4 - 1000) / 100)

// The door looks at the app as at an option.
const isOfApp = (error: unknown): boolean =>
  error instanceof Error && error.name === "OptionError" && "option" in error && error.option === "app"

const failureOf = (error: unknown, phase: Phase): Extract<FromWorker, { readonly type: "failed" }> => {
  const isApp = error instanceof AppError
  const reason = isApp || isOfApp(error)
    ? "load"
    : isOf(error, "OptionError")
    ? "options"
    : isOf(error, "BindError")
    ? "listen"
    : phase
  return {
    type: "failed",
    phase: reason,
    message: isApp ? error.message : firstLine(error),
    // Node's own words, with the place in the source; none for what was mistyped
    stack: (isApp && error.cause === undefined) || reason === "options" || reason === "listen"
      ? undefined
      : failureText(error)
  }
}
