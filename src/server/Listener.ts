/**
 * What accepts connections.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../exchange/Address.js"
import type { BindError, TransportError } from "../exchange/ServerError.js"
import type { Transport } from "../http1/Transport.js"

/**
 * What a bound listener tells the server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acceptor {
  /** A connection came, and is secured where it should be. Its transport is not open yet. */
  readonly accepted: (transport: Transport) => void
  /**
   * A connection was lost before it could be accepted: the handshake failed, or the system refused. `remote` is its peer,
   * `undefined` where there was none yet.
   */
  readonly lost: (error: TransportError, remote: string | undefined) => void
  /**
   * The listening socket was closed by other code: the server is to stop.
   *
   * @since 0.2.0
   */
  readonly closed?: () => void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Bound {
  readonly address: Address
  readonly scheme: "http" | "https"
  /**
   * Connections whose handshakes are in progress; absent where there can be none. They survive the closing of the listening
   * socket: a server that stops still accepts them while it settles.
   *
   * @since 0.2.0
   */
  readonly arriving?: Arriving
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Arriving {
  readonly size: number
  readonly dropAll: () => void
}

/**
 * Binds when its Effect is run, within a Scope. Closing the scope accepts the connections that have come, then closes the
 * listening socket, and no connection.
 *
 * @since 0.1.0
 * @category tags
 */
export class Listener extends Context.Tag("tsgi/Listener")<Listener, {
  /**
   * Binds, and begins to accept at once. `handshakeTimeout` is in milliseconds, `handshakes` is how many may be under way at a
   * time, and `address` is that of an earlier binding, to bind there again.
   */
  readonly bind: (
    acceptor: Acceptor,
    options: {
      readonly handshakeTimeout: number
      readonly handshakes: number
      readonly address?: Address | undefined
    }
  ) => Effect.Effect<Bound, BindError, Scope.Scope>
}>() {}
