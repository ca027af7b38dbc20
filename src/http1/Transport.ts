/**
 * One accepted byte stream, whatever carries it: TCP, TLS, a unix socket or memory.
 *
 * A transport pushes: it calls the events that it was opened with. Each kind of listener builds its own. The engine knows nothing
 * else of the network.
 *
 * @since 0.1.0
 */
import type { PeerFacts } from "../exchange/PeerFacts.js"
import type { TransportError } from "../exchange/ServerError.js"

export type { TlsInfo } from "../exchange/PeerFacts.js"

/**
 * What a transport tells its connection. It calls none of these before `open` has returned, and none after `closed`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransportEvents {
  /** Bytes came. The receiver owns them from here on. */
  readonly data: (bytes: Uint8Array) => void
  /** The peer has closed its sending half; it may still read. */
  readonly end: () => void
  /** The kernel has taken bytes that it could not take at once. */
  readonly progress: () => void
  /** The stream is closed in both directions. Called exactly once. */
  readonly closed: (error: TransportError | undefined) => void
}

/**
 * One accepted byte stream, whatever carries it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transport extends PeerFacts {
  /** Begins delivery. Called once. */
  readonly open: (events: TransportEvents) => void
  /** Sends bytes, or latin-1 text. Never waits; look at `pending` for back-pressure. */
  readonly write: (data: string | Uint8Array) => void
  /** Holds writes back until `uncork`, so that they leave together. */
  readonly cork: () => void
  readonly uncork: () => void
  /** Bytes that were written, by any owner of the stream, and not taken by the kernel yet. */
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
