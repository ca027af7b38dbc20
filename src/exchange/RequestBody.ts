/**
 * The body of a request, pulled by the application.
 *
 * Nothing is read ahead of the application, apart from what the connection's buffer holds. The first pull sends the 100 that a
 * client waits for.
 *
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
  /** Bytes it has; `undefined` where only its end tells. */
  readonly length: number | undefined
  /** Body bytes given to the application so far. */
  readonly bytes: number
  /** Whether its end was read. */
  readonly complete: boolean
  /** Whether reading has failed. Then it is unknown where the next request begins. */
  readonly failed: boolean
  /** Trailer fields (RFC 9110, 6.5); empty until the end was read. */
  readonly trailers: Fields
  /**
   * Takes what there is to read: bytes (never empty), the end (again and again), a {@link BodyError} (again and again), or
   * `undefined` while there is nothing; then `wait`.
   */
  readonly take: () => Uint8Array | BodyEnd | BodyError | undefined
  /** Calls back once, when `take` has something to give. Returns a function that cancels that. */
  readonly wait: (callback: () => void) => () => void
  /**
   * Whether it may be read on in this tick. Where not, `wait` calls back in the next: an application that reads in small parts
   * what a client has sent at once would keep all others waiting. For a reader that buffers, because `take` asks this itself.
   */
  readonly mayRead: () => boolean
}
