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
import type { FieldWriter, InterimHead, JudgedHead, ResponseLength } from "../protocol/heads.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { AcceptedPeer } from "./AcceptedPeer.js"
import type { AbortReason } from "./Outcome.js"
import type { ReceivedBody } from "./ReceivedBody.js"

/**
 * The reason why the exchange wants no further request on its connection, in words for the log. Wires have reasons of their own.
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
 * What was taken over: the stream that carried the exchange, and the bytes received after the request. HTTP/1 gives its
 * connection; another protocol may give a stream of it (RFC 8441).
 *
 * @since 0.2.0
 * @category models
 */
export interface Takeover {
  readonly stream: unknown
  readonly rest: Uint8Array
}

/**
 * Carries one exchange. It never waits and never throws. `Written` is what it makes of the fields of a head.
 *
 * @since 0.2.0
 * @category models
 */
export interface Wire<Written> {
  readonly peer: AcceptedPeer
  /** The scope of its socket. */
  readonly scope: CloseableScope
  readonly request: RequestHead
  readonly body: ReceivedBody
  /** Whether the client waits for a 100 before it sends the body. */
  readonly expectsContinue: boolean
  /** The protocols to which the client offers to switch, as a list; empty if it offers none. HTTP/1 has them in Upgrade. */
  readonly upgrade: string

  /** Writes the fields of a head while that is judged. */
  readonly writer: FieldWriter<Written>
  /** The same, with names as the application gave them, if the protocol tells upper case from lower case. */
  readonly exactWriter: FieldWriter<Written>
  /** The reason why no interim responses may be sent, in words for a message; `undefined` if they may. */
  readonly interimRefusal: string | undefined
  readonly sendInterim: (head: InterimHead<Written>) => void
  /**
   * Prepares the final head for a body in parts, and returns the length of that body. An earlier prepared head is forgotten.
   * `owesContinue` says that the client still waits for a 100.
   */
  readonly prepare: (head: JudgedHead<Written>, bodyLength: number | undefined, owesContinue: boolean) => ResponseLength
  /** Sends the prepared head. */
  readonly begin: () => void
  /**
   * Prepares the final head, as `prepare` does, and sends it with the whole body, if that has the length that the head says, or
   * if the response has none. The body has `length` bytes, text in UTF-8.
   */
  readonly sendWhole: (
    head: JudgedHead<Written>,
    body: string | Uint8Array,
    length: number,
    owesContinue: boolean
  ) => ResponseLength
  /** Adds a part of the body: bytes, or text whose characters are one byte each. Not empty. */
  readonly write: (part: string | Uint8Array) => void
  /** Ends the body, with these trailer fields if it can have any; otherwise they are dropped. */
  readonly end: (trailers?: Written) => void
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
   * Drops the rest of the request's body. Returns `true` if nothing is left; otherwise `bodyDropped` is called when nothing is.
   */
  readonly dropBody: () => boolean
  /** Called when the application has ended but for its finalizers, and the answer was sent or given up. */
  readonly finishing: () => void
  /** Called when the exchange is over: its hooks have run. */
  readonly exchangeOver: () => void

  /**
   * Gives away what carries the exchange, for a protocol that is not HTTP: the connection, or a stream of it. If it cannot, it
   * returns `undefined` and goes on.
   */
  readonly takeOver: () => Takeover | undefined
  /** Called when what was taken over is idle, so that nothing is lost if it is closed. */
  readonly markIdle: () => void
}

/**
 * What a wire tells its exchange: six things.
 *
 * @since 0.2.0
 * @category models
 */
export interface WireUser {
  /** Called when bytes of the request's body have arrived, or its end, or the end of the connection. */
  readonly bodyArrived: () => void
  /** Called when there is room for more. */
  readonly roomAgain: () => void
  /** Called when a part of the answer was given to the kernel, which has not taken all of it. */
  readonly begun: () => void
  /**
   * Called when the kernel has taken all of the answer. `nothingLeft` says that nothing is left of the request's body, so that
   * `dropBody` is not called. Returns true if the exchange is over with that; otherwise the wire's `exchangeOver` is called when
   * it is.
   */
  readonly allSent: (nothingLeft: boolean) => boolean
  /** Called when nothing is left of the request's body. */
  readonly bodyDropped: () => void
  /** Called when the exchange cannot be completed. */
  readonly lost: (reason: AbortReason) => void
}
