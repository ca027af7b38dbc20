/**
 * Facts about the request for which a handler or middleware runs. On another HttpServer each of them is empty.
 *
 * @since 0.2.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { TlsInfo } from "../exchange/PeerFacts.js"
import type { Fields } from "../protocol/fields.js"
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import { ServerRequest } from "./ServerRequest.js"

/**
 * The request's fields, in order, case and number as received; empty on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const rawHeaders: Effect.Effect<
  ReadonlyArray<readonly [name: string, value: string]>,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
  if (!(request instanceof ServerRequest)) return []
  return inPairs(request.call.exchange.request.fields)
})

/**
 * The trailer fields of a chunked body (RFC 9110, 6.5), in order, case and number as received. Empty until the body was read to
 * its end, for a request without trailers, and on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const trailers: Effect.Effect<
  ReadonlyArray<readonly [name: string, value: string]>,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => request instanceof ServerRequest ? inPairs(request.call.exchange.body.trailers) : []
)

/**
 * What the connection's TLS session agreed on, with the client's certificate; none without TLS, and on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const tls: Effect.Effect<Option.Option<TlsInfo>, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => Option.fromNullable(request instanceof ServerRequest ? request.call.exchange.peer.tls : undefined)
)

/**
 * The PROXY header with which the connection began: source and destination, and what version 2 adds; none without the option
 * `proxy`, and on another HttpServer.
 *
 * @since 0.2.0
 * @category accessors
 */
export const proxy: Effect.Effect<Option.Option<ProxyHeader>, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => Option.fromNullable(request instanceof ServerRequest ? request.call.exchange.peer.proxy : undefined)
)

/**
 * Waits until the server begins to stop, for event streams and WebSockets that say goodbye. Never ends on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const stopping: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  (request) => request instanceof ServerRequest ? request.call.stopping : Effect.never
)

/**
 * Lets a handler run to its end even if its client has left. It is still interrupted when the server's grace time is over.
 *
 * @since 0.1.0
 * @category combinators
 */
export const keepRunning = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    if (!(request instanceof ServerRequest)) return self
    const { call } = request
    return Effect.acquireUseRelease(
      Effect.sync(() => call.keepRunning()),
      () => self,
      () => Effect.sync(() => call.mayEnd())
    )
  })

const inPairs = (fields: Fields): ReadonlyArray<readonly [name: string, value: string]> =>
  Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]] as const)
