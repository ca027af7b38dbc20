/**
 * An HTTP/1 connection: reads requests, gives each to the application as an exchange, sends what it answers, and decides what
 * becomes of the connection afterwards.
 *
 * Driven by the transport's events in plain functions: a fiber per connection or per read costs more than everything
 * else together. Its Scope is what ends it, in three steps: the running application ends, the post hooks run, the transport
 * closes.
 *
 * ```
 *            head complete           the exchange is over
 *  Idle/Head ------------> Busy -----------------------------> Idle
 *     |                     |                |
 *     | refused             | taken over     | not to be reused
 *     v                     v                v
 *  Lingering             Detached         Lingering
 * ```
 *
 * How an exchange comes to its end is the table of `Ending`.
 *
 * @since 0.1.0
 */
import type { RequestHead } from "../protocol/requestHead.js"
import type { RequestStart } from "../protocol/requestReader.js"
import { prepare } from "../protocol/responseHead.js"
import type { Alarm } from "./Alarm.js"
import { Deadlines, type Passed } from "./Deadlines.js"
import { EndOfWork } from "./EndOfWork.js"
import { Exchange } from "./Exchange.js"
import { schemeOf } from "./Forwarding.js"
import { type Carrier, Http1Wire } from "./Http1Wire.js"
import { Inflow } from "./Inflow.js"
import { Leaving } from "./Leaving.js"
import { Outbox } from "./Outbox.js"
import type { AbortReason } from "./Outcome.js"
import { Peer } from "./Peer.js"
import type { Placed } from "./Places.js"
import { type BodySource, noBody, RequestBody } from "./RequestBody.js"
import type { Reader } from "./RequestParser.js"
import { BodyError, RequestError, requestErrorFrom, type TransportError } from "./ServerError.js"
import type { Activity, Session, SessionHost, SessionScope } from "./Session.js"
import { Share } from "./Share.js"
import type { Transport, TransportEvents } from "./Transport.js"
import type { Member, Sharer, Turn } from "./Turn.js"
import type { Takeover, Withdrawal } from "./Wire.js"

type Phase = "Idle" | "Head" | "Busy" | "Lingering" | "Detached"

/**
 * What an HTTP/1 connection needs of its server beside what any session does.
 *
 * @since 0.2.0
 * @category models
 */
export interface Http1Host extends SessionHost {
  readonly turn: Turn
  readonly alarm: Alarm
  readonly parser: { readonly make: () => Reader }
  readonly scopeFor: (session: Session) => SessionScope
  readonly ended: (session: Session) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export class Http1Session implements Session, Carrier, BodySource, Member, Sharer, Placed {
  readonly peer: Peer
  readonly queue: Outbox
  readonly scope: SessionScope
  readonly since: number
  place = -1
  private readonly inflow: Inflow
  private readonly deadlines: Deadlines
  private readonly work: EndOfWork
  private readonly leaving: Leaving
  private readonly share = new Share()
  // complete unattended exchanges whose bytes the kernel has not taken: answers to pipelined requests leave together
  private readonly unsettled: Array<Exchange> = []
  private phase: Phase = "Idle"
  private read = 0
  private exchange: Exchange | undefined = undefined
  private wire: Http1Wire | undefined = undefined
  private headSince: number | undefined = undefined
  private begunAt: number | undefined = undefined
  private onOver: (() => void) | undefined = undefined
  private advancing = false
  private awaitsTurn = false
  private holds = false
  private markedIdle = false
  private endsAtRest = false
  // what the kernel had taken when a client that has closed its sending half was last looked at
  private halfClosedAt = 0

  constructor(id: number, private readonly transport: Transport, private readonly host: Http1Host) {
    const { alarm, config, parser, time } = host
    this.peer = new Peer(id, host, transport)
    this.queue = new Outbox(transport)
    this.inflow = new Inflow(parser.make(), transport)
    this.since = time.now()
    this.deadlines = new Deadlines(alarm, config.timeouts, config.rates, this.since)
    this.work = new EndOfWork(this.deadlines, time, () => transport.destroy())
    this.leaving = new Leaving({
      config,
      deadlines: this.deadlines,
      inflow: this.inflow,
      queue: this.queue,
      time,
      transport
    })
    this.scope = host.scopeFor(this)
  }

  /** Begins to read. */
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
    exchange?.blame(error)
    if (!this.work.isBegun) {
      this.work.begin()
      return this.scope.died(error)
    }
    this.transport.destroy()
    this.scope.goOn()
    // what it has left running ends unheard
    if (this.exchange?.isRunning === true) this.work.abandon(this.exchange)
  }

  // What is entered from outside, in the connection's own async context: without a closure for each time.

  private static readonly open = (session: Http1Session, events: TransportEvents): void =>
    session.transport.open(events)
  private static readonly onData = (session: Http1Session, bytes: Uint8Array): void => session.onData(bytes)
  private static readonly onEnd = (session: Http1Session): void => session.onEnd()
  private static readonly onProgress = (session: Http1Session): void => session.onProgress()
  private static readonly onClosed = (session: Http1Session, error: TransportError | undefined): void =>
    session.onClosed(error)
  private static readonly advance = (session: Http1Session): void => session.advance()
  private static readonly flush = (session: Http1Session): void => session.flush()
  private static readonly passDeadline = (session: Http1Session, now: number): void => session.passDeadline(now)
  private static readonly because = (session: Http1Session, reason: AbortReason): void => session.work.because(reason)
  private static readonly endWork = (session: Http1Session, ended: () => void): void => session.endExchange(ended)

  // ---------------------------------------------------------------------------------------------------------------
  // what the transport tells

  private onData(bytes: Uint8Array): void {
    // who reads twice in a tick has much to do: what it read first need not be joined with the rest
    if (this.awaitsTurn) this.advance()
    if (this.phase === "Lingering") {
      if (!this.leaving.dropLingering(bytes.length)) this.close()
      return
    }
    this.inflow.receive(bytes)
    if (this.phase === "Idle" || this.phase === "Head") {
      if (!this.share.waits) {
        this.awaitsTurn = this.host.turn.enter(this)
        if (!this.awaitsTurn) this.advance()
        return
      }
    } else if (this.phase === "Busy") {
      if (this.isDropping) return this.dropLeftover()
      this.exchange?.bodyArrived()
    }
    this.limitReadAhead()
  }

  private onEnd(): void {
    if (this.awaitsTurn) this.advance()
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
        // what was sent before the end is still answered
        if (this.inflow.buffered === 0) wire?.withdraw("the client has closed its sending half")
        this.awaitHalfClosed()
        return exchange.bodyArrived()
      }
      case "Lingering":
        if (this.queue.empty) this.close()
        return
      case "Detached":
    }
  }

  private onProgress(): void {
    this.deadlines.written()
    this.flush()
    if (this.queue.full) return
    if (this.phase === "Idle" || this.phase === "Head") this.advance()
    else this.exchange?.roomAgain()
  }

  private onClosed(error: TransportError | undefined): void {
    if (this.awaitsTurn) this.advance()
    this.inflow.lose()
    if (error !== undefined && this.phase !== "Lingering") {
      // what a protocol of somebody else's fails with is for whoever runs it
      const level = this.phase === "Detached" && error.reason === "Other" ? "Info" : "Debug"
      this.host.log(level, `${describe(error)} (${this.peer.name})`)
    }
    if (this.phase === "Head") {
      this.leaving.refuse(incompleteHead("the client left within a head"), this.inflow.requestLine, "", "")
    }
    // what has taken the connection over ends with it
    if (this.phase === "Detached") {
      if (error === undefined) this.close()
      else this.closeWith(error)
    } else if (this.exchange !== undefined && !this.isAnswered) this.closeWith(error ?? "ClientGone")
    else this.close()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // reading requests

  takeShare(): void {
    this.share.begin()
    if (this.share.waits) this.takeTurn()
  }

  takeTurn(): void {
    if (this.awaitsTurn) this.peer.run(Http1Session.advance, this, undefined)
  }

  private advance(): void {
    if (this.advancing) return
    const { inflow, share } = this
    const { time } = this.host
    this.awaitsTurn = false
    share.goOn()
    this.advancing = true
    let now = time.tick()
    while ((this.phase === "Idle" || this.phase === "Head") && !this.work.isBegun && !this.queue.full) {
      if (share.isBegun && inflow.buffered > 0 && share.isSpent(now)) {
        this.awaitsTurn = true
        break
      }
      const message = inflow.next()
      if (message === undefined) {
        this.awaitHead()
        break
      }
      if (message._tag === "RequestStart") {
        if (this.isMisdirected(message.head)) this.refuse(misdirected(), message.head.line)
        else this.begin(message, now)
      } else if (message._tag === "Failure") this.refuse(requestErrorFrom(message))
      // what comes behind the first begins when that has been answered
      if (this.phase === "Idle" && inflow.buffered > 0) this.count(now = time.now())
    }
    this.advancing = false
    // answers were held back so that they leave together
    if (this.unsettled.length > 0) this.sendAnswer()
    this.limitReadAhead()
  }

  // More has come already than was answered: others are not to wait for all of it.
  private count(now: number): void {
    if (this.share.count(now)) this.host.turn.share(this)
  }

  private awaitHead(): void {
    const { inflow } = this
    if (inflow.ended) {
      if (inflow.inHead) this.refuse(incompleteHead("the client stopped within a head"))
      else this.linger(undefined)
    } else if (this.phase === "Idle" && inflow.inHead) {
      const now = this.host.time.now()
      this.phase = "Head"
      this.headSince = now
      this.deadlines.await("Head", this.host.config.timeouts.head, now)
      this.deadlines.awaitRequest(now)
    }
    // it may have been held back for an answer that nobody took
    inflow.resume()
  }

  private begin(message: RequestStart, now: number): void {
    const { host } = this
    this.phase = "Busy"
    if (this.inflow.ended) this.awaitHalfClosed()
    else this.deadlines.awaitNothing()
    this.read++
    let body = noBody
    const { framing } = message.demands
    if (framing._tag === "None") {
      // a request without a body has an end that costs nothing to read
      this.nextMessage()
    } else {
      body = new RequestBody(this, true, framing._tag === "Length" ? framing.length : undefined)
      this.deadlines.awaitRequest(this.headSince ?? now)
    }
    this.headSince = undefined
    this.deadlines.awaitAnswer(now)
    host.countSoon(now)
    const wire = this.wire = new Http1Wire(this, message, body)
    const exchange = this.exchange = new Exchange(wire, now)
    this.begunAt = now
    try {
      host.handler(exchange)
    } catch (error) {
      exchange.fail(error)
    }
    this.begunAt = undefined
  }

  // RFC 9110, 7.4: what was asked for is not here, and nobody is to believe that it came the way it says. A proxy may ask by
  // the scheme of its own connection here, or by that of its client.
  private isMisdirected(head: RequestHead): boolean {
    const { form } = head
    return form._tag === "Absolute" && form.scheme !== schemeOf(this.transport) &&
      form.scheme !== this.peer.forwarding?.of(head)?.scheme
  }

  private refuse(error: RequestError, line = this.inflow.requestLine): void {
    const text = `${error.message}\n`
    // RFC 9110, 9.3.2: to HEAD the head is the whole answer
    this.leaving.refuse(
      error,
      line,
      refusalHead(error.status, text.length, this.host),
      line.startsWith("HEAD ") ? "" : text
    )
    this.linger(undefined)
  }

  private limitReadAhead(): void {
    if (this.phase === "Detached" || this.phase === "Lingering") return
    // a head that is longer has limits of its own
    if ((this.phase === "Idle" || this.phase === "Head") && !this.queue.full && !this.share.waits) return
    this.inflow.limit()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what a body asks

  get inputEnded(): boolean {
    return this.inflow.ended
  }

  nextMessage(): ReturnType<Inflow["next"]> {
    const message = this.inflow.nextOfBody()
    if (message?._tag === "BodyEnd") this.deadlines.requestCame()
    return message
  }

  bodyAwaited(awaited: boolean): void {
    // nothing will come, whoever waits
    if (this.inflow.ended) return
    if (awaited) {
      this.deadlines.awaitBody(this.exchange?.body.bytes ?? 0, this.host.time.now())
      this.inflow.resume()
    } else this.deadlines.bodyCame(this.host.time.now())
  }

  expectAnotherBody(): void {
    this.inflow.expectAnotherBody()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what a wire asks

  refusesMore(): Withdrawal | undefined {
    const { config } = this.host
    if (!config.keepAlive) return "keep-alive is off"
    if (this.work.isBegun) return "the connection is closing"
    if (!this.host.mayPersist()) return "the server stops, or others wait for room"
    if (this.inflow.ended && this.inflow.buffered === 0) return "the client has closed its sending half"
    return this.read < config.limits.requestsPerConnection ? undefined : "limits.requestsPerConnection is reached"
  }

  get date(): string {
    const { time } = this.host
    return time.date(this.begunAt ?? time.tick())
  }

  flush(): void {
    this.holds = false
    if (this.inflow.gone) return
    const handed = this.queue.flush()
    const { exchange } = this
    if (exchange !== undefined && (!handed || !exchange.over)) exchange.begun()
    if (handed) {
      this.deadlines.allWritten()
      this.allSent()
    } else {
      for (const each of this.unsettled) each.begun()
      if (this.phase !== "Detached") this.deadlines.awaitWrite(this.queue.handed, this.host.time.now())
    }
  }

  completed(): void {
    const { exchange, wire } = this
    if (exchange === undefined || wire === undefined) return
    this.deadlines.answerBegan()
    if (
      this.advancing && wire.withdrawn === undefined && exchange.body.complete && exchange.unattended &&
      !this.queue.full
    ) {
      this.unsettled.push(exchange)
      this.exchange = undefined
      this.wire = undefined
      this.phase = "Idle"
    } else this.sendAnswer()
  }

  // What ends an answer may leave with what ends those of other connections; whatever else is sent is not to wait.
  private sendAnswer(): void {
    if (this.holds) return
    this.holds = this.host.turn.hold(this)
    if (!this.holds) this.flush()
  }

  sendHeld(): void {
    if (this.holds && !this.inflow.gone) this.queue.flush()
  }

  heldSent(): void {
    if (this.holds) this.peer.run(Http1Session.flush, this, undefined)
  }

  cut(): void {
    // what was given until here still goes, answers to earlier requests among it
    this.queue.flush()
    this.closeWith(this.exchange?.error)
  }

  markIdle(): void {
    this.markedIdle = true
  }

  detach(): Takeover {
    this.phase = "Detached"
    this.holds = false
    this.deadlines.close()
    this.inflow.resume()
    this.queue.flush()
    const stream = this.transport.detach(() => this.awaitTaken())
    if (this.transport.pending > 0) this.awaitTaken()
    return { stream, rest: this.inflow.takeRest() }
  }

  // Whoever has taken the connection over waits for its peer as long as the server would; who owes nothing waits for nobody.
  private awaitTaken(): void {
    if (!this.work.isBegun) this.deadlines.awaitTaken(this.transport.handed, this.host.time.now())
  }

  // Does the peer take something of what waits? Then it has as long again.
  private get takesOn(): boolean {
    const { deadlines, transport } = this
    if (transport.pending > 0 && deadlines.takesNothing(transport.handed)) return false
    if (transport.pending > 0) this.awaitTaken()
    return true
  }

  // ---------------------------------------------------------------------------------------------------------------
  // after the response

  // The kernel has taken everything that was given to it.
  private allSent(): void {
    this.settleUnattended()
    const { exchange, wire } = this
    if (this.phase === "Lingering") {
      this.recordRefused()
      this.leaving.sayEnd()
      // nothing can be unread in a peer that has said its end and taken everything
      if (this.inflow.ended) this.close()
    } else if (this.phase === "Idle") {
      if (!this.advancing && this.isUnwanted) this.linger(undefined)
    } else if (exchange !== undefined && wire?.isComplete === true && !this.work.isBegun) {
      if (wire.endsWithConnection) this.leaving.sayEnd()
      exchange.allSent()
    }
  }

  private settleUnattended(): void {
    if (this.unsettled.length === 0) return
    const now = this.host.time.tick()
    if (this.phase === "Idle") this.deadlines.await("Idle", this.host.config.timeouts.idle, now)
    for (let exchange = this.unsettled.shift(); exchange !== undefined; exchange = this.unsettled.shift()) {
      exchange.leave(this.work.reason, now)
      this.host.record(exchange, now)
    }
  }

  private recordRefused(): void {
    const refused = this.leaving.takeRefused(this.headSince)
    if (refused !== undefined) this.host.refused(this.peer, refused)
  }

  drain(): void {
    const { exchange, inflow, wire } = this
    if (exchange === undefined || this.work.isBegun) return
    if (wire?.withdrawn !== undefined || exchange.body.complete || inflow.gone) return this.drained(exchange)
    this.leaving.beginLeftover()
    this.dropLeftover()
  }

  // Is the rest of a body on its way, which the application did not read?
  private get isDropping(): boolean {
    return this.exchange?.stage === "Draining"
  }

  private dropLeftover(): void {
    const { exchange, wire } = this
    if (exchange === undefined || this.work.isBegun) return
    for (;;) {
      const message = this.nextMessage()
      if (message === undefined) {
        if (!this.inflow.ended) return this.inflow.resume()
        break
      }
      if (message._tag === "BodyEnd") return this.drained(exchange)
      if (message._tag !== "BodyPiece") {
        const reason = message._tag === "Failure" ? message.message : "another request"
        this.host.log("Info", `the rest of a body is malformed (${this.peer.name}) ${reason}`)
        break
      }
      if (!this.leaving.dropLeftover(message.bytes.length)) break
    }
    wire?.withdraw("the rest of the body is too long, malformed or late")
    this.drained(exchange)
  }

  private drained(exchange: Exchange): void {
    this.deadlines.exchangeOver()
    exchange.drained()
  }

  over(wire: Http1Wire): void {
    const { exchange } = this
    if (wire !== this.wire || exchange === undefined) return
    const now = this.host.time.now()
    this.host.record(exchange, now)
    this.exchange = undefined
    this.wire = undefined
    if (this.onOver !== undefined) return this.onOver()
    if (wire.withdrawn !== undefined && wire.isLast) return this.closeSoon(wire.withdrawn)
    if (wire.withdrawn !== undefined || this.inflow.gone || this.isUnwanted) return this.linger(wire.withdrawn)
    this.phase = "Idle"
    this.deadlines.await("Idle", this.host.config.timeouts.idle, now)
    this.inflow.resume()
    if (this.advancing) return
    if (this.inflow.buffered > 0) this.count(now)
    this.advance()
  }

  // Is its room needed, or the server stopping at once, and no request here already? The last answer could not tell the
  // client.
  private get isUnwanted(): boolean {
    return !this.host.mayStay() && this.inflow.buffered === 0
  }

  // A client that has said that this was its last request, and sent all of it, must not send more (RFC 9112, 9.6): there is
  // nothing that a close could turn into a reset, and to linger would cost a fifth of the connection. TLS says its end first.
  private closeSoon(why: Withdrawal): void {
    const { inflow, queue, transport } = this
    if (inflow.gone || inflow.buffered > 0 || !queue.empty || transport.tls !== undefined) return this.linger(why)
    this.phase = "Lingering"
    this.close()
  }

  private linger(why: Withdrawal | undefined): void {
    this.phase = "Lingering"
    if (why !== undefined) this.host.log("Debug", () => `no further request (${this.peer.name}) ${why}`)
    if (this.inflow.gone) return this.close()
    this.leaving.beginLingering()
    this.flush()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // ending

  get activity(): Activity {
    if (this.isAtRest || (this.phase === "Detached" && this.markedIdle)) return "Idle"
    return this.awaitsTurn || this.phase === "Head" || this.phase === "Detached" ||
        (this.phase === "Busy" && !this.isAnswered)
      ? "Busy"
      : "Lingering"
  }

  get requests(): number {
    return this.read
  }

  get idleSince(): number | undefined {
    return this.isAtRest && this.read > 0 ? this.quietSince : undefined
  }

  get quietSince(): number {
    return this.deadlines.quietSince
  }

  get abandoned(): boolean {
    return this.work.abandoned
  }

  private get isAtRest(): boolean {
    return this.phase === "Idle" && !this.awaitsTurn && this.queue.empty
  }

  abort(reason: AbortReason): void {
    const { exchange, work } = this
    if (reason === "Stopped" && !work.isBegun && exchange?.isUninterruptible === true) {
      // its answer says that the connection closes, and then it does
      return exchange.interruptLater()
    }
    if (work.isBegun) return this.peer.run(Http1Session.because, this, reason)
    work.because(reason)
    this.closeWith(reason)
  }

  sayGoodbye(): void {
    const { exchange } = this
    if (exchange === undefined || this.work.isBegun) return
    if (exchange.isEndless) this.abort("Stopped")
    else if (exchange.detached) this.work.sayGoodbye(exchange)
  }

  close(): void {
    if (this.work.isBegun) return
    this.work.begin()
    this.scope.done()
  }

  private closeWith(failure: unknown): void {
    if (this.work.isBegun) return
    this.work.begin()
    this.scope.failed(failure)
  }

  endWork(ended: () => void): void {
    if (!this.work.isBegun) this.work.because("Closed")
    this.work.begin()
    this.deadlines.close()
    // who is cut short must not take it for an end
    this.endsAtRest = this.isAtRest
    this.peer.run(Http1Session.endWork, this, ended)
  }

  private endExchange(ended: () => void): void {
    const { exchange } = this
    if (exchange === undefined || this.isAnswered) ended()
    else this.work.interrupt(exchange, ended)
  }

  // Is nothing left of the exchange but to drop a body and to run hooks?
  private get isAnswered(): boolean {
    return this.exchange?.stage === "Draining" || this.exchange?.stage === "Hooks"
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
      if (this.endsAtRest && !this.inflow.gone) this.transport.end()
      this.transport.destroy()
    } finally {
      this.host.ended(this)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // deadlines

  get nextDeadline(): number {
    return this.deadlines.next
  }

  private awaitHalfClosed(): void {
    this.halfClosedAt = this.queue.handed
    this.deadlines.await("HalfClosed", this.host.config.timeouts.halfClose, this.host.time.now())
  }

  sweep(now: number): void {
    // what it waited for may be here
    this.takeTurn()
    if (now >= this.deadlines.next) this.peer.run(Http1Session.passDeadline, this, now)
  }

  private passDeadline(now: number): void {
    const { exchange, queue } = this
    const passed = this.deadlines.take(now, exchange?.body.bytes ?? 0, queue.handed)
    if (passed === undefined) return
    // who still takes what was sent is not late; how slowly it may, the deadlines for writes say
    if (passed === "Linger" && !queue.empty) return this.leaving.await(now)
    if (passed !== "Linger" && passed !== "Interrupt") this.peer.log("Debug", "timed out")
    this.late(passed)
  }

  private late(passed: Passed): void {
    const { exchange } = this
    switch (passed) {
      case "FirstRequest":
      case "Idle":
      case "Linger":
        return this.close()
      case "Head":
        return this.refuse(headTimeout("the head did not come in time"))
      case "Request":
        if (this.phase === "Head") return this.refuse(headTimeout("the request did not come in time"))
        return exchange?.body.fail(bodyTimeout("the request did not come in time (timeouts.request)"))
      case "Body":
        return exchange?.body.fail(bodyTimeout("the body did not come in time"))
      case "BodyPace":
        return exchange?.body.fail(bodyTimeout("the body comes too slowly (rates.body)"))
      case "HalfClosed":
        return this.queue.handed > this.halfClosedAt ? this.awaitHalfClosed() : this.abort("ClientGone")
      case "Leftover":
        this.wire?.withdraw("the rest of the body is too long, malformed or late")
        return exchange === undefined ? undefined : this.drained(exchange)
      case "Handler":
        return exchange === undefined || exchange.headSent ? undefined : this.work.answerFor(exchange)
      case "Write":
        return this.phase === "Detached" && this.takesOn ? undefined : this.abort("WriteTimeout")
      case "DownloadPace":
        return this.abort("WriteTimeout")
      case "Interrupt":
        return this.work.late(exchange)
    }
  }
}

const headTimeout = (description: string): RequestError =>
  new RequestError({ reason: "HeadTimeout", status: 408, description })

const incompleteHead = (description: string): RequestError =>
  new RequestError({ reason: "IncompleteHead", status: 400, description })

const bodyTimeout = (description: string): BodyError => new BodyError({ reason: "Timeout", status: 408, description })

const misdirected = (): RequestError =>
  new RequestError({
    reason: "Misdirected",
    status: 421,
    description: "the scheme of the request target is not that of the connection"
  })

const refusalHead = (status: number, bodyLength: number, { config, time }: SessionHost): string => {
  const fields = [["Content-Type", "text/plain; charset=utf-8"]] as const
  const head = prepare({ status, fields }, {
    // whatever the method was: it may not be known, and the connection closes
    method: "GET",
    minorVersion: config.maxMinorVersion,
    persistent: false,
    asksKeepAlive: false,
    keepAliveSeconds: undefined,
    bodyLength,
    date: time.date(time.now()),
    fieldCase: config.fieldCase
  })
  return head._tag === "PreparedHead" ? head.text : ""
}

const describe = (error: TransportError): string =>
  error.reason === "Reset" ? "connection reset by peer" : error.message
