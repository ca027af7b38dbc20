/**
 * An HTTP/1 connection as one of many: whether it has a place, what it makes of it, and how it makes room for others.
 *
 * @since 0.2.0
 */
import type { AbortReason } from "../exchange/Outcome.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { Standing } from "../exchange/Session.js"
import type { Share } from "../exchange/Shares.js"
import { Waste } from "../exchange/Waste.js"
import type { RequestStart } from "../protocol/requestReader.js"
import type { Passed } from "./Deadlines.js"
import { Http1Carrier } from "./Http1Carrier.js"
import { headTimeout, lateBody, noRoom, othersWait, refusalHead } from "./refusals.js"

/**
 * @since 0.2.0
 * @category models
 */
export abstract class Http1Guest extends Http1Carrier {
  standing: Standing = "Waiting"
  addressShare: Share | undefined = undefined
  protected awaitsBatch = false
  // a request that waits for a place
  protected asking: RequestStart | undefined = undefined

  abstract abort(reason: AbortReason): void
  protected abstract override advance(): void
  protected abstract onProgress(): void
  protected abstract late(passed: Passed): void

  private static readonly goOnAsking = (guest: Http1Guest): void => guest.goOnAsking()
  private static readonly sendOn = (guest: Http1Guest): void => {
    try {
      guest.onProgress()
    } catch (error) {
      guest.broken(error)
    }
  }
  private static readonly yieldPlace = (guest: Http1Guest): void => guest.yieldPlace()
  private static readonly turnAway = (guest: Http1Guest): void => guest.turnAwayNow()
  private static readonly drop = (guest: Http1Guest): void => guest.dropNow()

  protected get isAtRest(): boolean {
    return this.phase === "Idle" && !this.awaitsBatch && this.queue.empty
  }

  get idleSince(): number | undefined {
    return this.isAtRest && this.read > 0 ? this.quietSince : undefined
  }

  // A request is here, and no place.
  protected await(message: RequestStart): void {
    this.asking = message
    this.phase = "Waiting"
    this.deadlines.requestCame()
    this.deadlines.await("Place", this.host.config.timeouts.firstRequest, this.host.time.now())
  }

  get isAsking(): boolean {
    return this.phase === "Head"
  }

  get asksWhole(): boolean {
    const { asking, inflow, reader } = this
    const framing = asking?.demands.framing
    return framing === undefined || framing._tag === "None" || inflow.ended || inflow.isFull ||
      (framing._tag === "Length" && framing.length <= reader.buffered)
  }

  enter(): void {
    this.standing = "Placed"
    if (this.asking !== undefined && !this.advancing) this.peer.run(Http1Guest.goOnAsking, this, undefined)
  }

  private goOnAsking(): void {
    this.phase = "Idle"
    this.advance()
  }

  get waste(): Waste {
    if (this.work.isBegun) return Waste.None
    const { awaited, awaitsWrite } = this.deadlines
    switch (this.phase) {
      case "Idle":
        if (!this.isAtRest) return awaitsWrite ? this.writeWaste : Waste.None
        return this.read > 0 ? Waste.Idle : Waste.Silent
      case "Head":
        return Waste.Head
      case "Busy":
        if (awaitsWrite) return this.writeWaste
        return awaited === "Body" || awaited === "Leftover" ? Waste.Body : Waste.None
      case "Lingering":
        return Waste.Parting
      case "Waiting":
      case "Detached":
        return Waste.None
    }
  }

  private get writeWaste(): Waste {
    return this.queue.rests ? Waste.Turn : Waste.Write
  }

  wastedSince(now: number): number {
    const { deadlines, exchange } = this
    if (this.queue.rests && exchange !== undefined) return exchange.startTime
    if (deadlines.awaitsWrite) return deadlines.takenSince(this.queue.handed, now)
    return deadlines.awaited === "Body" ? deadlines.bodySince(this.exchange?.body.bytes ?? 0, now) : this.quietSince
  }

  sendOn(): void {
    this.queue.goOn()
    this.peer.run(Http1Guest.sendOn, this, undefined)
  }

  makeRoom(): void {
    this.peer.run(Http1Guest.yieldPlace, this, undefined)
  }

  private yieldPlace(): void {
    const { waste } = this
    if (waste === Waste.None || waste === Waste.Parting) return
    if (waste === Waste.Idle || waste === Waste.Silent) return this.close()
    this.peer.log("Debug", "others wait for its place")
    if (waste === Waste.Head) return this.refuse(headTimeout(othersWait))
    if (waste === Waste.Write || waste === Waste.Turn) return this.late("Write")
    if (this.isDropping) return this.late("Leftover")
    this.deadlines.awaitNothing()
    this.exchange?.body.fail(lateBody.Room())
  }

  turnAway(): void {
    this.peer.run(Http1Guest.turnAway, this, undefined)
  }

  private turnAwayNow(): void {
    if (!this.work.isBegun && this.phase !== "Lingering") this.refuse(noRoom())
  }

  drop(): void {
    this.peer.run(Http1Guest.drop, this, undefined)
  }

  private dropNow(): void {
    if (this.phase === "Head") this.refuse(headTimeout(othersWait))
    else if (this.phase === "Waiting") this.refuse(noRoom())
    this.close()
  }

  protected refuse(error: RequestError, line = this.asking?.head.line ?? this.reader.requestLine): void {
    const text = `${error.message}\n`
    this.asking = undefined
    // RFC 9110, 9.3.2: to HEAD the head is the whole answer
    this.leaving.refuse(
      error,
      line,
      refusalHead(error.status, text.length, this.host),
      line.startsWith("HEAD ") ? "" : text
    )
    this.linger(undefined)
  }
}
