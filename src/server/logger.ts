/**
 * The engine's log, on Effect's loggers.
 *
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import type { Engine } from "../exchange/Engine.js"
import { loggable, plainText, readable } from "./FailureText.js"
import { asEntry, inOneLine } from "./logText.js"

/**
 * Logs with the loggers of the fiber that starts the server. A line below its minimum level is not rendered. A logger that throws
 * ends nothing.
 *
 * @since 0.2.0
 * @category constructors
 */
export const logger = Effect.map(Effect.runtime<never>(), (runtime): Engine["log"] => {
  const runFork = Runtime.runFork(runtime)
  const least = FiberRefs.getOrDefault(runtime.fiberRefs, FiberRef.currentMinimumLogLevel)
  const write: Engine["log"] = (level, text, failure) => {
    const logLevel = LogLevel.fromLiteral(level)
    if (LogLevel.lessThan(logLevel, least)) return
    const message = inOneLine(typeof text === "string" ? text : text())
    const cause = failure === undefined ? undefined : causeOf(failure)
    const line = cause === undefined
      ? Effect.logWithLevel(logLevel, message)
      : Effect.catchAllDefect(
        Effect.logWithLevel(logLevel, message, loggable(cause)),
        // an application may have thrown a value that a logger cannot render
        () => Effect.logWithLevel(logLevel, `${message}\n${asEntry(plainText(cause))}`)
      )
    runFork(line, { immediate: true })
  }
  return (...given) => {
    try {
      write(...given)
    } catch {
      // no other log can report this
    }
  }
})

/**
 * A failure as a Cause. A value that an application or a hook has thrown becomes a defect.
 *
 * @since 0.2.0
 * @category conversions
 */
export const causeOf = (failure: unknown): Cause.Cause<unknown> =>
  readable(Cause.isCause(failure) ? failure : Cause.die(failure))
