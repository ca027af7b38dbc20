/**
 * An HTTP/1 connection: reads requests, gives each to the application as an exchange, and ends in order.
 *
 * The transport's events drive it in plain functions: there is no fiber for a connection or for a read. Its Scope ends it in three
 * steps: the running application ends, the post hooks run, the transport closes.
 *
 * The table of `Phase` says what it does from one request to the next, and the table of `Ending` how an exchange ends.
 *
 * @since 0.1.0
 */
import type { AbortReason } from "../exchange/Outcome.js"
import { noBody, type ReceivedBody } from "../exchange/ReceivedBody.js"
import { ServedExchange } from "../exchange/ServedExchange.js"
import { type RequestError, requestErrorFrom, type TransportError } from "../exchange/ServerError.js"
import type { Activity, Session, SessionPlace, SessionScope } from "../exchange/Session.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import type { Closing } from "./Closing.js"
import { Http1Body } from "./Http1Body.js"
import { Http1Carrier, type Http1Host } from "./Http1Carrier.js"
import { Http1Place, type PlacedConnection } from "./Http1Place.js"
import { Http1Wire } from "./Http1Wire.js"
import { Lateness } from "./Lateness.js"
import { describe, incompleteHead, isMisdirected, misdirected, noRoom, refusalHead } from "./refusals.js"
import { closingAtRest } from "./reuse.js"
import type { Transport, TransportEvents } from "./Transport.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Http1Session extends Http1Carrier implements Session, PlacedConnection {
  readonly scope: SessionScope
  readonly place: Http1Place
  readonly lateness: Lateness = new Lateness(this)
  index = -1
  private awaitsBatch = false

  constructor(id: number, transport: Transport, host: Http1Host, share: SessionPlace["addressShare"]) {
    super(id, transport, host, host.time.now())
    this.place = new Http1Place(this, share)
    this.scope = host.scopeFor(this)
  }

  open(): void {
    this.peer.run(Http1Session.open, this, {
      data: (bytes: Uint8Array) => this.attempt(Http1Session.onData, bytes),
      end: () => this.attempt(Http1Session.onEnd, undefined),
      progress: () => this.attempt(Http1Session.onProgress, undefined),
      closed: (error: TransportError | undefined) => this.attempt(Http1Session.onClosed, error)
    })
  }

  private attempt<A>(step: (session: Http1Session, argument: A) => void, argument: A): void {
    try {
      step(this, argument)
    } catch (error) {
      this.broken(error)
    }
  }

  broken(error: unknown): void {
    const { exchange } = this
    this.peer.log("Error", "a connection broke", error, exchange?.request)
    exchange?.recordFailure(error)
    this.leaving.tell("a defect of the server")
    if (!this.work.isBegun) {
      this.work.begin()
      return this.scope.died(error)
    }
    this.transport.destroy()
    this.scope.goOn()
    // the result of an application that still runs is dropped
    if (this.exchange?.isRunning === true) this.work.abandon(this.exchange)
  }

  // Entry points from outside, which run in the connection's own async context. They are static, so that no call makes a closure.

  private static readonly open = (session: Http1Session, events: TransportEvents): void =>
    session.transport.open(events)
  private static readonly onData = (session: Http1Session, bytes: Uint8Array): void => session.onData(bytes)
  private static readonly onEnd = (session: Http1Session): void => session.onEnd()
  private static readonly onProgress = (session: Http1Session): void => session.onProgress()
  private static readonly onClosed = (session: Http1Session, error: TransportError | undefined): void =>
    session.onClosed(error)
  private static readonly readOn = (body: ReceivedBody): void => body.readOn()
  private static readonly advance = (session: Http1Session): void => session.advance()
  private static readonly passDeadline = (session: Http1Session): void => session.lateness.pass()
  private static readonly sendOn = (session: Http1Session): void => session.attempt(Http1Session.onProgress, undefined)
  private static readonly giveReason = (session: Http1Session, reason: AbortReason): void =>
    session.work.giveReason(reason)
  private static readonly endWork = (session: Http1Session, ended: () => void): void => session.endExchange(ended)

  // ---------------------------------------------------------------------------------------------------------------
  // what the transport tells

  private onData(bytes: Uint8Array): void {
    // a second read in a tick: the first one is answered before, so that the two need not be joined
    if (this.awaitsBatch) this.advance()
    if (this.phase === "Lingering") {
      if (!this.leaving.dropLingering(bytes.length)) this.close()
      return
    }
    this.reader.receive(bytes)
    if (this.phase === "Waiting" && this.place.asksWhole) this.host.requestPlace(this)
    else if (this.phase === "Idle" || this.phase === "Head") {
      if (!this.share.waits) {
        this.awaitsBatch = this.host.batch.enter(this)
        if (!this.awaitsBatch) this.advance()
        return
      }
    } else if (this.phase === "Busy") {
      if (this.isDropping) return this.dropLeftover()
      this.exchange?.bodyArrived()
    }
    this.limitReadAhead()
  }

  private onEnd(): void {
    if (this.awaitsBatch) this.advance()
    this.inflow.end()
    switch (this.phase) {
      case "Idle":
      case "Head":
        return this.advance()
      case "Busy": {
        if (this.isDropping) return this.dropLeftover()
        const { exchange, wire } = this
        if (exchange === undefined || exchange.over) return
        if (this.host.config.halfClose === "abort") return this.abort("ClientGone")
        // requests that came before the end are still answered
        if (this.reader.buffered === 0) wire?.withdraw("the client has closed its sending half")
        this.awaitHalfClosed()
        return exchange.bodyArrived()
      }
      case "Lingering":
        if (this.queue.empty) this.close()
        return
      case "Waiting":
        if (this.host.config.halfClose === "abort") this.close("the client has closed its sending half")
        return
      case "Detached":
    }
  }

  sendOn(): void {
    this.queue.goOn()
    this.peer.run(Http1Session.sendOn, this, undefined)
  }

  private onProgress(): void {
    this.deadlines.written()
    this.flush()
    if (this.queue.full) return
    if (this.phase === "Idle" || this.phase === "Head") this.advance()
    else this.exchange?.roomAgain()
  }

  private onClosed(error: TransportError | undefined): void {
    if (this.awaitsBatch) this.advance()
    this.inflow.lose()
    if (error !== undefined && this.phase !== "Lingering") {
      // failures of the protocol that has taken over concern the operator
      const level = this.phase === "Detached" && error.reason === "Other" ? "Info" : "Debug"
      this.host.log(level, `${describe(error)} (${this.peer.name})`)
    }
    if (this.phase === "Head") {
      this.leaving.refuse(incompleteHead("the client left within a head"), this.reader.requestLine, "", "")
    } else if (this.place.request !== undefined) this.leaving.refuse(noRoom(), this.place.request.head.line, "", "")
    // the application that has taken the connection over ends with it
    if (this.phase === "Detached") {
      if (error === undefined) this.close("the connection was taken over")
      else this.closeWith(error, "the client has left")
    } else if (this.exchange === undefined || this.isAnswered) this.close("the client has left")
    else this.closeWith(error ?? "ClientGone", "the client has left")
  }

  // ---------------------------------------------------------------------------------------------------------------
  // reading requests

  takeShare(): void {
    const { waits } = this.share
    for (const body of this.share.begin()) this.peer.run(Http1Session.readOn, body, undefined)
    if (waits) this.answerRead()
  }

  answerRead(): void {
    if (this.awaitsBatch) this.peer.run(Http1Session.advance, this, undefined)
  }

  protected advance(): void {
    if (this.advancing) return
    const { reader, share } = this
    const { time } = this.host
    this.awaitsBatch = false
    this.advancing = true
    let now = time.tick()
    while ((this.phase === "Idle" || this.phase === "Head") && !this.work.isBegun && !this.queue.full) {
      if (share.isBegun && reader.buffered > 0 && share.takesLeave()) {
        this.awaitsBatch = true
        break
      }
      const message = this.place.request ?? (reader.buffered > 0 ? reader.next() : undefined)
      if (message === undefined) {
        this.awaitHead()
        break
      }
      if (message._tag === "RequestStart") {
        if (isMisdirected(message.head, this.peer)) this.refuse(misdirected(), message.head.line)
        else if (this.place.standing !== "Placed" && !this.asksForPlace(message)) break
        else this.begin(message, now)
      } else if (message._tag === "Failure") this.refuse(requestErrorFrom(message))
      // the next request begins when the one before it was answered
      if (this.phase === "Idle" && reader.buffered > 0) now = share.countRequest()
    }
    this.advancing = false
    // answers to pipelined requests leave together
    if (this.unsettled.length > 0) this.sendAnswer()
    this.limitReadAhead()
  }

  answerWaiting(): void {
    if (this.advancing) return
    this.phase = "Idle"
    this.advance()
  }

  private awaitHead(): void {
    const { reader } = this
    const why = closingAtRest(this)
    if (why !== undefined) {
      if (reader.inHead) this.refuse(incompleteHead("the client stopped within a head"))
      else this.linger(why)
    } else if (this.phase === "Idle" && reader.inHead) {
      const now = this.host.time.now()
      this.phase = "Head"
      this.headSince = now
      this.deadlines.await("Head", this.host.config.timeouts.head)
      this.deadlines.awaitRequest(now)
    }
  }

  private asksForPlace(message: RequestStart): boolean {
    this.phase = "Waiting"
    this.place.await(message)
    this.host.requestPlace(this)
    return this.place.standing === "Placed"
  }

  private begin(message: RequestStart, now: number): void {
    const { host } = this
    this.phase = "Busy"
    if (this.place.request !== undefined) this.place.awaitNoMore()
    this.read++
    let body = noBody
    const { framing } = message.demands
    const isWhole = framing._tag === "None"
    // most requests come whole and are answered at once: they need no deadline
    const isAwaited = !isWhole || this.headSince !== undefined
    // the end of a request without a body is always there
    if (isWhole) this.reader.next()
    else body = new Http1Body(this, true, framing._tag === "Length" ? framing.length : undefined)
    if (isAwaited) this.requestBegan(now, isWhole ? undefined : this.headSince ?? now)
    this.headSince = undefined
    host.countSoon()
    const wire = this.wire = new Http1Wire(this, message, body)
    const exchange = this.exchange = new ServedExchange(wire, now)
    this.begunAt = now
    try {
      host.handler(exchange)
    } catch (error) {
      exchange.fail(error)
    }
    this.begunAt = undefined
    if (isAwaited || this.exchange !== exchange || this.phase !== "Busy" || this.isAnswered) return
    if (!this.work.isBegun) this.requestBegan(now, undefined)
  }

  // `bodySince` is when the request began, where its body is to come.
  private requestBegan(now: number, bodySince: number | undefined): void {
    this.deadlines.requestBegan(now, bodySince)
    if (this.inflow.ended) this.awaitHalfClosed()
  }

  refuse(error: RequestError, line = this.place.request?.head.line ?? this.reader.requestLine): void {
    const text = `${error.message}\n`
    this.place.awaitNoMore()
    // RFC 9110, 9.3.2: to HEAD the head is the whole answer
    this.leaving.refuse(
      error,
      line,
      refusalHead(error.status, text.length, this.host),
      line.startsWith("HEAD ") ? "" : text
    )
    this.linger("the request was refused")
  }

  // ---------------------------------------------------------------------------------------------------------------
  // ending

  get isAtRest(): boolean {
    return this.phase === "Idle" && !this.awaitsBatch && this.queue.empty
  }

  get activity(): Activity {
    if (this.isAtRest || this.takenOver?.isIdle === true) return "Idle"
    return this.awaitsBatch || this.phase === "Head" || this.phase === "Waiting" || this.phase === "Detached" ||
        (this.phase === "Busy" && !this.isAnswered)
      ? "Busy"
      : "Lingering"
  }

  // The last answer is on its way: the connection needs no place for that.
  protected override linger(why: Closing): void {
    super.linger(why)
    this.host.releasePlace(this)
  }

  abort(reason: AbortReason): void {
    const { exchange, work } = this
    if (reason === "Stopped" && !work.isBegun && exchange?.isUninterruptible === true) {
      // its answer says that the connection closes, and then it does
      return exchange.interruptLater()
    }
    if (work.isBegun) return this.peer.run(Http1Session.giveReason, this, reason)
    work.giveReason(reason)
    this.closeWith(reason, reason)
  }

  sayGoodbye(): void {
    const { exchange } = this
    if (exchange === undefined || this.work.isBegun) return
    if (exchange.isEndless) this.abort("Stopped")
    else if (exchange.detached) this.work.sayGoodbye(exchange)
  }

  endWork(ended: () => void): void {
    if (!this.work.isBegun) this.work.giveReason("Closed")
    this.leaving.tell("Closed")
    this.work.begin()
    this.deadlines.close()
    this.leaving.end(this.isAtRest)
    this.peer.run(Http1Session.endWork, this, ended)
  }

  private endExchange(ended: () => void): void {
    const { exchange } = this
    if (exchange === undefined || this.isAnswered) ended()
    else this.work.interrupt(exchange, ended)
  }

  runHooks(over: () => void): void {
    this.settleUnattended()
    this.recordRefused()
    const { exchange } = this
    if (exchange === undefined) return over()
    this.onOver = over
    exchange.lost(this.work.reason)
    if (exchange.stage === "Draining") this.drained(exchange)
  }

  closeSocket(): void {
    try {
      this.leaving.close()
    } finally {
      this.host.ended(this)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // deadlines

  sweep(): void {
    // the awaited bytes may be among those that were read
    this.answerRead()
    if (this.host.time.tick() >= this.deadlines.next) this.peer.run(Http1Session.passDeadline, this, undefined)
  }
}
