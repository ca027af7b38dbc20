/**
 * The framing of chunked bodies that are sent (RFC 9112, 7.1).
 *
 * @since 0.1.0
 */

/**
 * The text before the data of a chunk of `length` bytes; {@link chunkEnd} follows the data. A chunk of length 0 would end the
 * body: use {@link lastChunk} for that.
 *
 * @since 0.1.0
 */
export const chunkHead = (length: number): string => `${length.toString(16)}\r\n`

/**
 * The text after the data of a chunk.
 *
 * @since 0.1.0
 */
export const chunkEnd = "\r\n"

/**
 * The end of a chunked body without trailers.
 *
 * @since 0.1.0
 */
export const lastChunk = "0\r\n\r\n"

/**
 * The end of a chunked body with trailers (RFC 9112, 7.1.2), each a line with its line end.
 *
 * @since 0.2.0
 */
export const lastChunkWith = (trailers: string): string => `0\r\n${trailers}\r\n`
