/**
 * One accepted byte stream, whatever carries it: TCP, TLS, a unix socket or memory.
 *
 * A transport pushes: it calls the events it was opened with. Each kind of listener builds its own; the engine knows
 * nothing else of the network.
 *
 * @since 0.1.0
 */
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import type { Address } from "./Address.js"
import type { TransportError } from "./ServerError.js"

/**
 * What a TLS session agreed on.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsInfo {
  /** Such as `TLSv1.3`. */
  readonly protocol: string | undefined
  /** Such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string | undefined
  /** The name that the client asked for (SNI, RFC 6066). */
  readonly serverName: string | undefined
  /** The application protocol agreed on (ALPN, RFC 7301). */
  readonly alpnProtocol: string | undefined
  /** Did the client show a certificate that the authorities given vouch for? */
  readonly authorized: boolean
  /** The client's certificate in DER form, where it showed one. */
  readonly peerCertificate: Uint8Array | undefined
}

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
export interface Transport {
  readonly local: Address
  /** Unix peers have no name: their path is empty. */
  readonly remote: Address
  readonly tls: TlsInfo | undefined
  /**
   * The PROXY header that it began with, which `remote` is from; absent where none was asked for.
   *
   * @since 0.2.0
   */
  readonly proxy?: ProxyHeader | undefined
  /** Begins delivery. Called once. */
  readonly open: (events: TransportEvents) => void
  /** Sends bytes, or latin-1 text. Never waits; look at `pending` for back-pressure. */
  readonly write: (data: string | Uint8Array) => void
  /** Holds writes back until `uncork`, so that they leave together. */
  readonly cork: () => void
  readonly uncork: () => void
  /** Bytes written and not yet handed to the kernel, by whoever has the stream. */
  readonly pending: number
  /** Bytes handed to the kernel since the beginning, by whoever has the stream. */
  readonly handed: number
  /** Stops and restarts `data` and `end`. */
  readonly pause: () => void
  readonly resume: () => void
  /** Says that no more will be sent, once everything written is out. */
  readonly end: () => void
  /** Drops the stream at once. */
  readonly destroy: () => void
  /**
   * Runs a callback in the async context of this stream: what an application keeps in an `AsyncLocalStorage` for one client
   * must not be seen by code that runs for another.
   */
  readonly run: <A, B>(callback: (first: A, second: B) => void, first: A, second: B) => void
  /**
   * Gives the stream itself away, for a protocol that is not HTTP: a `node:stream` Duplex on Node. No event follows but
   * `closed`; `owes` is called when something was written that the kernel has not taken at once.
   */
  readonly detach: (owes: () => void) => unknown
}
