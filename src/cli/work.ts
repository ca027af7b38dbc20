/**
 * The work of a worker: it loads an app, serves it on the sockets that it is given, and ends when the supervisor says so. Effect
 * is only loaded for an app that uses it.
 *
 * @since 0.2.0
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import { explain } from "../platform/peers.js"
import { failureText, firstLine, isOf, load, warningOf } from "./loadApp.js"
import type { FromWorker, Phase, Serve, ToWorker } from "./messages.js"
import { open as openPlain } from "./plainDoor.js"
import { pulse } from "./pulse.js"
import { isOfListen, listening, listens, remedy } from "./selfListening.js"
import { AppError, type LoadedApp, type Open, type Serving } from "./Serving.js"

/**
 * The way from a worker to its supervisor.
 *
 * @since 0.2.0
 * @category models
 */
export interface Channel {
  /** Sends a message. Resolves when the channel has taken it. */
  readonly tell: (message: FromWorker) => Promise<void>
  /** Ends the worker. */
  readonly exit: (code: number) => void
  /** Whether all sockets of the process are the worker's. */
  readonly isAlone: boolean
}

/**
 * A worker, for the code that gives it messages.
 *
 * @since 0.2.0
 * @category models
 */
export interface Work {
  readonly hear: (message: ToWorker) => void
  /** Drains with the settle and grace of its assignment, without a message. */
  readonly leave: () => void
  /** Tells what was counted since the last beat, as its process ends. */
  readonly last: () => void
  /** Tells of an error that ends the process, where its cause is known. */
  readonly fail: (error: unknown) => void
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const work = ({ exit, isAlone, tell }: Channel): Work => {
  const beatOf = pulse()
  let assignment: Serve | undefined = undefined
  let serving: Serving | undefined = undefined
  let ending = false
  // the key may be replaced while the app is loaded
  let ticketKeys: Uint8Array | undefined = undefined
  const before = listening()
  let warned = !isAlone

  const beat = (): void => {
    if (serving === undefined) return
    void tell(beatOf(serving))
    for (const text of lateWarnings()) void tell({ type: "warning", text })
  }

  // what the app opened since it was loaded
  const lateWarnings = (): ReadonlyArray<string> => {
    if (assignment === undefined || warned) return []
    warned = listening() - before > assignment.listeners.length
    return warned ? [warningOf(assignment.app, listens)] : []
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
      warned ||= app.warnings.includes(warningOf(given.app, listens))
      const open = await doorOf(app.kind)
      phase = "boot"
      serving = await open(app, given, (requests) => void tell({ type: "enough", requests }))
      if (ticketKeys !== undefined) serving.setTicketKeys(ticketKeys)
      // what the app has begun is done: it listens, or has failed to
      await nextTurn()
      await tell({ type: "ready", interface: app.kind, warnings: [...app.warnings, ...lateWarnings()] })
      beat()
      setInterval(beat, 1000).unref()
    } catch (error) {
      await tell(isAlone && isOfListen(error) && listening() > before ? clash(given, error) : failureOf(error, phase))
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
    leave: () => void end(assignment?.settle ?? 0, 0, assignment?.grace ?? 0),
    last: beat,
    fail: (error) => {
      if (assignment !== undefined && isOfListen(error)) void tell(clash(assignment, error))
    }
  }
}

type Failed = Extract<FromWorker, { readonly type: "failed" }>

// The address is that of this server, or of another worker that has the same app.
const clash = ({ app }: Serve, error: unknown): Failed => ({
  type: "failed",
  phase: "load",
  message: `${app.name} ${listens}: ${firstLine(error)}; ${remedy}`,
  stack: undefined
})

const doorOf = async (kind: LoadedApp["kind"]): Promise<Open> => {
  if (kind !== "effect") return openPlain(await unmapped(() => import("../index.js")))
  const door = await unmapped(() => import("./effectDoor.js")).catch((error: unknown) => {
    throw explain(error)
  })
  return door.open
}

// Loads modules without source maps of tsgi's own modules, which Node would read at each start.
const unmapped = async <A>(load: () => Promise<A>): Promise<A> => {
  process.setSourceMapsEnabled(false)
  try {
    return await load()
  } finally {
    process.setSourceMapsEnabled(true)
  }
}

// The door checks the app as an option with the name "app".
const isOfApp = (error: unknown): boolean =>
  error instanceof Error && error.name === "OptionError" && "option" in error && error.option === "app"

const failureOf = (error: unknown, phase: Phase): Failed => {
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
    // a stack only helps if the fault is in the app
    stack: (isApp && error.cause === undefined) || isOfApp(error) || reason === "options" || reason === "listen"
      ? undefined
      : failureText(error)
  }
}
