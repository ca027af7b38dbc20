/**
 * The Scope of an accepted socket: it is there from the time when the socket is let in until it is closed.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Scope from "effect/Scope"

/**
 * What is added to it is released after the last request on the connection, its post hooks among it, and before the socket is
 * closed; a fiber that is forked in it is interrupted then. Each request's own scope is its child: to close it ends the request
 * that is running.
 *
 * @since 0.2.0
 * @category tags
 */
export class SocketScope extends Context.Tag("tsgi/SocketScope")<SocketScope, Scope.CloseableScope>() {}
