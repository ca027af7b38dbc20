/**
 * Whether an HTTP/1 connection has a place, how it uses that, and how it gives it up for others.
 *
 * @since 0.2.0
 */
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { SessionPlace, Standing } from "../exchange/Session.js"
import type { Share } from "../exchange/Shares.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import type { Http1Host } from "./Http1Carrier.js"
import type { Lateness, TimedConnection } from "./Lateness.js"
import type { Reader } from "./Reader.js"
import { headTimeout, lateBody, noRoom, othersWait } from "./refusals.js"

/**
 * A connection that shares the server's places with others.
 *
 * @since 0.2.0
 * @category models
 */
export interface PlacedConnection extends TimedConnection {
  readonly host: Pick<Http1Host, "config">
  readonly reader: Reader
  readonly lateness: Lateness
  readonly requests: number
  /** Is there neither a request nor anything left to send? */
  readonly isAtRest: boolean
  /** Since when the peer has been silent. */
  readonly quietSince: number
  /** Answers the request that has waited. */
  readonly answerWaiting: () => void
}

/**
 * @since 0.2.0
 * @category models
 */
export class Http1Place implements SessionPlace {
  private state: Standing = "Waiting"
  private waiting: RequestStart | undefined = undefined

  constructor(private readonly of: PlacedConnection, readonly addressShare: Share | undefined) {}

  // Entry points from outside, which run in the connection's own async context.

  private static readonly answer = (place: Http1Place): void => place.of.answerWaiting()
  private static readonly makeRoom = (place: Http1Place): void => place.giveUp()
  private static readonly turnAway = (place: Http1Place): void => place.turnAwayNow()
  private static readonly drop = (place: Http1Place): void => place.dropNow()

  get standing(): Standing {
    return this.state
  }

  /** The request that waits for a place. */
  get request(): RequestStart | undefined {
    return this.waiting
  }

  /** A request has come, and there is no place for it. */
  await(request: RequestStart): void {
    const { deadlines, host } = this.of
    this.waiting = request
    deadlines.requestCame()
    deadlines.await("Place", host.config.timeouts.place)
  }

  /** The request no longer waits: it begins, or is refused. */
  awaitNoMore(): void {
    this.waiting = undefined
  }

  get isAsking(): boolean {
    return this.of.phase === "Head"
  }

  get asksWhole(): boolean {
    const { inflow, reader } = this.of
    const framing = this.waiting?.demands.framing
    return framing === undefined || framing._tag === "None" || inflow.ended || inflow.isFull ||
      (framing._tag === "Length" && framing.length <= reader.buffered)
  }

  get use(): PlaceUse {
    const { deadlines: { awaited, awaitsWrite }, phase, requests, work } = this.of
    if (work.isBegun) return PlaceUse.Active
    switch (phase) {
      case "Idle":
        if (!this.of.isAtRest) return awaitsWrite ? this.writeUse : PlaceUse.Active
        return requests > 0 ? PlaceUse.Idle : PlaceUse.Silent
      case "Head":
        return PlaceUse.ReadingHead
      case "Busy":
        if (awaitsWrite) return this.writeUse
        return awaited === "Body" || awaited === "Leftover" ? PlaceUse.AwaitingBody : PlaceUse.Active
      case "Lingering":
        return PlaceUse.Closing
      case "Waiting":
      case "Detached":
        return PlaceUse.Active
    }
  }

  private get writeUse(): PlaceUse {
    return this.of.queue.isThrottled ? PlaceUse.Throttled : PlaceUse.AwaitingWrite
  }

  get useSince(): number {
    const { deadlines, exchange, queue } = this.of
    if (queue.isThrottled && exchange !== undefined) return exchange.startTime
    if (deadlines.awaitsWrite) return deadlines.takenSince(queue.handed)
    return deadlines.awaited === "Body" ? deadlines.bodySince(exchange?.body.bytes ?? 0) : this.of.quietSince
  }

  enter(): void {
    this.state = "Placed"
    if (this.waiting !== undefined) this.of.peer.run(Http1Place.answer, this, undefined)
  }

  leave(): void {
    this.state = "Closing"
  }

  makeRoom(): void {
    this.of.peer.run(Http1Place.makeRoom, this, undefined)
  }

  private giveUp(): void {
    const { deadlines, exchange, isDropping, lateness, peer } = this.of
    const { use } = this
    if (use === PlaceUse.Active || use === PlaceUse.Closing) return
    if (use === PlaceUse.Idle || use === PlaceUse.Silent) return this.of.close()
    peer.log("Debug", "others wait for its place")
    if (use === PlaceUse.ReadingHead) return this.of.refuse(headTimeout(othersWait))
    if (use === PlaceUse.AwaitingWrite || use === PlaceUse.Throttled) return lateness.late("Write")
    if (isDropping) return lateness.late("Leftover")
    deadlines.awaitNothing()
    exchange?.body.fail(lateBody.Place())
  }

  turnAway(): void {
    this.of.peer.run(Http1Place.turnAway, this, undefined)
  }

  private turnAwayNow(): void {
    if (!this.of.work.isBegun && this.of.phase !== "Lingering") this.of.refuse(noRoom())
  }

  drop(): void {
    this.of.peer.run(Http1Place.drop, this, undefined)
  }

  private dropNow(): void {
    if (this.of.phase === "Head") this.of.refuse(headTimeout(othersWait))
    else if (this.of.phase === "Waiting") this.of.refuse(noRoom())
    this.of.close()
  }
}
