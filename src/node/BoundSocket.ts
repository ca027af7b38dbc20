/**
 * Sockets that are bound but do not listen yet, as scoped resources.
 *
 * @module
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { BindError, bindErrorFrom } from "../exchange/ServerError.js"
import { bind, type BindOptions, type BoundSocket } from "./bind.js"
import { describe } from "./listenChecks.js"

export {
  /**
   * @since 0.2.0
   * @category constructors
   */
  bind,
  /**
   * @since 0.2.0
   * @category models
   */
  type BindOptions,
  /**
   * @since 0.2.0
   * @category models
   */
  type BoundSocket
} from "./bind.js"

/**
 * {@link bind} as a scoped resource: the socket is closed with the Scope. Fails with a `BindError`, whose reason is
 * `InvalidOptions` for an invalid option.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (options: BindOptions = {}): Effect.Effect<BoundSocket, BindError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => bind(options),
      catch: (error) => error instanceof BindError ? error : bindErrorFrom(error, describe(options))
    }),
    (socket) => Effect.sync(socket.close)
  )
