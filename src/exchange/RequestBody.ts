/**
 * The body of a request, pulled by the application.
 *
 * Nothing is read ahead of the application, apart from what the connection's buffer holds. The first pull sends the 100 for which
 * a client waits.
 *
 * @module
 * @since 0.1.0
 */
import type { BodyEnd } from "../protocol/bodyMessage.js"
import type { Fields } from "../protocol/fields.js"
import type { BodyError } from "./ServerError.js"

/**
 * The body of a request, taken piece by piece.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestBody {
  /** Whether the request has a body, even an empty one. */
  readonly isThere: boolean
  /** Bytes of the body; `undefined` if only its end tells. */
  readonly length: number | undefined
  /** Body bytes given to the application so far. */
  readonly bytes: number
  /** Whether the end of the body was read. */
  readonly complete: boolean
  /** Whether reading has failed. Then it may be unknown where the body ends. */
  readonly failed: boolean
  /** Trailer fields (RFC 9110, 6.5); empty until the end was read. */
  readonly trailers: Fields
  /**
   * Takes what has arrived: bytes (never empty), the end (again and again), a {@link BodyError} (again and again), or `undefined`
   * if there is nothing yet; then `wait`.
   */
  readonly take: () => Uint8Array | BodyEnd | BodyError | undefined
  /** Calls back once, when `take` has something to give. Returns a function that cancels that. */
  readonly wait: (callback: () => void) => () => void
  /**
   * Whether the body may be read on in this tick. If not, `wait` calls back in the next one, because an application that reads in
   * small parts what a client has sent at once would make all others wait. This is for a reader that buffers; `take` checks it
   * itself.
   */
  readonly mayRead: () => boolean
}
