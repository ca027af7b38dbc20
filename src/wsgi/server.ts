/**
 * Serves a WSGI application on a listener, with one call and without types of Effect.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Address, format as formatAddress } from "../exchange/Address.js"
import { BindError } from "../exchange/ServerError.js"
import * as AccessLog from "../server/AccessLog.js"
import { refuseMore } from "../server/checkOptions.js"
import * as Listener from "../server/Listener.js"
import { kindOf } from "../server/OptionNames.js"
import * as Server from "../server/Server.js"
import { ServerConfig } from "../server/ServerConfig.js"
import { type ServerMetrics, zero } from "../server/ServerMetrics.js"
import { type StopOptions, stopOptions, type StopReport } from "../server/StopReport.js"
import type { App } from "./App.js"
import { call } from "./Call.js"
import { checkApp } from "./checkApp.js"
import type { Listener as PlainListener } from "./Listener.js"
import { toEngine } from "./ListenerValue.js"
import * as Options from "./Options.js"
import { ServerLogs } from "./ServerLogs.js"

/**
 * A server that was started by {@link server}.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunningServer extends AsyncDisposable {
  /** The address on which it listens. Rejects with a `BindError` that names address and cause. */
  readonly ready: Promise<Address>
  /** Resolves when the server has stopped for whatever reason, even if it could not be bound. Never rejects. */
  readonly closed: Promise<StopReport>
  /**
   * Stops the server. New connections are refused. Idle ones are closed when they have been idle for `settle` milliseconds
   * (default `timeouts.settle`, 0), spread over `spread` of these. Running requests have `grace` milliseconds more (default
   * `timeouts.grace`, 3000); then they are interrupted, and at last cut. A second stop gives the same report. If an option is
   * unknown or invalid, it rejects with an `OptionError` and stops nothing.
   */
  readonly stop: (options?: StopOptions) => Promise<StopReport>
  /**
   * Reopens the files of `log` and `errorLog` for log rotation: from now on, lines are written to a new file of the same name.
   * Does nothing for other targets.
   *
   * @since 0.2.0
   */
  readonly reopenLog: () => void
  /**
   * The counts of the server, as plain data: connections by state, requests by class, refused and aborted ones by reason, bytes,
   * durations. {@link sumMetrics} adds up those of several servers. All are zero before it listens.
   *
   * @since 0.2.0
   */
  readonly metrics: () => ServerMetrics
}

/**
 * Serves an application on a listener. It returns at once; `ready` tells when and where the server listens. Throws an
 * `OptionError` for an option that is unknown or invalid.
 *
 * @example
 * ```ts
 * import { listen, server } from "tsgi"
 *
 * server(listen(8090), (env, startResponse) => {
 *   startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]])
 *   return `Hello, ${env.REMOTE_ADDR}!\n`
 * })
 * ```
 *
 * @function
 * @since 0.1.0
 * @category constructors
 */
export const server: (listener: PlainListener, app: App, options?: Options.ServerOptions) => RunningServer = (
  listener,
  app,
  options = {},
  ...more: ReadonlyArray<unknown>
) => {
  checkApp(app, listener)
  const bindable = toEngine(listener)
  refuseMore(more, "options", "server takes three arguments: listener, app and options")
  const settings = Options.read(options)
  const logs = new ServerLogs(settings)
  const scope = Effect.runSync(Scope.make())
  const starting = Effect.runPromiseExit(
    Server.serveDoor(handlerOf(app, settings, logs)).pipe(
      Effect.provide(servicesOf(bindable, settings, logs)),
      Scope.extend(scope),
      logs.logging
    )
  )
  return runningServer(starting, scope, logs, settings.announce)
}

const handlerOf = (app: App, settings: Options.Settings, logs: ServerLogs) =>
  call({
    app,
    minimumChunkSize: settings.minimumChunkSize,
    forms: settings.forms,
    extra: settings.environ,
    multiprocess: settings.multiprocess,
    errors: {
      write: (text: unknown) => {
        if (typeof text !== "string") {
          const remedy = text instanceof Error ? ": give its stack" : ""
          throw new TypeError(`wsgi.errors takes text, not ${kindOf(text)}${remedy}`)
        }
        logs.write("error", "application", text.replace(/\n$/, ""))
      },
      flush: () => undefined
    }
  })

// these are services and not layers, because none of them has to be acquired
const servicesOf = (
  listener: Context.Tag.Service<Listener.Listener>,
  { config, format }: Options.Settings,
  { requests }: ServerLogs
) =>
  Server.services(config).pipe(
    Context.add(ServerConfig, config),
    Context.add(Listener.Listener, listener),
    Context.add(
      AccessLog.AccessLog,
      requests === undefined || format === undefined ? AccessLog.none : AccessLog.lines(format, requests.info)
    )
  )

const runningServer = (
  starting: Promise<Exit.Exit<Server.Running, BindError>>,
  scope: Scope.CloseableScope,
  logs: ServerLogs,
  announce: boolean
): RunningServer => {
  let running: Server.Running | undefined
  const ready = starting.then((exit) => {
    if (Exit.isFailure(exit)) throw withoutFrames(Cause.squash(exit.cause))
    running = exit.value
    const { address, draining, scheme } = running
    if (announce) logs.note(`tsgi starting up on ${formatAddress(address, scheme)}`)
    void Effect.runPromise(draining).then(() => logs.note("tsgi exiting"))
    return address
  })
  const stopped = async (): Promise<StopReport> => {
    const exit = await starting
    if (Exit.isFailure(exit)) return noReport
    try {
      const report = await Effect.runPromise(exit.value.stopped)
      logs.note(`tsgi exited, ${Server.describe(report)}`)
      return report
    } catch (error) {
      logs.note(`tsgi failed to stop: ${String(error)}`)
      return noReport
    }
  }
  const closed = stopped().then(async (report) => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await logs.close()
    return report
  })
  const stop: RunningServer["stop"] = async (given) => {
    const options = stopOptions(given)
    const exit = await starting
    if (Exit.isSuccess(exit)) await Effect.runPromise(exit.value.stop(options))
    return closed
  }
  return {
    ready,
    closed,
    stop,
    reopenLog: () => logs.reopen(),
    metrics: () => running === undefined ? zero : Effect.runSync(running.metrics),
    [Symbol.asyncDispose]: async () => {
      await stop()
    }
  }
}

// The message has the reason. The frames are the engine's, and with them Node would print a line of its source.
const withoutFrames = (error: unknown): unknown => {
  if (!(error instanceof BindError)) return error
  const { address, cause, reason } = error
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    if (cause instanceof Error) cause.stack = String(cause)
    return new BindError({ address, cause, reason })
  } finally {
    Error.stackTraceLimit = limit
  }
}

const noReport: StopReport = { connections: 0, idle: 0, finished: 0, interrupted: 0, cut: 0, left: 0, duration: 0 }
