/**
 * Protects loggers from forged entries in what programs log: text that a client has chosen, or the failures and addresses that
 * `HttpMiddleware.logger` logs. The server's own messages are safe without it.
 *
 * @module
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as List from "effect/List"
import * as Logger from "effect/Logger"
import * as LogSpan from "effect/LogSpan"
import { loggable } from "../server/FailureText.js"
import { asEntry, inOneLine } from "../server/logText.js"

/**
 * A logger that only gets safe text. In messages, causes, annotations (their names too) and log spans, it escapes control
 * characters, characters that change the direction of writing, and lone surrogates as in JSON, and indents all lines but the
 * first.
 *
 * @since 0.2.0
 * @category combinators
 */
export const make = <Output>(logger: Logger.Logger<unknown, Output>): Logger.Logger<unknown, Output> =>
  Logger.mapInputOptions(logger, (options: Logger.Logger.Options<unknown>) => ({
    ...options,
    message: Array.isArray(options.message) ? options.message.map(safe) : safe(options.message),
    cause: loggable(options.cause),
    annotations: HashMap.reduce(
      options.annotations,
      HashMap.empty<string, unknown>(),
      (all, value, name) => HashMap.set(all, inOneLine(name), safe(value))
    ),
    spans: List.map(options.spans, ({ label, startTime }) => LogSpan.make(inOneLine(label), startTime))
  }))

const safe = (value: unknown): unknown => {
  if (typeof value === "string") return asEntry(value)
  if (Cause.isCause(value)) return loggable(value)
  if (value instanceof Error) return Cause.squash(loggable(Cause.die(value)))
  // an object whose text is unsafe is replaced by safe text
  const text = Inspectable.toStringUnknown(value, 0)
  const shown = inOneLine(text)
  return shown === text ? value : shown
}

/**
 * Makes those loggers safe that are in use where this layer is provided. Choose the loggers above it.
 *
 * @example
 * ```ts
 * import { HttpMiddleware, HttpServer, HttpServerResponse } from "@effect/platform"
 * import { Effect, Layer, Logger } from "effect"
 * import { SafeLogger, TsgiHttpServer } from "tsgi/effect"
 *
 * const server = HttpServer.serve(Effect.succeed(HttpServerResponse.empty()), HttpMiddleware.logger).pipe(
 *   Layer.provide(TsgiHttpServer.layer({ port: 8090 })),
 *   Layer.provide(SafeLogger.layer),
 *   Layer.provide(Logger.logFmt)
 * )
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.scopedDiscard(
  Effect.locallyScopedWith(
    FiberRef.currentLoggers,
    // the tracer's logger writes no text
    HashSet.map((logger) => logger === Logger.tracerLogger ? logger : make(logger))
  )
)
