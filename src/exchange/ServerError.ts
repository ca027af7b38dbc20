/**
 * What can go wrong, split by cause: the operator ({@link BindError}), the network ({@link TransportError}), the client
 * ({@link RequestError}, {@link BodyError}) or the application ({@link ResponseError}, {@link InterimError}).
 *
 * @module
 * @since 0.1.0
 */
import type { Failure, FailureReason } from "../protocol/failure.js"
import type { InvalidHead } from "../protocol/invalidHead.js"
import { type Address, listenAddress } from "./Address.js"
import type { AbortReason } from "./Outcome.js"
import { TaggedError } from "./TaggedError.js"

/**
 * An invalid option. `option` is its name as written.
 *
 * @since 0.1.0
 * @category errors
 */
export class OptionError extends TaggedError("OptionError")<{
  readonly option: string
  readonly description: string
}> {
  override get message(): string {
    return `${this.option}: ${this.description}`
  }
}

/**
 * The listener could not be bound. `address` is the requested one. With `InvalidOptions` it was not tried, and the message leaves
 * it out.
 *
 * @since 0.1.0
 * @category errors
 */
export class BindError extends TaggedError("BindError")<{
  readonly reason: "AddressInUse" | "AddressNotAvailable" | "PermissionDenied" | "InvalidOptions" | "Other"
  readonly address: string
  readonly cause: unknown
}> {
  override get message(): string {
    const cause = describe(this.cause)
    if (this.reason === "InvalidOptions") return `cannot listen: ${cause}`
    const isPath = /^(?:https\+)?unix:/.test(this.address)
    const code = codeOf(this.cause)
    const why: string | undefined = {
      AddressInUse: code === "EEXIST"
        ? "another file is there already; choose another path"
        : `another process listens there already; stop it or choose another ${isPath ? "path" : "port"}`,
      AddressNotAvailable: code === "ENOTFOUND" || code === "EAI_AGAIN"
        ? "the name cannot be resolved"
        : `this machine has no such ${isPath ? "path" : "address"}`,
      PermissionDenied: `permission denied: use a ${
        isPath ? "folder that this user may write to" : "port from 1024 up"
      }`,
      // the cause says everything
      Other: undefined
    }[this.reason]
    return `cannot listen on ${this.address}: ${why === undefined ? cause : `${why} (${cause})`}`
  }
}

/**
 * The network failed: the connection was reset, timed out or could not be secured.
 *
 * @since 0.1.0
 * @category errors
 */
export class TransportError extends TaggedError("TransportError")<{
  readonly reason: "Reset" | "TimedOut" | "Handshake" | "Accept" | "Proxy" | "Other"
  /**
   * With `Proxy`: there was no PROXY header, it was malformed, it was late, or it was from a peer that is not in `proxyFrom`.
   *
   * @since 0.2.0
   */
  readonly detail?: "Missing" | "Malformed" | "Late" | "Stranger"
  readonly cause: unknown
}> {
  override get message(): string {
    return `${this.reason}: ${describe(this.cause)}`
  }
}

/**
 * A request that was refused before the application saw it. `status` is the status of the answer.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestError extends TaggedError("RequestError")<{
  readonly reason: FailureReason | "HeadTimeout" | "IncompleteHead" | "Misdirected" | "NoRoom"
  readonly status: number
  readonly description: string
}> {
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}

/**
 * The body of a request could not be read to its end. `status` is the status of the answer, if it can still be answered.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyError extends TaggedError("BodyError")<{
  /**
   * `Disconnected`: the client left before the end · `BadChunk`: malformed, in HTTP/1 its chunked coding ·
   * `TooLarge`: longer than `limits.body`, or than may be read or parsed whole, or a form that exceeds one of `forms` ·
   * `Timeout`: it arrived too late or too slowly · `Stopped`: the server is stopping ·
   * `Closed`: read after the answer and the application had ended.
   */
  readonly reason: "Disconnected" | "BadChunk" | "TooLarge" | "Timeout" | "Stopped" | "Closed"
  readonly status: number
  readonly description: string
}> {
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}

/**
 * The application has broken the protocol. Nothing of the response in question was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResponseError extends TaggedError("ResponseError")<{
  readonly reason:
    | InvalidHead["reason"]
    | "HeadAlreadySent"
    | "HeadAlreadySet"
    | "HeadNotSet"
    | "BodyTooShort"
    | "BodyTooLong"
    | "InvalidBody"
    | "BodyUsed"
    | "AlreadyOver"
    | "HandlerTimeout"
    | "Unsupported"
  readonly description: string
}> {
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}

/**
 * Rejects `write`: the response can no longer be sent. Nothing of the part was sent, and nothing that is written later will be.
 *
 * @since 0.2.0
 * @category errors
 */
export class WriteError extends TaggedError("WriteError")<{
  /**
   * Why the exchange was interrupted: `ClientGone`, `WriteTimeout`, `ReadTimeout`, `BadRequest`, `HandlerTimeout`, `Stopped` or
   * `Closed`; or `AlreadyOver`: the response is complete, or the connection was taken over.
   */
  readonly reason: AbortReason | "AlreadyOver"
}> {
  override get message(): string {
    return this.reason === "AlreadyOver"
      ? "AlreadyOver: the response is complete, nothing can be added to it"
      : `${this.reason}: the response can no longer be sent; stop making it`
  }
}

/**
 * An interim response that could not be sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InterimError extends TaggedError("InterimError")<{
  /**
   * `TooLate`: the final head was sent, or none can be sent any more · `Unsupported`: the client or the server speaks HTTP/1.0,
   * which has none, or the server is not tsgi · `InvalidHeader`: a status that is not interim, or a field that cannot be sent.
   */
  readonly reason: "TooLate" | "Unsupported" | "InvalidHeader"
  readonly description: string
}> {
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}

/**
 * The error for a request that is refused before the application sees it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const requestErrorFrom = (refused: Failure): RequestError =>
  new RequestError({ reason: refused.reason, status: refused.status, description: refused.message })

/**
 * The error for a body that the application is reading.
 *
 * @since 0.1.0
 * @category conversions
 */
export const bodyErrorFrom = (refused: Failure): BodyError =>
  new BodyError({
    reason: refused.reason === "BodyTooLarge" ? "TooLarge" : "BadChunk",
    status: refused.status,
    description: `${refused.reason}: ${refused.message}`
  })

/**
 * The error for a body that is too long to be read whole. `lift` names the option that raises the bound.
 *
 * @since 0.2.0
 * @category constructors
 */
export const tooLargeWhole = (most: number, lift: string): BodyError =>
  tooMuch(
    `the body is longer than ${most} bytes, the most that is read whole; raise ${lift}, or read the body as a stream`
  )

/**
 * The error for a body that contains more than an option allows.
 *
 * @since 0.2.0
 * @category constructors
 */
export const tooMuch = (description: string): BodyError =>
  new BodyError({ reason: "TooLarge", status: 413, description })

const abortReasons: Record<BodyError["reason"], AbortReason | undefined> = {
  Disconnected: "ClientGone",
  BadChunk: "BadRequest",
  TooLarge: "BadRequest",
  Timeout: "ReadTimeout",
  Stopped: "Stopped",
  Closed: undefined
}

/**
 * The reason of an exchange that failed with this error; `undefined` if the application failed by itself.
 *
 * @since 0.1.0
 * @category conversions
 */
export const abortReasonOf = (error: unknown): AbortReason | undefined =>
  error instanceof BodyError ? abortReasons[error.reason] : undefined

/**
 * The error for a final head that cannot be sent.
 *
 * @since 0.1.0
 * @category conversions
 */
export const responseErrorFrom = (invalid: InvalidHead): ResponseError =>
  new ResponseError({ reason: invalid.reason, description: invalid.message })

/**
 * A `BindError` whose reason is that of the system's error code.
 *
 * @since 0.1.0
 * @category conversions
 */
export const bindErrorFrom = (cause: unknown, address: Address | string): BindError => {
  const code = codeOf(cause)
  return new BindError({
    reason: code === "EADDRINUSE" || code === "EEXIST"
      ? "AddressInUse"
      : code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN"
      ? "AddressNotAvailable"
      : code === "EACCES" || code === "EPERM"
      ? "PermissionDenied"
      : code.startsWith("ERR_")
      ? "InvalidOptions"
      : "Other",
    address: typeof address === "string" ? address : listenAddress(address),
    cause
  })
}

/**
 * A `TransportError` whose reason is that of the system's error code.
 *
 * @since 0.1.0
 * @category conversions
 */
export const transportErrorFrom = (cause: unknown): TransportError => {
  const code = codeOf(cause)
  return new TransportError({
    reason: code === "ECONNRESET" || code === "EPIPE" || code === "ECONNABORTED" || code === "ENOTCONN"
      ? "Reset"
      : code === "ETIMEDOUT"
      ? "TimedOut"
      : "Other",
    cause
  })
}

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string" ? cause.code : ""

// One line, which is never empty. OpenSSL's message names a line of its sources; two other properties have what it says.
const describe = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const text = "library" in cause && "reason" in cause
    ? `${String(cause.library)}: ${String(cause.reason)}`
    : cause.message.trim().replace(/\s*[\r\n]+\s*/g, "; ")
  return text === "" ? codeOf(cause) || cause.name : text
}
