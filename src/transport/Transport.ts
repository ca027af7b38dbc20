/**
 * One accepted byte stream, over TCP, TLS, a unix socket or memory.
 *
 * A transport calls the events with which it was opened. Each kind of listener builds its own. The engine knows nothing else
 * about the network.
 *
 * @module
 * @since 0.1.0
 */
import type { PeerFacts } from "../exchange/PeerFacts.js"
import type { TransportError } from "../exchange/ServerError.js"

export type { TlsInfo } from "../exchange/PeerFacts.js"

/**
 * The events of a transport. It calls none of these before `open` has returned, and none after `closed`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransportEvents {
  /** Bytes have arrived. From now on they belong to the receiver. */
  readonly data: (bytes: Uint8Array) => void
  /** The peer has closed its sending half; it may still read. */
  readonly end: () => void
  /** The kernel has taken bytes that it could not take at once. */
  readonly progress: () => void
  /** The stream is closed in both directions. It is called exactly once. */
  readonly closed: (error: TransportError | undefined) => void
}

/**
 * One accepted byte stream, whatever carries it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transport extends PeerFacts {
  /** Begins delivery. It is called once. */
  readonly open: (events: TransportEvents) => void
  /** Sends bytes, or latin-1 text. It never waits; `pending` tells about back-pressure. */
  readonly write: (data: string | Uint8Array) => void
  /** Holds writes back until `uncork`, so that they leave together. */
  readonly cork: () => void
  readonly uncork: () => void
  /** Bytes that any owner of the stream has written and the kernel has not yet taken. */
  readonly pending: number
  /** Bytes that the kernel has taken since the beginning, from any owner of the stream. */
  readonly handed: number
  /** Stops and restarts `data` and `end`. */
  readonly pause: () => void
  readonly resume: () => void
  /** Closes the sending half, once everything written has left. */
  readonly end: () => void
  /** Drops the stream at once. */
  readonly destroy: () => void
  /**
   * Gives the stream itself away, for a protocol that is not HTTP: on Node, a `node:stream` Duplex. No event follows but
   * `closed`.
   * `owes` is called when the kernel has not taken at once what was written.
   */
  readonly detach: (owes: () => void) => unknown
}
