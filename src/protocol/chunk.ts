/**
 * Chunked bodies on their way out (RFC 9112, 7.1).
 *
 * @since 0.1.0
 */

/**
 * What goes before the data of a chunk of `length` bytes; behind the data goes {@link chunkEnd}. A chunk of length 0
 * would end the body, so it has no head: use {@link lastChunk}.
 *
 * @since 0.1.0
 */
export const chunkHead = (length: number): string => `${length.toString(16)}\r\n`

/**
 * @since 0.1.0
 */
export const chunkEnd = "\r\n"

/**
 * The end of a chunked body without trailers.
 *
 * @since 0.1.0
 */
export const lastChunk = "0\r\n\r\n"
