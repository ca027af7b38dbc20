/**
 * The service that accepts connections.
 *
 * @module
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../exchange/Address.js"
import type { BindError, TransportError } from "../exchange/ServerError.js"
import type { Transport } from "../transport/Transport.js"

/**
 * The server, as a bound listener calls it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acceptor {
  /** Takes an accepted connection, after its TLS handshake. Its transport is not open yet. */
  readonly accepted: (transport: Transport) => void
  /**
   * Reports a connection that was lost before it was accepted: its handshake failed, or the system refused it. `remote` is its
   * peer, or `undefined` if the listener itself failed.
   */
  readonly lost: (error: TransportError, remote: string | undefined) => void
  /**
   * Reports that other code has closed the listening socket. The server then stops.
   *
   * @since 0.2.0
   */
  readonly closed?: () => void
}

/**
 * A listener that accepts.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoundListener {
  readonly address: Address
  readonly scheme: "http" | "https"
  /**
   * Connections whose handshakes are in progress; absent if there can be none. They stay open when the listening socket is
   * closed, because a server that stops still accepts them while it settles.
   *
   * @since 0.2.0
   */
  readonly pending?: PendingHandshakes
}

/**
 * Connections that have not completed their TLS handshake or PROXY header.
 *
 * @since 0.2.0
 * @category models
 */
export interface PendingHandshakes {
  readonly size: number
  /** Closes all of these connections, and reports each as lost. */
  readonly dropAll: () => void
}

/**
 * Binds within a Scope. When the scope closes, the listener accepts the connections that wait in the system's queue and then
 * closes its listening socket. It closes no connection.
 *
 * @since 0.1.0
 * @category tags
 */
export class Listener extends Context.Tag("tsgi/Listener")<Listener, {
  /**
   * Binds, and begins to accept at once. `handshakeTimeout` is in milliseconds, `handshakes` is how many may be in progress at a
   * time, and `address` is the address of an earlier binding, to bind there again.
   */
  readonly bind: (
    acceptor: Acceptor,
    options: {
      readonly handshakeTimeout: number
      readonly handshakes: number
      readonly address?: Address | undefined
    }
  ) => Effect.Effect<BoundListener, BindError, Scope.Scope>
}>() {}
