/**
 * The settings that only HTTP/1 has.
 *
 * @since 0.2.0
 */
import type { FieldCase } from "../protocol/h1/headLines.js"
import type { Leniency, Limits } from "../protocol/limits.js"

/**
 * Bounds that only HTTP/1 has: on what only its messages have, and on what is read to keep a connection.
 *
 * @since 0.2.0
 * @category models
 */
export interface Http1Limits extends Pick<Limits, "requestLine" | "chunkExtensions"> {
  /** Bytes of an unread body that are read and dropped to keep the connection; more closes it. Default 262144. */
  readonly leftoverBody: number
}

/**
 * Deadlines that only HTTP/1 has, in milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface Http1Timeouts {
  /**
   * For a client that has closed its sending half (`halfClose: "answer"`), while the kernel takes none of its answer; then the
   * client counts as gone. Default 5000.
   *
   * @since 0.2.0
   */
  readonly halfClose: number
  /** To read the unread rest of a body, so that the connection is kept. Default 5000. */
  readonly leftoverBody: number
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Http1Config {
  readonly limits: Http1Limits
  readonly timeouts: Http1Timeouts
  /** Rules that are relaxed. Default: none. */
  readonly parser: Leniency
  /** Whether connections are kept for further requests. Default `true`. */
  readonly keepAlive: boolean
  /**
   * Whole seconds for `Keep-Alive: timeout=`, which is sent to clients that ask for keep-alive. Default: the field is not sent.
   */
  readonly keepAliveSeconds: number | undefined
  /** The highest minor version of HTTP/1 that is spoken. Default 1. */
  readonly maxMinorVersion: 0 | 1
  /** Field names of responses: title-cased, or as given. Default `title`. */
  readonly fieldCase: FieldCase
  /**
   * When a client closes its sending half while it waits: with `answer` it still gets the answer, as `nc` expects; with
   * `abort` it counts as gone, as with node:http. Default `answer`.
   */
  readonly halfClose: "answer" | "abort"
  /**
   * With `true`, another chunked body may follow in the same request, after a chunked body and an explicit 100. Default `false`.
   */
  readonly multiPhaseBody: boolean
}
