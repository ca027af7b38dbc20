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
 * - `Idle`: it has not begun to end, and nothing is cut short if it is closed.
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
 * - `Released`: its last answer is being sent, or its application has ended with it, so it needs none.
 *
 * @since 0.2.0
 * @category models
 */
export type PlaceState = "Waiting" | "Placed" | "Released"

/**
 * How a session shares the server's places with others. Nothing of it throws.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionPlace {
  readonly state: PlaceState
  /** The share of the address; absent if the address has none. */
  readonly addressShare: AddressShare | undefined
  /**
   * Whether the request that waits for a place has arrived with all of its body, or with as much as is read ahead. It is only
   * read of a session that waits.
   */
  readonly asksWhole: boolean
  /** What the session does with its place. */
  readonly use: PlaceUse
  /** The time since which it does that. */
  readonly useSince: number
  /** Gives the session a place. */
  readonly enter: () => void
  /** Takes the place of a session, which waits for another. */
  readonly leave: () => void
  /** Takes the place of a session that needs it no more, or lets it no longer wait for one. */
  readonly release: () => void
  /** Makes the session give up its place for others, if it does not use it. */
  readonly giveUp: () => void
  /** Refuses the request, because there is no place for it. */
  readonly turnAway: () => void
  /** Refuses the request and closes at once. */
  readonly drop: () => void
}

/**
 * A session of an address that may have a share.
 *
 * @since 0.2.0
 * @category models
 */
export interface Shared {
  readonly place: Pick<SessionPlace, "addressShare">
}

/**
 * One accepted peer: reads its requests, gives each to the application as an exchange, and decides when the connection ends.
 * Nothing of it throws but the three steps of its end: what breaks ends this session, and others go on.
 *
 * @since 0.2.0
 * @category models
 */
export interface Session extends Indexed {
  readonly peer: AcceptedPeer
  /** The scope of the session. To close it ends the session, and it closes when the session ends. */
  readonly scope: SessionScope
  readonly activity: Activity
  /** The time since which the peer has been silent. */
  readonly quietSince: number
  /** Whether the application was abandoned, because it had not ended in time. */
  readonly abandoned: boolean

  readonly place: SessionPlace

  /** Begins to read. */
  readonly open: () => void
  /** Ends the running exchange and the connection. The first reason stays. */
  readonly abort: (reason: AbortReason) => void
  /** Closes an idle connection, because the server stops. */
  readonly close: () => void
  /**
   * Called when the server stops, so that no further requests may follow: once, and perhaps before `open`. If the stop is spread,
   * each session is told in its turn.
   */
  readonly drain: () => void
  /** Called when the server stops. Ends an exchange that has no end of its own, such as an event stream. */
  readonly sayGoodbye: () => void
  /** Called when code that ran for the session has thrown. Only this session ends. */
  readonly broken: (error: unknown) => void

  // The three steps of its end, which the socket's Scope takes in this order, each once, and goes on if one has thrown.
  readonly endWork: (ended: () => void) => void
  readonly runHooks: (done: () => void) => void
  readonly closeSocket: () => void

  /** The earliest deadline; `Infinity` without one. */
  readonly nextDeadline: number
  /** Acts on deadlines that have passed. */
  readonly sweep: () => void
}

/**
 * The scope of the socket, as its session uses it.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionScope extends CloseableScope {
  /** Closes the scope, once, because the session is done. */
  readonly done: () => void
  /** Closes the scope, once, because this failure has ended the session. */
  readonly failed: (failure: unknown) => void
  /** Closes the scope, once, because this defect has ended the session. */
  readonly died: (defect: unknown) => void
  /** Goes on with the next step of the end, because what would have ended the current one has thrown. */
  readonly goOn: () => void
}

/**
 * A request that was refused before there was an exchange, or what broke the protocol of a connection and belongs to no request.
 *
 * @since 0.2.0
 * @category models
 */
export interface Refused {
  readonly error: RequestError
  /**
   * The request in one line, as far as it could be read: of HTTP/1 its request line. `undefined` if there was no request: then
   * the access log has no record.
   */
  readonly line: string | undefined
  /** Body bytes of the answer that the kernel has taken, and all its bytes. */
  readonly bodyBytes: number
  readonly wireBytes: number
  /** When the first bytes of the request arrived; `undefined` if its head arrived in one piece. */
  readonly since: number | undefined
}

/**
 * Why the server lets a connection close, in words for the log.
 *
 * @since 0.2.0
 * @category models
 */
export type ServerReason = "the server stops" | "others wait for a place"

/**
 * Everything that a session needs of its server.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionHost extends Engine {
  readonly alarm: Alarm
  readonly scopeFor: (session: Session) => SessionScope
  /** The door, which gives the exchange to the application. If it throws, the exchange fails. */
  readonly handler: (exchange: DoorExchange) => void
  /**
   * The server's reason why an answer of this session must say that the connection closes, beside a `drain`. To ask changes
   * nothing.
   */
  readonly closingWithAnswer: (session: Shared) => ServerReason | undefined
  /**
   * The server's reason why this session may not wait for another request, although its answer has said that the connection
   * persists. To ask changes nothing.
   */
  readonly closingAfterAnswer: (session: Shared) => ServerReason | undefined
  /** Called when a connection has changed. Soon counts all connections again. */
  readonly countSoon: () => void
  /** Called when an exchange is over. */
  readonly record: (exchange: RecordedExchange, endTime: number) => void
  /** Called when a request was refused, or a connection has broken its protocol. */
  readonly refused: (peer: AcceptedPeer, refused: Refused) => void
  /** Called when the head of this session's request is complete, and the session has no place. */
  readonly requestPlace: (session: Session) => void
  /** Called when this session no longer needs a place: its last answer is being sent, or its application has ended with it. */
  readonly releasePlace: (session: Session) => void
  /** Called when this session gives its place up for others. Its next request waits for another. */
  readonly returnPlace: (session: Session) => void
  /** Called when the socket of this session is closed. */
  readonly ended: (session: Session) => void
}
