/**
 * Bounds on what a peer may send, and the few rules that can be relaxed.
 *
 * @since 0.1.0
 */

/**
 * Bounds on one message in any version of HTTP. A message of exactly this size is accepted.
 *
 * @since 0.2.0
 */
export interface MessageLimits {
  /** One field line in bytes, without its line end; more is answered 431. Default 8192. */
  readonly fieldLine: number
  /** All field lines in bytes, line ends included; more is answered 431. Default 65536. */
  readonly fieldSection: number
  /**
   * Number of field lines that came; more is answered 431. A Host that is made of an absolute target is not one of them: its
   * bytes are those of the request line. Default 100.
   */
  readonly fieldCount: number
  /** Trailer section in bytes, line ends included; more is answered 431. Default 8192. */
  readonly trailerSection: number
  /** Body in bytes after decoding; more is answered 413. Default `Infinity`, because bodies are streamed and not kept. */
  readonly body: number
}

/**
 * Bounds on one message of HTTP/1. A message of exactly this size is accepted.
 *
 * @since 0.1.0
 */
export interface Limits extends MessageLimits {
  /** Request line in bytes, without its line end; more is answered 414. Default 8192. */
  readonly requestLine: number
  /** Chunk extensions of all chunks of one body in bytes; more is answered 400. Default 16384. */
  readonly chunkExtensions: number
}

/**
 * The limits of a server that is given none.
 *
 * @since 0.1.0
 */
export const defaultLimits: Limits = {
  requestLine: 8192,
  fieldLine: 8192,
  fieldSection: 65536,
  fieldCount: 100,
  chunkExtensions: 16384,
  trailerSection: 8192,
  body: Infinity
}

/**
 * The rules that an operator may relax. In any case, bare LF or CR, space before a colon, unknown transfer codings, differing
 * lengths and malformed chunks are refused.
 *
 * @since 0.1.0
 */
export interface Leniency {
  /** With `true`, HTTP/1.1 requests must have a Host field (RFC 9112, 3.2). Default `true`. */
  readonly requireHost: boolean
  /**
   * With `true`, Content-Length is accepted beside `Transfer-Encoding: chunked`. Then chunked wins, and the connection closes
   * after the answer (RFC 9112, 6.3). Default `false`.
   */
  readonly allowContentLengthWithTransferEncoding: boolean
  /** With `true`, chunk extensions, which are skipped, may have control bytes, including NUL. Default `false`. */
  readonly allowControlsInChunkExtensions: boolean
  /** With `true`, the request target may have bytes above 0x7F (RFC 3986 has none). Default `false`. */
  readonly allowNonAsciiTarget: boolean
}

/**
 * The rules without any relaxation.
 *
 * @since 0.1.0
 */
export const strict: Leniency = {
  requireHost: true,
  allowContentLengthWithTransferEncoding: false,
  allowControlsInChunkExtensions: false,
  allowNonAsciiTarget: false
}
