/**
 * Loggers that nobody can forge, for what programs log themselves: `Effect.log` of what a client chose, or the failures and
 * addresses that `HttpMiddleware.logger` tells. What the server says needs none of this.
 *
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
 * A logger that is given text only: control characters, what turns the direction of writing and halves of surrogate pairs are
 * escaped as in JSON, lines behind a first are indented; in messages, causes, annotations (their names too) and log spans.
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
  // an object that would be harmful as text is given as text
  const text = Inspectable.toStringUnknown(value, 0)
  const shown = inOneLine(text)
  return shown === text ? value : shown
}

/**
 * Makes the loggers safe that there are where it is provided. Choose loggers above it.
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
    // that of spans writes no line
    HashSet.map((logger) => logger === Logger.tracerLogger ? logger : make(logger))
  )
)
