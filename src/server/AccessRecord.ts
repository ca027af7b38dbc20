/**
 * The record of a request in the access log.
 *
 * @since 0.1.0
 */
import type { Address } from "../exchange/Address.js"
import type { Outcome } from "../exchange/Outcome.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { RequestHead } from "../protocol/requestHead.js"

/**
 * One request, after it and its post hooks have ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessRecord {
  /** Number of the connection, counted from 1. */
  readonly connectionId: number
  /** The peer. */
  readonly remote: Address
  /** The client that a trusted proxy names; absent without the option `forwarded`. */
  readonly client?: Address | undefined
  /** The request in one line, of HTTP/1 its request line as received; empty if it could not be read. */
  readonly requestLine: string
  /** Absent for a request that was refused before the application was called. */
  readonly request: RequestHead | undefined
  /**
   * The status of the answer. Without one: 499 for a client that left, 503 for a request that was cut when the server stopped,
   * 101 for a connection that was taken over.
   */
  readonly status: number
  /** Body bytes handed to the kernel. */
  readonly bodyBytes: number
  /** All bytes handed to the kernel: interim responses, head, framing and body. */
  readonly wireBytes: number
  /**
   * When the head was complete, or when the first bytes of a refused request arrived: milliseconds since the epoch, by the
   * system's clock at the end of the request.
   */
  readonly startTime: number
  /**
   * When the response was handed to the kernel or given up. An adjustment of the system's clock does not change `endTime -
   * startTime`.
   */
  readonly endTime: number
  /** How the exchange ended; absent for a refused request. */
  readonly outcome: Outcome | undefined
  /** Why the request was refused; absent for an exchange. */
  readonly refused: RequestError | undefined
}
