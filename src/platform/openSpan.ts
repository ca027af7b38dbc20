/**
 * Makes the span of a request, for code that reads it.
 *
 * @since 0.2.0
 */
import * as HttpApp from "@effect/platform/HttpApp"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import { type OpenSpan, startingWith, traced } from "./RequestSpan.js"
import type { ServedApp } from "./ServedApp.js"

/**
 * Makes the span with the platform's own tracing, around an app that waits for the response.
 *
 * @since 0.2.0
 * @category constructors
 */
export const openSpan = (
  served: ServedApp,
  services: Map<string, unknown>,
  request: { readonly age: number }
): OpenSpan => {
  let span: Tracer.Span | undefined
  let finish: OpenSpan["finish"] = () => undefined
  const held = Effect.flatMap(Effect.orDie(Effect.currentSpan), (current) => {
    span = current
    return Effect.async<HttpServerResponse, unknown>((resume) => {
      finish = resume
    })
  })
  // with middleware, the span ends with the exit of the middleware; without, with the response made from the app's exit
  const around = served.pipeline === undefined ? undefined : () => held
  served.fork(startingWith(traced(HttpApp.toHandled(held, () => Effect.void, around)), request), services)
  if (span === undefined) throw new Error("the tracer gave no span")
  return { span, finish: (exit) => finish(exit) }
}
