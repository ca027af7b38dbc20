/**
 * An HTTP/1 connection as one of many: whether it has a place, how it uses that, and how it gives it up for others.
 *
 * @since 0.2.0
 */
import type { AbortReason } from "../exchange/Outcome.js"
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { Standing } from "../exchange/Session.js"
import type { RequestStart } from "../protocol/requestReader.js"
import type { Passed } from "./Deadlines.js"
import { Http1Carrier } from "./Http1Carrier.js"
import { headTimeout, lateBody, lateReader, noRoom, othersWait, refusalHead } from "./refusals.js"

/**
 * @since 0.2.0
 * @category models
 */
export abstract class Http1Occupant extends Http1Carrier {
  standing: Standing = "Waiting"
  protected awaitsBatch = false
  // the request that waits for a place
  protected asking: RequestStart | undefined = undefined

  abstract abort(reason: AbortReason): void
  protected abstract override advance(): void
  protected abstract onProgress(): void
  protected abstract late(passed: Passed): void

  private static readonly goOnAsking = (guest: Http1Occupant): void => guest.goOnAsking()
  private static readonly sendOn = (guest: Http1Occupant): void => {
    try {
      guest.onProgress()
    } catch (error) {
      guest.broken(error)
    }
  }
  private static readonly yieldPlace = (guest: Http1Occupant): void => guest.yieldPlace()
  private static readonly turnAway = (guest: Http1Occupant): void => guest.turnAwayNow()
  private static readonly drop = (guest: Http1Occupant): void => guest.dropNow()

  protected get isAtRest(): boolean {
    return this.phase === "Idle" && !this.awaitsBatch && this.queue.empty
  }

  get idleSince(): number | undefined {
    return this.isAtRest && this.read > 0 ? this.quietSince : undefined
  }

  // A request has come, and there is no place for it.
  protected await(message: RequestStart): void {
    this.asking = message
    this.phase = "Waiting"
    this.deadlines.requestCame()
    this.deadlines.await("Place", this.host.config.timeouts.place, this.host.time.now())
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
    if (this.asking !== undefined && !this.advancing) this.peer.run(Http1Occupant.goOnAsking, this, undefined)
  }

  leavePlace(): void {
    this.standing = "Parting"
  }

  private goOnAsking(): void {
    this.phase = "Idle"
    this.advance()
  }

  get placeUse(): PlaceUse {
    if (this.work.isBegun) return PlaceUse.Active
    const { awaited, awaitsWrite } = this.deadlines
    switch (this.phase) {
      case "Idle":
        if (!this.isAtRest) return awaitsWrite ? this.writeUse : PlaceUse.Active
        return this.read > 0 ? PlaceUse.Idle : PlaceUse.Silent
      case "Head":
        return PlaceUse.ReadingHead
      case "Busy":
        if (awaitsWrite) return this.writeUse
        return awaited === "Body" || awaited === "Leftover" ? PlaceUse.AwaitingBody : PlaceUse.Active
      case "Lingering":
        return PlaceUse.Parting
      case "Waiting":
      case "Detached":
        return PlaceUse.Active
    }
  }

  private get writeUse(): PlaceUse {
    return this.queue.isThrottled ? PlaceUse.Throttled : PlaceUse.AwaitingWrite
  }

  get placeUseSince(): number {
    const { deadlines, exchange } = this
    const now = this.host.time.tick()
    if (this.queue.isThrottled && exchange !== undefined) return exchange.startTime
    if (deadlines.awaitsWrite) return deadlines.takenSince(this.queue.handed, now)
    return deadlines.awaited === "Body" ? deadlines.bodySince(this.exchange?.body.bytes ?? 0, now) : this.quietSince
  }

  sendOn(): void {
    this.queue.goOn()
    this.peer.run(Http1Occupant.sendOn, this, undefined)
  }

  makeRoom(): void {
    this.peer.run(Http1Occupant.yieldPlace, this, undefined)
  }

  private yieldPlace(): void {
    const { placeUse } = this
    if (placeUse === PlaceUse.Active || placeUse === PlaceUse.Parting) return
    if (placeUse === PlaceUse.Idle || placeUse === PlaceUse.Silent) return this.close()
    this.peer.log("Debug", "others wait for its place")
    if (placeUse === PlaceUse.ReadingHead) return this.refuse(headTimeout(othersWait))
    if (placeUse === PlaceUse.AwaitingWrite || placeUse === PlaceUse.Throttled) return this.late("Write")
    if (this.isDropping) return this.late("Leftover")
    this.deadlines.awaitNothing()
    this.exchange?.body.fail(lateBody.Room())
  }

  // The request has not come whole in its time.
  protected requestLate(): void {
    const { deadlines, exchange, inflow } = this
    if (this.phase === "Head") return this.refuse(headTimeout("the request did not come in time"))
    if (exchange === undefined || this.isDropping) return
    const { body } = exchange
    const isUnbegun = exchange.owesContinue && body.bytes === 0 && inflow.isEmpty
    if (inflow.readsToEnd()) return
    // a client that the server keeps waiting is not late
    const isHeld = inflow.paused && !body.isAwaited
    if (isUnbegun || (isHeld && (exchange.headSent || body.bytes > deadlines.bytesBefore))) {
      return deadlines.excuse(body.bytes, this.host.time.now())
    }
    const error = lateBody.Request()
    if (body.isAwaited) return body.fail(error)
    if (!exchange.headSent) return this.work.answerFor(exchange, isHeld ? lateReader() : error)
    body.fail(error)
    this.wire?.withdraw("the rest of the body is too long, malformed or late")
  }

  turnAway(): void {
    this.peer.run(Http1Occupant.turnAway, this, undefined)
  }

  private turnAwayNow(): void {
    if (!this.work.isBegun && this.phase !== "Lingering") this.refuse(noRoom())
  }

  drop(): void {
    this.peer.run(Http1Occupant.drop, this, undefined)
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
    this.linger("the request was refused")
  }
}
