/**
 * The work of a worker: it loads an app, serves it on the sockets that it is given, and ends when the supervisor says so. Effect
 * is only loaded for an app that uses it.
 *
 * @since 0.2.0
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import { explain } from "../platform/peers.js"
import { failureText, firstLine, isOf, load, named } from "./loadApp.js"
import type { FromWorker, Phase, Serve, ToWorker } from "./messages.js"
import { open as openPlain } from "./plainDoor.js"
import { pulse } from "./pulse.js"
import { addressOf, AppSockets, listenErrorOf, listensByItself, remedyFor } from "./selfListening.js"
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
  /** Reports an error that ends the process, if its cause is known. */
  readonly fail: (error: unknown) => void
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const work = (channel: Channel): Work => {
  const run = new Run(channel)
  return {
    hear: (message) => run.hear(message),
    leave: () => run.leave(),
    last: () => run.beat(),
    fail: (error) => run.fail(error)
  }
}

class Run {
  private readonly beatOf = pulse()
  private sockets: AppSockets | undefined = undefined
  private assignment: Serve | undefined = undefined
  private serving: Serving | undefined = undefined
  private ending = false
  /** The key may be replaced while the app is loaded. */
  private ticketKeys: Uint8Array | undefined = undefined

  constructor(private readonly channel: Channel) {}

  hear(message: ToWorker): void {
    switch (message.type) {
      case "serve":
        return void this.serve(message)
      case "drain":
        return void this.end(message.settle, message.spread, message.grace)
      case "reopen":
        return this.serving?.reopen()
      case "ticketKeys":
        this.ticketKeys = message.keys
        return this.serving?.setTicketKeys(message.keys)
    }
  }

  leave(): void {
    void this.end(this.assignment?.settle ?? 0, 0, this.assignment?.grace ?? 0)
  }

  fail(error: unknown): void {
    const failure = listenErrorOf(error)
    if (this.assignment !== undefined && failure !== undefined) {
      void this.channel.tell(clash(this.assignment, failure))
    }
  }

  private async serve(given: Serve): Promise<void> {
    const { exit, isAlone, tell } = this.channel
    this.assignment = given
    const sockets = this.sockets = new AppSockets([...given.listeners, ...given.others])
    let phase: Phase = "load"
    try {
      const app = await load(given.app, () => {
        phase = "boot"
        void tell({ type: "loaded" })
      }, sockets)
      const open = await doorOf(app.kind)
      phase = "boot"
      void tell({ type: "loaded" })
      this.serving = await open(app, given, (requests) => void tell({ type: "enough", requests }), isAlone)
      if (this.ticketKeys !== undefined) this.serving.setTicketKeys(this.ticketKeys)
      // if the app has begun to listen when it was loaded, it listens by now, or has failed to
      await nextTurn()
      const warnings = [
        ...new Set([...app.warnings, ...(this.serving.warnings ?? []), ...sockets.warnings(given.app)])
      ]
      await tell({ type: "ready", interface: app.kind, warnings })
      this.beat()
      setInterval(() => this.beat(), 1000).unref()
    } catch (error) {
      await tell(failureWith(sockets, given, error, phase))
      exit(1)
    }
  }

  beat(): void {
    const { assignment, channel: { tell }, serving } = this
    if (serving === undefined || assignment === undefined) return
    void tell(this.beatOf(serving))
    for (const text of this.sockets?.warnings(assignment.app) ?? []) void tell({ type: "warning", text })
  }

  private async end(settle: number, spread: number, grace: number): Promise<void> {
    const { exit, tell } = this.channel
    if (this.ending) return
    this.ending = true
    const stopping = this.serving?.stop({ settle, spread, grace })
    await nextTurn()
    await tell({ type: "draining" })
    const report = await stopping
    this.beat()
    await tell({ type: "stopped", cut: report?.cut ?? 0, interrupted: report?.interrupted ?? 0 })
    exit(0)
  }
}

type Failed = Extract<FromWorker, { readonly type: "failed" }>

// The address is that of this server, or of another worker that has the same app.
const clash = (given: Serve, error: Error): Failed => ({
  type: "failed",
  phase: "load",
  message: `${given.app.name} ${listensByItself}: ${error.message}; ${remedyFor(error, given)}`,
  stack: undefined
})

const listensAt = (given: Serve, address: string): Failed => ({
  type: "failed",
  phase: "load",
  message: `${given.app.name} ${listensByItself} on ${address}, which is the command's address: ${
    remedyFor(undefined, given)
  }`,
  stack: undefined
})

const failureWith = (sockets: AppSockets, given: Serve, error: unknown, phase: Phase): Failed => {
  const failure = listenErrorOf(error)
  const failed = failureOf(given, error, phase)
  if (failure === undefined) return failed
  const address = addressOf(error, given)
  if (address === undefined) return sockets.wereTried ? clash(given, failure) : failed
  if (sockets.haveThePortOf(address)) return listensAt(given, address)
  return sockets.areThere
    ? { ...failed, message: `${failed.message}; ${given.app.name} ${listensByItself}, too` }
    : failed
}

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
const isOfApp = (error: unknown): error is { readonly description: string } =>
  error instanceof Error && error.name === "OptionError" && "option" in error && error.option === "app" &&
  "description" in error && typeof error.description === "string"

const failureOf = ({ app }: Serve, error: unknown, phase: Phase): Failed => {
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
    message: isApp
      ? error.message
      : isOfApp(error)
      ? `${named(app)} ${error.description}`
      : reason === "boot"
      ? `cannot start ${app.name}: ${firstLine(error)}`
      : firstLine(error),
    // a stack only helps if the fault is in the app
    stack: (isApp && error.cause === undefined) || isOfApp(error) || reason === "options" || reason === "listen"
      ? undefined
      : failureText(error)
  }
}
