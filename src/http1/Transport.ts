/**
 * One accepted byte stream, whatever carries it: TCP, TLS, a unix socket or memory.
 *
 * A transport pushes: it calls the events it was opened with. Each kind of listener builds its own; the engine knows
 * nothing else of the network.
 *
 * @since 0.1.0
 */
import type { PeerFacts } from "../exchange/PeerFacts.js"
import type { TransportError } from "../exchange/ServerError.js"

export type { TlsInfo } from "../exchange/PeerFacts.js"

/**
 * What a transport tells its connection. Nothing is told before `open` returned, and nothing after `closed`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransportEvents {
  /** Bytes came. They are the receiver's from here on. */
  readonly data: (bytes: Uint8Array) => void
  /** The peer will send no more; it may still read. */
  readonly end: () => void
  /** Bytes that `write` could not hand over at once have been handed to the kernel since. */
  readonly progress: () => void
  /** The stream is gone, both ways. Called exactly once. */
  readonly closed: (error: TransportError | undefined) => void
}

/**
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
  /** Bytes written and not yet handed to the kernel, by any owner of the stream. */
  readonly pending: number
  /** Bytes handed to the kernel since the beginning, by any owner of the stream. */
  readonly handed: number
  /** Stops and restarts `data` and `end`. */
  readonly pause: () => void
  readonly resume: () => void
  /** Says that no more will be sent, once everything written is out. */
  readonly end: () => void
  /** Drops the stream at once. */
  readonly destroy: () => void
  /**
   * Gives the stream itself away, for a protocol that is not HTTP: a `node:stream` Duplex on Node. No event follows but
   * `closed`; `owes` is called when something was written that the kernel has not taken at once.
   */
  readonly detach: (owes: () => void) => unknown
}
