/**
 * The Scope of an accepted socket. It is open until the connection ends.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Scope from "effect/Scope"

/**
 * The finalizers of this scope run after the last request of the connection and its post hooks, and before the socket is closed.
 * Fibers that are forked in it are interrupted then. To close the scope ends the running request first, whose own scope closes
 * before this one.
 *
 * @since 0.2.0
 * @category tags
 */
export class SocketScope extends Context.Tag("tsgi/SocketScope")<SocketScope, Scope.CloseableScope>() {}
