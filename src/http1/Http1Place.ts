/**
 * Whether an HTTP/1 connection has a place, how it uses it, and how it gives it up for others.
 *
 * @since 0.2.0
 */
import type { AddressShare } from "../exchange/AddressShares.js"
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { PlaceState, SessionPlace } from "../exchange/Session.js"
import { attempt } from "../transport/attempt.js"
import type { Http1Connection } from "./Http1Connection.js"
import type { Lateness } from "./Lateness.js"
import { headTimeout, lateBody, noPlace, othersWait } from "./refusals.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Http1Place implements SessionPlace {
  constructor(
    private readonly connection: Http1Connection,
    private readonly lateness: Lateness,
    readonly addressShare: AddressShare | undefined
  ) {}

  private static readonly takeUp = (place: Http1Place): void => place.connection.takeUp()
  private static readonly giveUp = (place: Http1Place): void => place.giveUpNow()
  private static readonly turnAway = (place: Http1Place): void => place.turnAwayNow()
  private static readonly drop = (place: Http1Place): void => place.dropNow()

  // Another connection calls, whose work must go on if this one throws.
  private run(step: (place: Http1Place) => void): void {
    const { connection } = this
    attempt(connection, () => connection.peer.run(step, this, undefined), undefined, undefined)
  }

  get state(): PlaceState {
    return this.connection.claim.state
  }

  get asksWhole(): boolean {
    const { claim, inflow } = this.connection
    const framing = claim.request?.demands.framing
    return framing === undefined || framing._tag === "None" || inflow.ended || inflow.isFull ||
      (framing._tag === "Length" && framing.length <= inflow.buffered)
  }

  get use(): PlaceUse {
    try {
      return this.currentUse
    } catch {
      // the transport throws, which the next event of the connection reports
      return PlaceUse.Active
    }
  }

  private get currentUse(): PlaceUse {
    const { deadlines: { awaited, awaitsWrite }, end, exchange, phase, requests } = this.connection
    if (end.isBegun) return PlaceUse.Active
    switch (phase) {
      case "Idle":
        if (!this.connection.isAtRest) return awaitsWrite ? this.writeUse : PlaceUse.Active
        return requests > 0 ? PlaceUse.Idle : PlaceUse.Silent
      case "Head":
        return PlaceUse.ReadingHead
      case "Busy":
        if (awaitsWrite) return this.writeUse
        if (exchange?.isFinishing === true) return PlaceUse.Finishing
        return awaited === "Body" || awaited === "Leftover" ? PlaceUse.AwaitingBody : PlaceUse.Active
      case "Lingering":
        return PlaceUse.Lingering
      case "Waiting":
      case "TakenOver":
        return PlaceUse.Active
    }
  }

  private get writeUse(): PlaceUse {
    return this.connection.queue.isThrottled ? PlaceUse.Throttled : PlaceUse.AwaitingWrite
  }

  get useSince(): number {
    try {
      return this.currentSince
    } catch {
      return this.connection.deadlines.quietSince
    }
  }

  private get currentSince(): number {
    const { deadlines, exchange, queue } = this.connection
    if (queue.isThrottled && exchange !== undefined) return exchange.startTime
    if (deadlines.awaitsWrite) return deadlines.takenSince(queue.handed)
    if (exchange?.outcome !== undefined) return exchange.outcome.endTime
    return deadlines.awaited === "Body" ? deadlines.bodySince(exchange?.body.bytes ?? 0) : deadlines.quietSince
  }

  enter(): void {
    const { claim, phase } = this.connection
    claim.enter()
    // a request that was read while hooks run begins after them
    if (phase === "Waiting") this.run(Http1Place.takeUp)
  }

  leave(): void {
    this.connection.claim.leave()
  }

  release(): void {
    this.connection.claim.release()
  }

  giveUp(): void {
    this.run(Http1Place.giveUp)
  }

  private giveUpNow(): void {
    const { deadlines, end, exchange, peer } = this.connection
    const { lateness, use } = this
    if (use === PlaceUse.Active || use === PlaceUse.Lingering) return
    const isUnused = use === PlaceUse.Idle || use === PlaceUse.Silent || use === PlaceUse.Finishing
    if (isUnused && !this.isFollowed) return end.close("others wait for a place")
    peer.log("Debug", "others wait for its place")
    if (use === PlaceUse.Finishing) return this.connection.host.returnPlace(this.connection.session)
    if (use === PlaceUse.ReadingHead) return this.connection.refuse(headTimeout(othersWait))
    if (use === PlaceUse.AwaitingWrite || use === PlaceUse.Throttled) return lateness.late("Write")
    if (exchange?.stage === "Dropping") return lateness.late("Leftover")
    deadlines.awaitNothing()
    exchange?.body.fail(lateBody.Place())
  }

  // Whether a part of a further request has arrived.
  private get isFollowed(): boolean {
    const { claim, inflow, wire } = this.connection
    return wire?.nothingFollows === false && (inflow.buffered > 0 || claim.next !== undefined)
  }

  turnAway(): void {
    this.run(Http1Place.turnAway)
  }

  private turnAwayNow(): void {
    const { end, phase } = this.connection
    if (!end.isBegun && phase !== "Lingering") this.connection.refuse(noPlace())
  }

  drop(): void {
    this.run(Http1Place.drop)
  }

  private dropNow(): void {
    const { end, phase } = this.connection
    if (phase === "Head") this.connection.refuse(headTimeout(othersWait))
    else if (phase === "Waiting") this.connection.refuse(noPlace())
    end.close("others wait for a place")
  }
}
