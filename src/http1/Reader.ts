/**
 * The reader of a connection's requests.
 *
 * @since 0.2.0
 */
import type { RequestMessage } from "../protocol/h1/requestReader.js"

/**
 * A connection's incoming half: bytes in, messages out, one request after another. `RequestReader` of `tsgi/protocol` is one; a
 * plain object, or a wrapper around another reader, will do. No method may wait or throw.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reader {
  /** Bytes received that no message has taken yet. */
  readonly buffered: number
  /** Whether a part of the next head has arrived. */
  readonly inHead: boolean
  /** The request line of the last head that was begun, as it came; empty where there is none. Logged for a refused request. */
  readonly requestLine: string
  /** Stores bytes from the peer. They are the reader's from here on. */
  readonly receive: (bytes: Uint8Array) => void
  /**
   * The next message, or `undefined` when more bytes are needed. A `RequestStart` is followed by any number of `BodyPiece`s and
   * one `BodyEnd`, also where there is no body. A `Failure` is the last message.
   */
  readonly next: () => RequestMessage | undefined
  /** After the `BodyEnd` of a chunked body: another chunked body comes instead of another request (`multiPhaseBody`). */
  readonly expectAnotherBody: () => void
  /** Returns the bytes that were received and not used, for the protocol that takes the connection over. */
  readonly takeRest: () => Uint8Array
}
