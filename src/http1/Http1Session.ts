/**
 * An HTTP/1 connection: reads requests, gives each to the application as an exchange, and ends in order.
 *
 * The transport's events drive it in plain functions: a fiber for each connection or read would cost more than everything else
 * together. Its Scope ends it in three steps: the running application ends, the post hooks run, the transport closes.
 *
 * ```
 *            head complete           the exchange is over
 *  Idle/Head ------------> Busy -----------------------------> Idle
 *     |  | no place         ^ |              |
 *     |  +---> Waiting -----+ | taken over   | not to be reused
 *     v refused               v              v
 *  Lingering               Detached       Lingering
 * ```
 *
 * The table of `Ending` has how an exchange ends.
 *
 * @since 0.1.0
 */
import type { AbortReason } from "../exchange/Outcome.js"
import { noBody, ReceivedBody } from "../exchange/ReceivedBody.js"
import { ServedExchange } from "../exchange/ServedExchange.js"
import { requestErrorFrom, type TransportError } from "../exchange/ServerError.js"
import type { Activity, Session, SessionScope } from "../exchange/Session.js"
import type { RequestStart } from "../protocol/requestReader.js"
import type { Closing } from "./Closing.js"
import type { Passed } from "./Deadlines.js"
import type { Http1Host } from "./Http1Carrier.js"
import { Http1Occupant } from "./Http1Occupant.js"
import { Http1Wire } from "./Http1Wire.js"
import {
  describe,
  headTimeout,
  incompleteHead,
  isMisdirected,
  lateBody,
  lateHandler,
  misdirected,
  noRoom
} from "./refusals.js"
import type { Transport, TransportEvents } from "./Transport.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Http1Session extends Http1Occupant implements Session {
  readonly scope: SessionScope
  index = -1

  constructor(id: number, transport: Transport, host: Http1Host, share: Session["addressShare"]) {
    super(id, transport, host, host.time.now(), share)
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
    // the result of what it has left running is dropped
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
  private static readonly passDeadline = (session: Http1Session): void => session.passDeadline()
  private static readonly giveReason = (session: Http1Session, reason: AbortReason): void =>
    session.work.giveReason(reason)
  private static readonly endWork = (session: Http1Session, ended: () => void): void => session.endExchange(ended)

  // ---------------------------------------------------------------------------------------------------------------
  // what the transport tells

  private onData(bytes: Uint8Array): void {
    // a second read in a tick: answering the first one before saves joining the two
    if (this.awaitsBatch) this.advance()
    if (this.phase === "Lingering") {
      if (!this.leaving.dropLingering(bytes.length)) this.close()
      return
    }
    this.reader.receive(bytes)
    if (this.phase === "Waiting" && this.asksWhole) this.host.requestPlace(this)
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

  protected onProgress(): void {
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
    } else if (this.asking !== undefined) this.leaving.refuse(noRoom(), this.asking.head.line, "", "")
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
      if (share.isBegun && reader.buffered > 0 && share.takesLeave(now)) {
        this.awaitsBatch = true
        break
      }
      const message = this.asking ?? (reader.buffered > 0 ? reader.next() : undefined)
      if (message === undefined) {
        this.awaitHead()
        break
      }
      if (message._tag === "RequestStart") {
        if (isMisdirected(message.head, this.peer)) this.refuse(misdirected(), message.head.line)
        else if (this.standing !== "Placed" && !this.asksForPlace(message)) break
        else this.begin(message, now)
      } else if (message._tag === "Failure") this.refuse(requestErrorFrom(message))
      // the next request begins when the one before it was answered
      if (this.phase === "Idle" && reader.buffered > 0) share.countRequest(now = time.now())
    }
    this.advancing = false
    // answers to pipelined requests leave together
    if (this.unsettled.length > 0) this.sendAnswer()
    this.limitReadAhead()
  }

  private awaitHead(): void {
    const { reader } = this
    if (this.inflow.ended) {
      if (reader.inHead) this.refuse(incompleteHead("the client stopped within a head"))
      else this.linger("the client has closed its sending half")
    } else if (this.phase === "Idle" && reader.inHead) {
      const now = this.host.time.now()
      this.phase = "Head"
      this.headSince = now
      this.deadlines.await("Head", this.host.config.timeouts.head, now)
      this.deadlines.awaitRequest(now)
    }
  }

  private asksForPlace(message: RequestStart): boolean {
    this.await(message)
    this.host.requestPlace(this)
    return this.standing === "Placed"
  }

  private begin(message: RequestStart, now: number): void {
    const { host } = this
    this.phase = "Busy"
    this.asking = undefined
    this.read++
    let body = noBody
    const { framing } = message.demands
    const isWhole = framing._tag === "None"
    // most requests come whole and are answered at once: they need no deadline
    const isAwaited = !isWhole || this.headSince !== undefined
    // the end of a request without a body is always there
    if (isWhole) this.reader.next()
    else body = new ReceivedBody(this, true, framing._tag === "Length" ? framing.length : undefined)
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

  // ---------------------------------------------------------------------------------------------------------------
  // ending

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
    // what the deadline is for may be among what was read
    this.answerRead()
    if (this.host.time.tick() >= this.deadlines.next) this.peer.run(Http1Session.passDeadline, this, undefined)
  }

  private passDeadline(): void {
    const { exchange, host: { time }, queue } = this
    const passed = this.deadlines.take(time.tick(), exchange?.body.bytes ?? 0, queue.handed)
    if (passed === undefined) return
    // a client that still takes its answer is not late: the deadlines for writes judge its rate
    if (passed === "Linger" && !queue.empty) return this.leaving.await(time.tick())
    if (passed !== "Linger" && passed !== "Interrupt") this.peer.log("Debug", "timed out")
    this.late(passed)
  }

  protected late(passed: Passed): void {
    const { exchange } = this
    switch (passed) {
      case "FirstRequest":
      case "Idle":
      case "Linger":
        return this.close("timed out")
      case "Place":
        return this.refuse(noRoom())
      case "Head":
        return this.refuse(headTimeout("the head did not come in time"))
      case "Request":
        return this.requestLate()
      case "Body":
      case "BodyPace":
        return exchange?.body.fail(lateBody[passed]())
      case "HalfClosed":
        return this.deadlines.takesNothing(this.queue.handed) ? this.abort("ClientGone") : this.awaitHalfClosed()
      case "Leftover":
        this.wire?.withdraw("the rest of the body is too long, malformed or late")
        return exchange === undefined ? undefined : this.drained(exchange)
      case "Handler":
        return exchange === undefined || exchange.headSent ? undefined : this.work.answerFor(exchange, lateHandler())
      case "Write":
        return this.takenOver?.takesOn() === true ? undefined : this.abort("WriteTimeout")
      case "DownloadPace":
        return this.abort("WriteTimeout")
      case "Interrupt":
        return this.work.late(exchange)
    }
  }
}
