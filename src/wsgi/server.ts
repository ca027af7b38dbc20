/**
 * The plain door: a WSGI application on a listener, in one call, with no Effect in sight.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import { type Address, format as formatAddress } from "../exchange/Address.js"
import { OptionError } from "../exchange/ServerError.js"
import * as AccessLog from "../server/AccessLog.js"
import { loggedText } from "../server/FailureText.js"
import * as Listener from "../server/Listener.js"
import { inOneLine } from "../server/logText.js"
import * as Server from "../server/Server.js"
import { ServerConfig } from "../server/ServerConfig.js"
import { type ServerMetrics, zero } from "../server/ServerMetrics.js"
import { type StopOptions, stopOptions, type StopReport } from "../server/StopReport.js"
import type { App } from "./App.js"
import { call } from "./Call.js"
import { checkApp } from "./checkApp.js"
import type { Listener as PlainListener } from "./Listener.js"
import { toEngine } from "./ListenerValue.js"
import * as Log from "./Log.js"
import * as LogEntry from "./LogEntry.js"
import * as Options from "./Options.js"

/**
 * A server that was started.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens. Rejects with a `BindError` that names address and cause. */
  readonly ready: Promise<Address>
  /** Resolves when the server has stopped, for whatever reason; also when it could not be bound. Never rejects. */
  readonly closed: Promise<StopReport>
  /**
   * Stops: no new connections, idle ones closed when they have been idle for `settle` milliseconds (default
   * `timeouts.settle`, 0; over `spread` of these), running requests awaited for `grace` more (default `timeouts.grace`, 3000), then
   * interrupted, then cut.
   * Stopping again gives the same report. Rejects with an `OptionError`, and stops nothing, where an option is unknown or invalid.
   */
  readonly stop: (options?: StopOptions) => Promise<StopReport>
  /**
   * Opens the files of `log` and `errorLog` anew, for log rotation: what is written from here on goes to a new file of the same name.
   * Does nothing for other targets.
   *
   * @since 0.2.0
   */
  readonly reopenLog: () => void
  /**
   * What the server has counted, as plain data: connections by state, requests by class, refused and aborted ones by reason, bytes,
   * durations. {@link sumMetrics} adds up those of several servers. Zeros before it listens.
   *
   * @since 0.2.0
   */
  readonly metrics: () => ServerMetrics
}

/**
 * Serves an application on a listener. Returns at once; `ready` tells when and where it listens. Throws an `OptionError`
 * for an option that is unknown or invalid.
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
  if (more.length > 0) {
    throw new OptionError({ option: "options", description: "server takes three arguments: listener, app and options" })
  }
  const given = Options.read(options)
  const { config, entryFormat, environ, errorLog, format, forms, log, minimumChunkSize, multiprocess, silent } = given
  const sink = format === undefined ? undefined : Log.open(log, config.debug)
  // for entries that are no requests
  const entries = silent
    ? undefined
    : errorLog === undefined && sink !== undefined
    ? sink
    : Log.open(errorLog, config.debug)
  const say = LogEntry.writer(entries, entryFormat)

  const handler = call({
    app,
    minimumChunkSize,
    forms,
    extra: environ,
    multiprocess,
    errors: { write: (text) => say("error", "application", text.replace(/\n$/, "")), flush: () => undefined }
  })
  // services and not layers, which a process takes longer to build before its first answer
  const services = Server.services(config).pipe(
    Context.add(ServerConfig, config),
    Context.add(Listener.Listener, bindable),
    Context.add(
      AccessLog.AccessLog,
      sink === undefined || format === undefined ? AccessLog.none : AccessLog.lines(format, sink.info)
    )
  )
  const scope = Effect.runSync(Scope.make())
  const starting = Effect.runPromiseExit(
    Server.serve(handler).pipe(Effect.provide(services), Scope.extend(scope), logged(say, entries))
  )
  let served: Server.Running | undefined
  const note = (line: string): void => say("info", "server", inOneLine(line))
  const ready = starting.then((exit) => {
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    served = exit.value
    const { address, draining, scheme } = served
    note(`tsgi starting up on ${formatAddress(address, scheme)}`)
    void Effect.runPromise(draining).then(() => note("tsgi exiting"))
    return address
  })
  const closed = starting
    .then((exit) =>
      Exit.isSuccess(exit)
        ? Effect.runPromise(exit.value.stopped).catch((error: unknown) => {
          note(`tsgi failed to stop: ${String(error)}`)
          return noReport
        })
        : noReport
    )
    .then(async (report) => {
      if (report !== noReport) note(`tsgi exited, ${Server.describe(report)}`)
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await Promise.all([sink?.close(), entries === sink ? undefined : entries?.close()])
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
    reopenLog: () => {
      sink?.reopen()
      if (entries !== sink) entries?.reopen()
    },
    metrics: () => served === undefined ? zero : Effect.runSync(served.metrics),
    [Symbol.asyncDispose]: async () => {
      await stop()
    }
  }
}

const noReport: StopReport = { connections: 0, idle: 0, finished: 0, interrupted: 0, cut: 0, left: 0, duration: 0 }

// Logs the engine's lines. Their causes are safe in a log: see `loggable`.
const logged =
  (say: ReturnType<typeof LogEntry.writer>, sink: Log.LogSink | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const logger = Logger.make<unknown, void>(({ cause, logLevel, message }) =>
      say(
        LogLevel.lessThan(logLevel, LogLevel.Info)
          ? "debug"
          : LogLevel.lessThan(logLevel, LogLevel.Error)
          ? "info"
          : "error",
        "server",
        Array.isArray(message) ? message.join(" ") : String(message),
        Cause.isEmpty(cause) ? undefined : loggedText(cause)
      )
    )
    const least = sink === undefined ? LogLevel.None : sink.debug === undefined ? LogLevel.Info : LogLevel.Debug
    // in place of Effect's two loggers: one writes to the console, the other to spans, which do not exist here
    const loggers: Loggers = HashSet.make(logger)
    return Effect.locally(effect, FiberRef.currentLoggers, loggers).pipe(Logger.withMinimumLogLevel(least))
  }

type Loggers = typeof FiberRef.currentLoggers extends FiberRef.FiberRef<infer A> ? A : never
