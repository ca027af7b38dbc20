/**
 * The seam between one accepted peer and its server. HTTP/1 has one exchange at a time, a later protocol one for each stream.
 *
 * @since 0.2.0
 */
import type { CloseableScope } from "effect/Scope"
import type { Engine } from "./Engine.js"
import type { Exchange } from "./Exchange.js"
import type { AbortReason } from "./Outcome.js"
import type { Peer } from "./Peer.js"
import type { RequestError } from "./ServerError.js"
import type { Share } from "./Shares.js"
import type { Indexed } from "./UnorderedSet.js"
import type { Waste } from "./Waste.js"

/**
 * - `Idle`: nothing is going on that closing would cut.
 * - `Busy`: a request has begun, or is being answered.
 * - `Lingering`: all is said; the peer may still have to read it.
 *
 * @since 0.2.0
 * @category models
 */
export type Activity = "Idle" | "Busy" | "Lingering"

/**
 * Has a session a place, does it wait for one, or does it need none any more?
 *
 * @since 0.2.0
 * @category models
 */
export type Standing = "Waiting" | "Placed" | "Parting"

/**
 * One accepted peer: reads its requests, gives each to the application as an exchange, and decides what becomes of the
 * connection.
 *
 * @since 0.2.0
 * @category models
 */
export interface Session extends Indexed {
  readonly peer: Peer
  /** Closing it ends the session, and whatever ends the session closes it. */
  readonly scope: SessionScope
  readonly activity: Activity
  /** When it was let in. */
  readonly since: number
  /** Requests read so far. */
  readonly requests: number
  /** Since when it waits for another request; `undefined` while it does not. */
  readonly idleSince: number | undefined
  /** Since when it waits for what it awaits of the peer. */
  readonly quietSince: number
  /** Had the application not ended when it was told to? */
  readonly abandoned: boolean

  standing: Standing
  /** What its address has; absent where addresses are not told apart. */
  addressShare: Share | undefined
  /** Has it begun a head, and not ended it? */
  readonly isAsking: boolean
  /** Has the request that waits for a place come with all of its body, or with as much as is read ahead? */
  readonly asksWhole: boolean
  /** What it makes of its place. */
  readonly waste: Waste
  /** Since when. */
  readonly wastedSince: (now: number) => number
  /** It is given a place. */
  readonly enter: () => void
  /** Others need its place, of which it makes nothing. */
  readonly makeRoom: () => void
  /** There is no room for its request. */
  readonly turnAway: () => void
  /** There is no room even for its end. */
  readonly drop: () => void

  /** Begins to read. */
  readonly open: () => void
  /** Ends the exchange that is running, and the connection. The first reason stays. */
  readonly abort: (reason: AbortReason) => void
  /** Closes what is idle. */
  readonly close: () => void
  /** The server stops, and this has no end of its own. */
  readonly sayGoodbye: () => void
  /** What was done for it has thrown: it ends, and nothing else of the server. */
  readonly broken: (error: unknown) => void

  // The three steps of its end, which the socket's Scope runs in this order, each once.
  readonly endWork: (ended: () => void) => void
  readonly runHooks: (over: () => void) => void
  readonly closeSocket: () => void

  /** The earliest deadline; `Infinity` without one. */
  readonly nextDeadline: number
  /** Acts on deadlines that have passed. */
  readonly sweep: (now: number) => void
}

/**
 * The scope that a session lives in.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionScope {
  readonly scope: CloseableScope
  /** Closes it, once, because all is done. */
  readonly done: () => void
  /** Closes it, once, because this cut something short. */
  readonly failed: (failure: unknown) => void
  /** Closes it, once, because the session is broken. */
  readonly died: (defect: unknown) => void
  /** The step that it is at has thrown: what comes after it is done. */
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
  /** When the first bytes of the request came; `undefined` where they came all at once. */
  readonly since: number | undefined
}

/**
 * Everything that a session needs of its server.
 *
 * @since 0.2.0
 * @category models
 */
export interface SessionHost extends Engine {
  /** The door: gives the exchange to the application. What it throws fails the exchange. */
  readonly handler: (exchange: Exchange) => void
  /** May clients be told that their connections wait for another request, or is the room needed? */
  readonly mayPersist: () => boolean
  /** May connections wait whose clients were told so? */
  readonly mayStay: () => boolean
  /** Something has happened: the counts of connections are to be made anew soon. */
  readonly countSoon: (now: number) => void
  /** An exchange is over, its hooks have run. */
  readonly record: (exchange: Exchange, now: number) => void
  readonly refused: (peer: Peer, refused: Refused) => void
}
