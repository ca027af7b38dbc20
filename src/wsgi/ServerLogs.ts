/**
 * The logs of one server: one of requests, and one of all other entries, which may have the same target.
 *
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { loggedText } from "../server/FailureText.js"
import { inOneLine } from "../server/logText.js"
import { withoutCallers } from "../server/stackText.js"
import * as Log from "./Log.js"
import * as LogEntry from "./LogEntry.js"
import type { Settings } from "./Options.js"

/**
 * Both logs of a server, opened by its options.
 *
 * @since 0.2.0
 * @category models
 */
export class ServerLogs {
  /** Absent if requests are not logged. */
  readonly requests: Log.LogSink | undefined
  private readonly entries: Log.LogSink | undefined
  /** Writes an entry that is not a request. */
  readonly write: LogEntry.LogEntryWriter

  constructor({ config, entryFormat, errorLog, format, log, isSilent }: Settings) {
    this.requests = format === undefined ? undefined : Log.open(log, config.debug)
    this.entries = isSilent
      ? undefined
      : errorLog === undefined && this.requests !== undefined
      ? this.requests
      : Log.open(errorLog, config.debug)
    this.write = LogEntry.writer(this.entries, entryFormat)
  }

  /** Writes an entry of one line about the server itself. */
  note(message: string): void {
    this.write("info", "server", inOneLine(message))
  }

  /** Reopens the files of both logs. */
  reopen(): void {
    this.requests?.reopen()
    if (this.entries !== this.requests) this.entries?.reopen()
  }

  /** Writes the buffered lines of both logs, and closes them. */
  async close(): Promise<void> {
    await Promise.all([this.requests?.close(), this.entries === this.requests ? undefined : this.entries?.close()])
  }

  /** Sends all that an effect logs to this log. The causes in the engine's lines are safe for a log: see `loggable`. */
  readonly logging = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const logger = Logger.make<unknown, void>(({ cause, logLevel, message }) =>
      this.write(
        levelOf(logLevel),
        "server",
        Array.isArray(message) ? message.join(" ") : String(message),
        Cause.isEmpty(cause) ? undefined : withoutCallers(loggedText(cause))
      )
    )
    const { entries } = this
    const least = entries === undefined ? LogLevel.None : entries.debug === undefined ? LogLevel.Info : LogLevel.Debug
    // this replaces Effect's two loggers: one writes to the console, the other to spans, which do not exist here
    const loggers: Loggers = HashSet.make(logger)
    return Effect.locally(effect, FiberRef.currentLoggers, loggers).pipe(Logger.withMinimumLogLevel(least))
  }
}

type Loggers = typeof FiberRef.currentLoggers extends FiberRef.FiberRef<infer A> ? A : never

const levelOf = (level: LogLevel.LogLevel): LogEntry.LogEntry["level"] =>
  LogLevel.lessThan(level, LogLevel.Info) ? "debug" : LogLevel.lessThan(level, LogLevel.Error) ? "info" : "error"
