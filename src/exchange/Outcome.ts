/**
 * How an exchange ended.
 *
 * @module
 * @since 0.1.0
 */

/**
 * - `Sent`: the application's response was handed to the kernel, to its last byte.
 * - `Aborted`: the client, the server's stop, or code that closed the socket's scope ended it; `reason` says which.
 * - `Failed`: the application failed; `error` is its failure.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = Sent | Aborted | Failed

/**
 * The facts that every outcome has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Facts {
  /** The status of the final response; `undefined` if none was begun. */
  readonly status: number | undefined
  /** Body bytes handed to the kernel, without framing. */
  readonly bodyBytes: number
  /** All bytes of the exchange handed to the kernel: interim responses, head, framing and body. */
  readonly wireBytes: number
  /** The number of interim responses that were sent. */
  readonly interimResponses: number
  /** When the head was read, in milliseconds since the epoch, monotonic, with fractions; so are the next two. */
  readonly startTime: number
  /**
   * When the final head was given to the transport. If the whole exchange left with it, or nothing could leave any more, this is
   * when the exchange ended. `undefined` if no final response was begun.
   */
  readonly firstByteTime: number | undefined
  readonly endTime: number
}

/**
 * The response was handed to the kernel, to its last byte.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sent extends Facts {
  readonly _tag: "Sent"
}

/**
 * The response was not sent whole, and the application is not to blame.
 *
 * @since 0.1.0
 * @category models
 */
export interface Aborted extends Facts {
  readonly _tag: "Aborted"
  readonly reason: AbortReason
}

/**
 * `ClientGone`: the client has closed or reset its connection or stream · `ReadTimeout`: the body stopped coming ·
 * `WriteTimeout`: the client stopped reading · `BadRequest`: the body was malformed or too large, and the application did not
 * answer that itself · `Stopped`: the server stopped · `Closed`: the application closed the socket's scope · `HandlerTimeout`:
 * the application did not begin its answer within `timeouts.handler`, or to read a long body within `timeouts.request`; the
 * application is told this reason, while the outcome is `Failed`.
 *
 * @since 0.1.0
 * @category models
 */
export type AbortReason =
  | "ClientGone"
  | "ReadTimeout"
  | "WriteTimeout"
  | "BadRequest"
  | "Stopped"
  | "Closed"
  | "HandlerTimeout"

/**
 * The application failed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failed extends Facts {
  readonly _tag: "Failed"
  readonly error: unknown
}
