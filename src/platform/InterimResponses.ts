/**
 * Sends interim responses from any handler or middleware: these Effects need only the request.
 *
 * @module
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { InterimError } from "../exchange/ServerError.js"
import { type FieldPairs, takeFields } from "../protocol/heads.js"
import { ServerRequest } from "./ServerRequest.js"

export { InterimError } from "../exchange/ServerError.js"
export { InterimResponses, layer } from "../server/InterimResponses.js"

/**
 * Fields as a record, or as pairs if a name occurs more than once or its case matters.
 *
 * @since 0.1.0
 * @category models
 */
export type HeadersInput = Readonly<Record<string, string>> | FieldPairs

/**
 * Sends an interim response at once: any 1xx but 101, and any number of them. An explicit 100 counts as the one for which the
 * client waits, which the first read of the body would send otherwise.
 *
 * Fails with an `InterimError`: `TooLate` once the final response has begun, `Unsupported` for an HTTP/1.0 client or on
 * another HttpServer, `InvalidHeader` for a status or a field that cannot be sent.
 *
 * @since 0.1.0
 * @category combinators
 */
export const send = (
  status: number,
  headers: HeadersInput = []
): Effect.Effect<void, InterimError, HttpServerRequest> => {
  const fields = pairs(headers)
  return withExchange((exchange) => exchange.interim(status, fields))
}

const continue_ = (headers?: HeadersInput): Effect.Effect<void, InterimError, HttpServerRequest> => send(100, headers)

export {
  /**
   * Sends a 100 Continue at once, with fields of its own (RFC 9110, 15.2.1).
   *
   * @since 0.1.0
   * @category combinators
   */
  continue_ as continue
}

/**
 * Sends 103 Early Hints (RFC 8297), so that the client can load what the answer will need.
 *
 * @example
 * ```ts
 * import { HttpServerResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import { InterimResponses } from "tsgi/effect"
 *
 * const page = Effect.gen(function*() {
 *   yield* InterimResponses.earlyHints({ Link: "</style.css>; rel=preload; as=style" })
 *   return yield* HttpServerResponse.html`<link rel="stylesheet" href="/style.css">`
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const earlyHints = (headers: HeadersInput): Effect.Effect<void, InterimError, HttpServerRequest> =>
  send(103, headers)

/**
 * Sets the fields of the 100 that the first read of the body sends, if the client waits for one.
 *
 * Fails with an `InterimError`: `TooLate` if the client waits for a 100, and one was already sent or the final response has
 * begun; `InvalidHeader` for a field that cannot be sent; `Unsupported` on another HttpServer.
 *
 * @example
 * ```ts
 * import { HttpServerRequest, HttpServerResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import { InterimResponses } from "tsgi/effect"
 *
 * const upload = Effect.gen(function*() {
 *   const request = yield* HttpServerRequest.HttpServerRequest
 *   yield* InterimResponses.setContinueHeaders({ "Upload-Limit": "1000000" })
 *   const text = yield* request.text // sends the 100
 *   return HttpServerResponse.text(`${text.length} bytes read`)
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const setContinueHeaders = (headers: HeadersInput): Effect.Effect<void, InterimError, HttpServerRequest> => {
  const fields = pairs(headers)
  return withExchange((exchange) => exchange.setContinueFields(fields))
}

const withExchange = (
  act: (exchange: ServerRequest["source"]) => InterimError | undefined
): Effect.Effect<void, InterimError, HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest, (request) => {
    if (!(request instanceof ServerRequest)) {
      return Effect.fail(
        new InterimError({
          reason: "Unsupported",
          description: "this HttpServer has no interim responses, serve the app with TsgiHttpServer"
        })
      )
    }
    const refused = act(request.call.exchange)
    return refused === undefined ? Effect.void : Effect.fail(refused)
  })

// An effect may be run more than once, so an iterable is read beforehand. Other values are refused when they are sent.
const pairs = (headers: HeadersInput): FieldPairs =>
  isPairs(headers) ? takeFields(headers) : Predicate.isRecord(headers) ? Object.entries(headers) : headers

const isPairs = (headers: HeadersInput): headers is FieldPairs =>
  Predicate.isObject(headers) && Symbol.iterator in headers
