/**
 * The seam between one accepted peer and its server. HTTP/1 has one exchange at a time; another protocol may have one for each
 * stream.
 *
 * @since 0.2.0
 */
import type { CloseableScope } from "effect/Scope"
import type { AcceptedPeer } from "./AcceptedPeer.js"
import type { AddressShare } from "./AddressShares.js"
import type { Alarm } from "./Alarm.js"
import type { RecordedExchange } from "./CarriedExchange.js"
import type { DoorExchange } from "./DoorExchange.js"
import type { Engine } from "./Engine.js"
import type { AbortReason } from "./Outcome.js"
import type { PlaceUse } from "./PlaceUse.js"
import type { RequestError } from "./ServerError.js"
import type { Indexed } from "./UnorderedSet.js"

/**
 * - `Idle`: closing it cuts nothing short.
 * - `Busy`: a request has begun, or is being answered.
 * - `Lingering`: everything was sent; the peer may still have to read it.
 *
 * @since 0.2.0
 * @category models
 */
export type Activity = "Idle" | "Busy" | "Lingering"

/**
 * - `Waiting`: it waits for a place.
 * - `Placed`: it has a place.
 * - `Released`: its last answer is on its way, so it needs none.
 *
 * @since 0.2.0
 * @category models
 */
export type PlaceState = "Waiting" | "Placed" | "Released"

/**
 * How a session shares the server's places with others.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionPlace {
  readonly state: PlaceState
  /** The share of its address; absent where its address has none. */
  readonly addressShare: AddressShare | undefined
  /** Whether a part of a request's head has come. */
  readonly isAsking: boolean
  /** Whether the request that waits for a place has come with all of its body, or with as much as is read ahead. */
  readonly asksWhole: boolean
  /** What the session does with its place. */
  readonly use: PlaceUse
  /** Since when it does that. */
  readonly useSince: number
  /** Gives the session a place. */
  readonly enter: () => void
  /** Takes its place, and lets it wait for none: its last answer is on its way. */
  readonly release: () => void
  /** Makes the session give its place up for others, if it does not use it. */
  readonly giveUp: () => void
  /** Refuses its request: there is no place for it. */
  readonly turnAway: () => void
  /** Refuses its request and closes at once. */
  readonly drop: () => void
}

/**
 * One accepted peer: reads its requests, gives each to the application as an exchange, and decides when the connection ends.
 *
 * @since 0.2.0
 * @category models
 */
export interface Session extends Indexed {
  readonly peer: AcceptedPeer
  /** Closing it ends the session, and it closes when the session ends. */
  readonly scope: SessionScope
  readonly activity: Activity
  /** Since when the peer has been silent. */
  readonly quietSince: number
  /** Whether the application was abandoned, because it had not ended in time. */
  readonly abandoned: boolean

  readonly place: SessionPlace

  /** Begins to read. */
  readonly open: () => void
  /** Ends the exchange that is running, and the connection. The first reason stays. */
  readonly abort: (reason: AbortReason) => void
  /** Closes the connection, which is idle. */
  readonly close: () => void
  /** The server stops: no further requests are to come. Called once, perhaps before `open`. */
  readonly drain: () => void
  /** The server stops: ends what has no end of its own, such as an event stream. */
  readonly sayGoodbye: () => void
  /** Code that ran for the session has thrown: the session ends, and no other does. */
  readonly broken: (error: unknown) => void

  // The three steps of its end, which the socket's Scope takes in this order, each once.
  readonly endWork: (ended: () => void) => void
  readonly runHooks: (done: () => void) => void
  readonly closeSocket: () => void

  /** The earliest deadline; `Infinity` without one. */
  readonly nextDeadline: number
  /** Acts on deadlines that have passed. */
  readonly sweep: () => void
}

/**
 * The scope that a session lives in.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionScope extends CloseableScope {
  /** Closes it, once: the session is done. */
  readonly done: () => void
  /** Closes it, once: this failure ended the session. */
  readonly failed: (failure: unknown) => void
  /** Closes it, once: this defect ended the session. */
  readonly died: (defect: unknown) => void
  /** The current step of its end has thrown: goes on with the next. */
  readonly goOn: () => void
}

/**
 * A request that was refused before there was an exchange.
 *
 * @since 0.2.0
 * @category models
 */
export interface Refused {
  readonly error: RequestError
  /** The request line, as far as it could be read. */
  readonly line: string
  /** Body bytes of the answer that the kernel has taken, and all its bytes. */
  readonly bodyBytes: number
  readonly wireBytes: number
  /** When the first bytes of the request came; `undefined` where its head came in one piece. */
  readonly since: number | undefined
}

/**
 * Everything that a session needs of its server.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionHost extends Engine {
  readonly alarm: Alarm
  readonly scopeFor: (session: Session) => SessionScope
  /** The door: gives the exchange to the application. An exchange fails with what this throws. */
  readonly handler: (exchange: DoorExchange) => void
  /** Whether an answer may say that the connection persists: not while its room is needed. */
  readonly mayPersist: () => boolean
  /** Whether a connection may wait for another request, once its answer has said that it persists. */
  readonly mayStay: () => boolean
  /** A connection has changed: counts all connections anew soon. */
  readonly countSoon: () => void
  /** An exchange is over: its hooks have run. */
  readonly record: (exchange: RecordedExchange, endTime: number) => void
  readonly refused: (peer: AcceptedPeer, refused: Refused) => void
  /** The head of this session's request is complete, and the session has no place. */
  readonly requestPlace: (session: Session) => void
  /** The last answer of this session is on its way, so it needs no place any more. */
  readonly releasePlace: (session: Session) => void
  /** The socket of this session is closed. */
  readonly ended: (session: Session) => void
}
