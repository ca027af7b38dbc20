/**
 * The Scope of the connection that a request came on, for any handler or middleware.
 *
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
 * The socket's scope needs tsgi: another HttpServer gives nobody its sockets.
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
 * The scope of the connection that the request came on. What is added to it (`Scope.addFinalizer`, `Scope.extend`) is released
 * once, after the last request on the connection and its post hooks, however that ends, and before the socket is closed;
 * what is forked in it (`Effect.forkIn`) is interrupted then. Finalizers are given a failure where a request was cut short.
 *
 * To close it ends the connection: the request that is running is interrupted, its hooks are told `Aborted` with the reason
 * `Closed`, what was added is released, and the socket is closed. `Scope.close` ends when that is done, but for handlers, hooks and
 * finalizers of the same connection, which would wait for themselves.
 *
 * Fails with a {@link SocketScopeError} on another HttpServer.
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
 * Gives an app the tag {@link SocketScope}, which is in the context of every handler here: it says so to the compiler, and fails on
 * another HttpServer as {@link get} does.
 *
 * @since 0.2.0
 * @category combinators
 */
export const provide = <E, R>(
  app: HttpApp.Default<E, R>
): HttpApp.Default<E | SocketScopeError, HttpServerRequest | Exclude<R, SocketScope>> =>
  Effect.provideServiceEffect(app, SocketScope, get)
