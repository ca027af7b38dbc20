/**
 * The other end of a connection, as a handler sees it.
 *
 * @since 0.2.0
 */
import type { Address } from "./Address.js"
import type { PeerFacts } from "./PeerFacts.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Peer {
  /** The number of the connection, counted from 1. */
  readonly id: number
  readonly local: Address
  /** The address of the peer. The path of a unix peer is empty. */
  readonly remote: Address
  readonly tls: PeerFacts["tls"]
  /** The PROXY header with which the connection began; absent if none was asked for. */
  readonly proxy: PeerFacts["proxy"]
  /** The name of the peer for the log. */
  readonly name: string
  /** The value that a door keeps from one exchange of the connection for the next. */
  readonly cached: unknown
  readonly cache: <A>(value: A) => A
  /** Runs a callback in the async context of the connection. */
  readonly run: <A, B>(callback: (first: A, second: B) => void, first: A, second: B) => void
}
