/**
 * The seam between one request's life and what carries it: an HTTP/1 connection, or a stream of a later protocol.
 *
 * The exchange tells its wire what to send. The wire tells the exchange four things: that body has arrived, that there is room
 * again, that all is sent, and that the peer is lost; and, of the request's body, that nothing of it is left.
 *
 * @since 0.2.0
 */
import type { CloseableScope } from "effect/Scope"
import type { InterimHead } from "../protocol/interimHead.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { FieldCase, FieldPairs, HeadDraft, InvalidHead, ResponseHead } from "../protocol/responseHead.js"
import type { AbortReason } from "./Outcome.js"
import type { Peer } from "./Peer.js"
import type { RequestBody } from "./RequestBody.js"
import type { InterimError } from "./ServerError.js"

/**
 * Bytes that the body of a response has: `Infinity` where only its end tells, and {@link noBody} where the response has none
 * and what is given for it is dropped (RFC 9110, 9.3.2, 15.4.5).
 *
 * @since 0.2.0
 * @category models
 */
export type BodyRoom = number

/**
 * @since 0.2.0
 * @category constants
 */
export const noBody: BodyRoom = -1

/**
 * Why the connection carries no further request after this one. In words, for the log.
 *
 * @since 0.2.0
 * @category models
 */
export type Withdrawal =
  | "the client asked for it"
  | "the application asked for it, or the client speaks HTTP/1.0"
  | "keep-alive is off"
  | "the connection is closing"
  | "the server stops, or others wait for room"
  | "limits.requestsPerConnection is reached"
  | "the client has closed its sending half"
  | "the 100 was not sent"
  | "the body could not be read"
  | "the application failed"
  | "the application is late"
  | "the body is not as long as its Content-Length says"
  | "the rest of the body is too long, malformed or late"
  | "the connection was taken over"

/**
 * What a connection was taken over with: its stream, and the bytes received beyond the request.
 *
 * @since 0.2.0
 * @category models
 */
export interface Takeover {
  readonly stream: unknown
  readonly rest: Uint8Array
}

/**
 * Carries one exchange. Never waits, never throws.
 *
 * @since 0.2.0
 * @category models
 */
export interface Wire {
  readonly peer: Peer
  /** The Scope that the connection lives in. */
  readonly scope: CloseableScope
  readonly request: RequestHead
  readonly body: RequestBody
  /** Does the client wait for a 100 before it sends the body? */
  readonly expectsContinue: boolean
  /** The protocols that the client offers to go on with, as a list; empty where it offers none. */
  readonly upgrade: string

  /** Judges an interim head, once: what is sent is what was judged. */
  readonly judgeInterim: (status: number, fields: FieldPairs, fieldCase: FieldCase) => InterimHead | InterimError
  readonly sendInterim: (head: InterimHead) => void
  /** Both. `undefined`: it is sent. */
  readonly interim: (status: number, fields: FieldPairs, fieldCase: FieldCase) => InterimError | undefined
  /** Judges what an application gave for a final head, and writes its fields. */
  readonly draft: (head: ResponseHead) => HeadDraft | InvalidHead
  /**
   * Makes the final head ready, and tells what it means for the body; a head made ready before is forgotten. `whole` says that
   * the body comes with it, `owesContinue` that the client still waits for a 100.
   */
  readonly prepare: (
    head: ResponseHead | HeadDraft,
    bodyLength: number | undefined,
    whole: boolean,
    owesContinue: boolean
  ) => BodyRoom | InvalidHead
  /** Sends the head that was made ready. */
  readonly begin: () => void
  /** Sends it with the whole body behind it, which is a part as `write` has them, or nothing. */
  readonly sendWhole: (body: string | Uint8Array | undefined) => void
  /** Status of the head that was made ready last. */
  readonly status: number | undefined
  /** What that head means for the body. */
  readonly room: BodyRoom
  /** Is it the head of an event stream, which ends when one side leaves? */
  readonly isEndless: boolean
  /** A part of the body: bytes, or text whose characters are one byte each. Not empty. */
  readonly write: (part: string | Uint8Array) => void
  /** The body is whole. */
  readonly end: () => void
  /** The response cannot be completed, and the peer must be able to tell. */
  readonly cut: () => void
  /** Gives to the kernel what was written. */
  readonly flush: () => void
  /** Does so much wait to be flushed that more would not make it cheaper? */
  readonly isReady: boolean
  /** Has the peer enough to read? */
  readonly isFull: boolean
  /** Has the kernel taken all, to the end? */
  readonly isSent: boolean
  /** Bytes of the body that the kernel has taken. */
  readonly bodySent: number
  /** All bytes of the exchange that the kernel has taken: interim heads, head, framing and body. */
  readonly totalSent: number

  /** Nothing may follow this exchange on the connection. The first reason stays. */
  readonly withdraw: (why: Withdrawal) => void
  /** Another body is to follow the one that was read to its end. Can it? */
  readonly reopenBody: () => boolean
  /** Drops what is left of the request's body. `true`: nothing is left; otherwise `drained` tells when that is so. */
  readonly drain: () => boolean
  /** The hooks have run, the exchange is over: the next may begin. */
  readonly over: () => void

  readonly detach: () => Takeover
  /** A connection that was taken over is idle: to close it loses nothing. */
  readonly markIdle: () => void
}

/**
 * Who is told by a wire: the exchange.
 *
 * @since 0.2.0
 * @category models
 */
export interface WireUser {
  /** Bytes of the request's body, its end, or the end of all bytes. */
  readonly bodyArrived: () => void
  /** The peer can be sent more. */
  readonly roomAgain: () => void
  /** Some of the answer was given to the kernel, which has not taken all of it. */
  readonly begun: () => void
  /** The kernel has taken all. */
  readonly allSent: () => void
  /** Nothing is left of the request's body. */
  readonly drained: () => void
  /** The exchange will not come to an end of its own. */
  readonly lost: (reason: AbortReason) => void
}
