/**
 * The Scope of an accepted socket: open from the time when the socket is admitted until it is closed.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Scope from "effect/Scope"

/**
 * A finalizer that is added to it runs after the last request on the connection and its post hooks, and before the socket is
 * closed; a fiber that is forked in it is interrupted then. Each request's own scope ends with it, before it: closing the socket's
 * scope ends the request that is running.
 *
 * @since 0.2.0
 * @category tags
 */
export class SocketScope extends Context.Tag("tsgi/SocketScope")<SocketScope, Scope.CloseableScope>() {}
