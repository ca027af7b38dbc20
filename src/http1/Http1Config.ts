/**
 * The settings that only HTTP/1 has.
 *
 * @since 0.2.0
 */
import type { FieldCase } from "../protocol/h1/headLines.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Http1Config {
  /** Keep connections for further requests? Default `true`. */
  readonly keepAlive: boolean
  /** Whole seconds for `Keep-Alive: timeout=` to clients that ask for keep-alive. Default: the field is not sent. */
  readonly keepAliveSeconds: number | undefined
  /** Highest minor version of HTTP/1 to speak. Default 1. */
  readonly maxMinorVersion: 0 | 1
  /** Field names of responses: title-cased, or as given. Default `title`. */
  readonly fieldCase: FieldCase
  /**
   * When a client closes its sending half while it waits: with `answer` it still gets the answer, as `nc` expects; with
   * `abort` it counts as gone, as with node:http. Default `answer`.
   */
  readonly halfClose: "answer" | "abort"
  /** After a chunked body and an explicit 100, another chunked body may follow in the same request. Default `false`. */
  readonly multiPhaseBody: boolean
}
