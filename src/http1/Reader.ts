/**
 * The reader of a connection's requests.
 *
 * @since 0.2.0
 */
import type { RequestMessage } from "../protocol/h1/requestReader.js"

/**
 * The incoming half of a connection. It takes bytes and returns messages, one request after another. `RequestReader` of
 * `tsgi/protocol` is one, and so may be a plain object, or a wrapper around another reader. No method may wait or throw.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reader {
  /** Bytes that were received and are not yet part of a message. */
  readonly buffered: number
  /** Whether a part of the next head has arrived. */
  readonly inHead: boolean
  /**
   * The request line of the last head that was begun, as received; empty if there is none. It is logged for a refused request.
   */
  readonly requestLine: string
  /** Stores bytes from the peer. From now on they belong to the reader. */
  readonly receive: (bytes: Uint8Array) => void
  /**
   * The next message, or `undefined` if more bytes are needed. A `RequestStart` is followed by any number of `BodyPiece`s and one
   * `BodyEnd`, even if there is no body. A `Failure` is the last message.
   */
  readonly next: () => RequestMessage | undefined
  /**
   * Called after the `BodyEnd` of a chunked body: another chunked body follows in place of another request (`multiPhaseBody`).
   */
  readonly expectAnotherBody: () => void
  /** Returns the bytes that were received and not used, for the protocol that takes the connection over. */
  readonly takeRest: () => Uint8Array
}
