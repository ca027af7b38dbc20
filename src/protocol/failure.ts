/**
 * The rules that a peer's bytes can break, as plain values. The first offending byte decides the failure, so the failure does not
 * depend on how the bytes were cut.
 *
 * @since 0.1.0
 */

const statuses = {
  // request line (RFC 9112, 3)
  MalformedRequestLine: 400,
  RequestLineTooLong: 414,
  MalformedTarget: 400,
  UnsupportedVersion: 505,
  // field lines (RFC 9112, 5)
  BareCarriageReturn: 400,
  BareLineFeed: 400,
  MalformedFieldName: 400,
  SpaceBeforeColon: 400,
  ObsoleteLineFolding: 400,
  MalformedFieldValue: 400,
  FieldLineTooLong: 431,
  FieldSectionTooLarge: 431,
  TooManyFields: 431,
  // Host (RFC 9112, 3.2)
  MissingHost: 400,
  RepeatedHost: 400,
  MalformedHost: 400,
  // framing (RFC 9112, 6)
  MalformedContentLength: 400,
  DifferingContentLength: 400,
  ContentLengthWithTransferEncoding: 400,
  MalformedTransferEncoding: 400,
  UnsupportedTransferCoding: 501,
  TransferEncodingInHttp10: 400,
  RepeatedSingletonField: 400,
  // content (RFC 9112, 7)
  MalformedChunkSize: 400,
  MalformedChunkExtension: 400,
  ChunkExtensionsTooLong: 400,
  MalformedChunkData: 400,
  BodyTooLarge: 413,
  // what has no name of its own here: for replaced parsers and other protocols
  MalformedHead: 400,
  MalformedBody: 400,
  ProtocolError: 400
} as const

/**
 * The name of a broken rule.
 *
 * @since 0.1.0
 */
export type FailureReason = keyof typeof statuses

/**
 * A refused message: the rule, the status of the answer, and one sentence for the log.
 *
 * @since 0.1.0
 */
export interface Failure {
  readonly _tag: "Failure"
  readonly reason: FailureReason
  readonly status: number
  readonly message: string
}

/**
 * Makes a {@link Failure}, whose status follows from the reason.
 *
 * @since 0.1.0
 */
export const failure = (reason: FailureReason, message: string): Failure => ({
  _tag: "Failure",
  reason,
  status: statuses[reason],
  message
})

/**
 * All reasons with their statuses, for tables, tests and metrics.
 *
 * @since 0.1.0
 */
export const failureStatuses: Readonly<Record<FailureReason, number>> = statuses
