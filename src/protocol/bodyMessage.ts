/**
 * The body of a request as messages: its pieces, and its end.
 *
 * @since 0.1.0
 */
import type { Fields } from "./fields.js"

/**
 * A part of the body, which is never empty.
 *
 * @since 0.1.0
 */
export interface BodyPiece {
  readonly _tag: "BodyPiece"
  readonly bytes: Uint8Array
}

/**
 * The end of a body, with its trailer fields.
 *
 * @since 0.1.0
 */
export interface BodyEnd {
  readonly _tag: "BodyEnd"
  readonly trailers: Fields
}

/**
 * The end of a body without trailers.
 *
 * @since 0.1.0
 */
export const emptyEnd: BodyEnd = { _tag: "BodyEnd", trailers: [] }
