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
 * What is known of a request when everything about it is over, its post hooks included.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessRecord {
  /** Which connection, counted from 1. */
  readonly connectionId: number
  /** The peer. */
  readonly remote: Address
  /** The client that the peer asks for, where it is a trusted proxy and the option `forwarded` lets it be believed. */
  readonly client?: Address | undefined
  /** The request line as it came; empty when it could not be read. */
  readonly requestLine: string
  /** Absent when the request was refused before the application saw it. */
  readonly request: RequestHead | undefined
  /**
   * The status answered. Where none was: 499 when the client left, 503 when the server's stop cut the request, 101 when the
   * connection was taken over.
   */
  readonly status: number
  /** Body bytes handed to the kernel. */
  readonly bodyBytes: number
  /** All bytes handed to the kernel: interim responses, head, framing and body. */
  readonly wireBytes: number
  /**
   * When the request was read, or of a refused one the first bytes of it, in milliseconds since the epoch as the system's
   * clock has it at the end.
   */
  readonly startTime: number
  /** When the response was handed over or given up. Setting the clock meanwhile does not change the time between. */
  readonly endTime: number
  /** How the exchange ended; absent for a refused request. */
  readonly outcome: Outcome | undefined
  /** Why the request was refused; absent for an exchange. */
  readonly refused: RequestError | undefined
}
