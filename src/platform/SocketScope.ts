/**
 * Gives any handler or middleware the Scope of the connection on which its request has arrived.
 *
 * @module
 * @since 0.2.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SocketScope } from "../server/SocketScope.js"
import { ServerRequest } from "./ServerRequest.js"

export { SocketScope }

/**
 * The error on another HttpServer, which does not give access to its sockets.
 *
 * @since 0.2.0
 * @category errors
 */
export class SocketScopeError extends Data.TaggedError("SocketScopeError")<{
  readonly reason: "Unsupported"
}> {
  override get message(): string {
    return "Unsupported: this HttpServer has no scope of the socket, serve the app with TsgiHttpServer"
  }
}

/**
 * The scope of the connection on which the request has arrived. Resources in it (`Scope.addFinalizer`, `Scope.extend`) are
 * released once: after the last request on the connection and its post hooks, however that request ends, and before the socket is
 * closed. Fibers in it (`Effect.forkIn`) are interrupted then. Finalizers get a failure if a request was cut short.
 *
 * To close the scope ends the connection: the running request is interrupted, its hooks get the outcome `Aborted` with the reason
 * `Closed`, the scope's resources are released, and the socket is closed. `Scope.close` ends when all of this is done. In
 * handlers, hooks and finalizers of the same connection it ends at once, because they would wait for themselves.
 *
 * Fails with a {@link SocketScopeError} on another HttpServer.
 *
 * @example
 * ```ts
 * import { HttpServerResponse } from "@effect/platform"
 * import { Effect, Scope } from "effect"
 * import { TsgiHttpServer } from "tsgi/effect"
 *
 * const handler = Effect.gen(function*() {
 *   const scope = yield* TsgiHttpServer.socketScope
 *   yield* Scope.addFinalizer(scope, Effect.log("the connection has ended"))
 *   return HttpServerResponse.text("Hello, World!")
 * })
 * ```
 *
 * @since 0.2.0
 * @category accessors
 */
export const get: Effect.Effect<Scope.CloseableScope, SocketScopeError, HttpServerRequest> = Effect.flatMap(
  HttpServerRequest,
  (request) =>
    request instanceof ServerRequest
      ? Effect.succeed(request.call.exchange.socketScope)
      : Effect.fail(new SocketScopeError({ reason: "Unsupported" }))
)

/**
 * Provides an app with the tag {@link SocketScope}. On this server the context of every handler has the scope; `provide` tells
 * the compiler so, and fails on another HttpServer as {@link get} does.
 *
 * @since 0.2.0
 * @category combinators
 */
export const provide = <E, R>(
  app: HttpApp.Default<E, R>
): HttpApp.Default<E | SocketScopeError, HttpServerRequest | Exclude<R, SocketScope>> =>
  Effect.provideServiceEffect(app, SocketScope, get)
