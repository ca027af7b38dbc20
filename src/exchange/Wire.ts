/**
 * The seam between one request's life and what carries it: an HTTP/1 connection, or a stream of a later protocol.
 *
 * The exchange tells its wire what to send. The wire tells the exchange that a part of the body has arrived, that there is room
 * again, that the answer has begun to leave, that all is sent, that nothing of the request's body is left, and that the peer is
 * lost.
 *
 * @since 0.2.0
 */
import type { CloseableScope } from "effect/Scope"
import type { BodyRoom, FieldWriter, InterimHead, JudgedHead } from "../protocol/heads.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { AcceptedPeer } from "./AcceptedPeer.js"
import type { AbortReason } from "./Outcome.js"
import type { ReceivedBody } from "./ReceivedBody.js"

/**
 * Why the exchange wants no further request on its connection, in words for the log. Wires have reasons of their own.
 *
 * @since 0.2.0
 * @category models
 */
export type ReuseRefusal =
  | "the application failed"
  | "the application is late"
  | "the body is not as long as its Content-Length says"
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
 * Carries one exchange. Never waits, never throws. `Written` is what it makes of the fields of a head.
 *
 * @since 0.2.0
 * @category models
 */
export interface Wire<Written> {
  readonly peer: AcceptedPeer
  /** The Scope that the connection lives in. */
  readonly scope: CloseableScope
  readonly request: RequestHead
  readonly body: ReceivedBody
  /** Whether the client waits for a 100 before it sends the body. */
  readonly expectsContinue: boolean
  /** The protocols that the client offers to go on with, as a list; empty where it offers none. */
  readonly upgrade: string

  /** Writes the fields of a head while that is judged. */
  readonly writer: FieldWriter<Written>
  /** The same, with names as the application gave them, where the protocol tells upper case from lower case. */
  readonly exactWriter: FieldWriter<Written>
  /** Whether the protocol of the request has interim responses. */
  readonly allowsInterim: boolean
  readonly sendInterim: (head: InterimHead<Written>) => void
  /**
   * Prepares the final head for a body in parts, and returns the length of that body; a head prepared before is forgotten.
   * `owesContinue` says that the client still waits for a 100.
   */
  readonly prepare: (head: JudgedHead<Written>, bodyLength: number | undefined, owesContinue: boolean) => BodyRoom
  /** Sends the prepared head. */
  readonly begin: () => void
  /**
   * Prepares the final head, as `prepare` does, and sends it with the whole body where that has the length which the head says,
   * or where there is to be none. The body has `length` bytes, text in UTF-8.
   */
  readonly sendWhole: (
    head: JudgedHead<Written>,
    body: string | Uint8Array,
    length: number,
    owesContinue: boolean
  ) => BodyRoom
  /** Status of the head that was sent. */
  readonly status: number | undefined
  /** Whether it is the head of an event stream, which ends only when one side leaves. */
  readonly isEndless: boolean
  /** Adds a part of the body: bytes, or text whose characters are one byte each. Not empty. */
  readonly write: (part: string | Uint8Array) => void
  /** Ends the body. */
  readonly end: () => void
  /** Ends a response that cannot be completed, because of this failure, so that the peer can tell. */
  readonly cut: (failure: unknown) => void
  /** Gives the kernel the bytes that were written. */
  readonly flush: () => void
  /** Whether enough was added for a full write, so that a flush need not wait for more. */
  readonly fullWrite: boolean
  /** Whether the peer takes too little, so that producers should wait. */
  readonly congested: boolean
  /** Whether the kernel has taken all of the answer. */
  readonly isSent: boolean
  /** Bytes of the body that the kernel has taken. */
  readonly bodySent: number
  /** All bytes of the exchange that the kernel has taken: interim heads, head, framing and body. */
  readonly totalSent: number

  /**
   * No further request may follow on a connection that carries one exchange after the other. The first reason stays. A wire whose
   * exchanges do not share their bytes may let the others go on.
   */
  readonly refuseReuse: (why: ReuseRefusal) => void
  /**
   * Drops what is left of the request's body. Returns `true` if nothing is left; otherwise `bodyDropped` is called when that is
   * so.
   */
  readonly dropBody: () => boolean
  /** The hooks have run, and the exchange is over. */
  readonly exchangeOver: () => void

  /**
   * Gives the connection away, for a protocol that is not HTTP. Returns `undefined`, and goes on, where it cannot, as where the
   * connection carries other exchanges, too.
   */
  readonly takeOver: () => Takeover | undefined
  /** A connection that was taken over is idle: to close it loses nothing. */
  readonly markIdle: () => void
}

/**
 * What a wire tells its exchange: six things.
 *
 * @since 0.2.0
 * @category models
 */
export interface WireUser {
  /** Bytes of the request's body have come, or its end, or the end of the connection. */
  readonly bodyArrived: () => void
  /** The peer can be sent more. */
  readonly roomAgain: () => void
  /** A part of the answer was given to the kernel, which has not taken all of it. */
  readonly begun: () => void
  /**
   * The kernel has taken all of the answer. `nothingLeft` says that nothing is left of the request's body, so that `dropBody` is
   * not called. Returns whether the exchange is over with that; otherwise the wire's `exchangeOver` is called when it is.
   */
  readonly allSent: (nothingLeft: boolean) => boolean
  /** Nothing is left of the request's body. */
  readonly bodyDropped: () => void
  /** The exchange cannot be completed. */
  readonly lost: (reason: AbortReason) => void
}
