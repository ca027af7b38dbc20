/**
 * The state of an HTTP/1 connection: it reads requests, gives each to the application as an exchange, and sends the answers.
 *
 * The table of `Phase` says what it does from one request to the next. These methods change the phase: `awaitHead`, `awaitPlace`,
 * `takeUp`, `begin`, `complete`, `exchangeOver`, `linger`, `endReading`, `takeOver`.
 *
 * @since 0.2.0
 */
import type { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import { ServedExchange } from "../exchange/ServedExchange.js"
import { type RequestError, requestErrorFrom } from "../exchange/ServerError.js"
import type { Session } from "../exchange/Session.js"
import { SocketEnd } from "../exchange/SocketEnd.js"
import type { Takeover } from "../exchange/Wire.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import { attempt } from "../transport/attempt.js"
import type { Sender } from "../transport/SendBudget.js"
import { SendQueue } from "../transport/SendQueue.js"
import type { BatchMember } from "../transport/TickBatch.js"
import { TimeSlice } from "../transport/TimeSlice.js"
import type { Transport } from "../transport/Transport.js"
import type { CloseReason } from "./CloseReason.js"
import { Deadlines } from "./Deadlines.js"
import { Http1End } from "./Http1End.js"
import type { Http1Host } from "./Http1Host.js"
import { type Carrier, Http1Wire } from "./Http1Wire.js"
import { Inflow } from "./Inflow.js"
import { Leaving } from "./Leaving.js"
import { Leftover } from "./Leftover.js"
import type { Phase } from "./Phase.js"
import { PlaceClaim } from "./PlaceClaim.js"
import type { Reader } from "./Reader.js"
import { incompleteHead, isMisdirected, misdirected } from "./refusals.js"
import { closingAfterAnswer, closingAtRest } from "./reuse.js"
import { TakenOver } from "./TakenOver.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Http1Connection implements Carrier, BatchMember, Sender {
  readonly peer: AcceptedPeer
  readonly reader: Reader
  readonly queue: SendQueue
  readonly deadlines: Deadlines
  readonly inflow: Inflow
  readonly end: Http1End
  readonly socketEnd: SocketEnd
  readonly leaving: Leaving
  readonly leftover: Leftover
  readonly claim: PlaceClaim
  private readonly slice: TimeSlice
  // complete unattended exchanges whose bytes the kernel has not taken: answers to pipelined requests leave together
  private readonly unsent: Array<CarriedExchange> = []

  private currentPhase: Phase = "Idle"
  private currentExchange: CarriedExchange | undefined = undefined
  private currentWire: Http1Wire | undefined = undefined
  private taken: TakenOver | undefined = undefined
  private begunRequests = 0
  private begunAt: number | undefined = undefined
  private advancing = false
  private awaitsBatch = false
  private isDeferred = false

  /** @param session the connection, as its server knows it */
  constructor(readonly session: Session, private readonly transport: Transport, readonly host: Http1Host) {
    this.peer = session.peer
    this.reader = host.parser.make()
    this.queue = new SendQueue(transport, host.sendBudget, this)
    this.deadlines = new Deadlines(host)
    this.slice = new TimeSlice(this, host)
    this.inflow = new Inflow(this.reader, transport, this.deadlines, this.slice)
    this.end = new Http1End(session, this.deadlines, transport, host)
    this.socketEnd = new SocketEnd(session, host, () => this.leaving.close())
    this.leaving = new Leaving(host, this.peer, transport, this.inflow, this.queue, this.deadlines)
    this.leftover = new Leftover(host, this.inflow, this.deadlines)
    this.claim = new PlaceClaim(session, host, this.deadlines)
  }

  get phase(): Phase {
    return this.currentPhase
  }

  get exchange(): CarriedExchange | undefined {
    return this.currentExchange
  }

  get wire(): Http1Wire | undefined {
    return this.currentWire
  }

  get takenOver(): TakenOver | undefined {
    return this.taken
  }

  get requests(): number {
    return this.begunRequests
  }

  get date(): string {
    return this.host.time.date(this.begunAt ?? this.host.time.tick())
  }

  /** Whether a part of a request has arrived that has not begun. */
  get isReading(): boolean {
    return this.currentPhase === "Head" || this.awaitsBatch
  }

  /** Whether there is neither a request nor anything left to send. */
  get isAtRest(): boolean {
    return this.currentPhase === "Idle" && !this.awaitsBatch && this.queue.empty
  }

  broken(error: unknown): void {
    this.end.broken(this.currentExchange, error)
  }

  // These run in the connection's own async context. They are static, so that no call makes a closure.
  private static readonly advance = (connection: Http1Connection): void => connection.advance()
  private static readonly flush = (connection: Http1Connection): void => connection.flush()
  private static readonly sendOn = (connection: Http1Connection): void =>
    connection.peer.run(Http1Connection.sendMore, connection, undefined)
  static readonly sendMore = (connection: Http1Connection): void => connection.sendMore()

  // ---------------------------------------------------------------------------------------------------------------
  // reading requests

  receive(bytes: Uint8Array): void {
    // this is a second read in a tick. The first one is answered before, so that the two need not be joined
    if (this.awaitsBatch) this.advance()
    if (this.currentPhase === "Lingering") {
      if (!this.leaving.dropLingering(bytes.length)) this.end.close()
      return
    }
    this.reader.receive(bytes)
    if (this.currentPhase === "Waiting" && this.session.place.asksWhole) this.claim.askAgain()
    else if (this.awaitsRequest && !this.slice.waits) {
      this.awaitsBatch = this.host.batch.enter(this)
      if (!this.awaitsBatch) this.advance()
      return
    } else if (this.currentPhase === "Busy") {
      if (this.currentExchange?.stage === "Dropping") return this.dropLeftover()
      this.currentExchange?.bodyArrived()
    }
    this.limitReadAhead()
  }

  answerRead(): void {
    if (this.awaitsBatch) this.peer.run(Http1Connection.advance, this, undefined)
  }

  takeSlice(): void {
    if (this.slice.begin(this.peer)) this.answerRead()
  }

  private get awaitsRequest(): boolean {
    return this.currentPhase === "Idle" || this.currentPhase === "Head"
  }

  /** Answers the requests that have arrived, as far as the phase allows. */
  advance(): void {
    if (this.advancing) return
    const { claim, reader, slice } = this
    const { time } = this.host
    this.awaitsBatch = false
    this.advancing = true
    let now = time.tick()
    while (this.awaitsRequest && !this.queue.congested) {
      if (slice.isBegun && reader.buffered > 0 && slice.takesLeave()) {
        this.awaitsBatch = true
        break
      }
      const message = claim.next ?? (reader.buffered > 0 ? reader.next() : undefined)
      if (message === undefined) {
        this.awaitHead()
        break
      }
      if (message._tag === "RequestStart") {
        if (isMisdirected(message.head, this.peer)) this.refuse(misdirected(), message.head.line)
        else if (!claim.isPlaced && !this.awaitPlace(message)) break
        else this.begin(message, now)
      } else if (message._tag === "Failure") this.refuse(requestErrorFrom(message))
      // the next request begins when the one before was answered
      if (this.currentPhase === "Idle" && reader.buffered > 0) now = slice.countRequest()
    }
    this.advancing = false
    // answers to pipelined requests leave together
    if (this.unsent.length > 0) this.sendAnswer()
    this.limitReadAhead()
  }

  private awaitHead(): void {
    const why = closingAtRest(this.inflow)
    if (why !== undefined) {
      if (this.reader.inHead) this.refuse(incompleteHead("the client stopped within a head"))
      else this.linger(why)
    } else if (this.currentPhase === "Idle" && this.reader.inHead) {
      this.currentPhase = "Head"
      this.deadlines.headBegan()
    }
  }

  // Returns true if there is a place at once.
  private awaitPlace(message: RequestStart): boolean {
    this.currentPhase = "Waiting"
    return this.claim.ask(message)
  }

  /** Called when there is a place for the request that waits for one. */
  takeUp(): void {
    if (this.advancing) return
    this.currentPhase = "Idle"
    this.advance()
  }

  private begin(message: RequestStart, now: number): void {
    this.currentPhase = "Busy"
    if (this.claim.next !== undefined) this.claim.awaitNoMore()
    this.begunRequests++
    const wire = this.currentWire = new Http1Wire(this, message)
    const { headSince } = this.deadlines
    // most requests arrive whole and are answered at once, so they need no deadline
    const isAwaited = wire.hasBody || headSince !== undefined
    if (isAwaited) this.requestBegan(now, wire.hasBody ? headSince ?? now : undefined)
    this.host.countSoon()
    const exchange = this.currentExchange = new ServedExchange(wire, now)
    this.begunAt = now
    exchange.serve(this.host.handler)
    this.begunAt = undefined
    if (isAwaited || this.currentExchange !== exchange || this.currentPhase !== "Busy" || exchange.hasEnded) return
    if (!this.end.isBegun) this.requestBegan(now, undefined)
  }

  // `bodySince` is when the request began, if its body must still arrive.
  private requestBegan(now: number, bodySince: number | undefined): void {
    this.deadlines.requestBegan(now, bodySince)
    if (this.inflow.ended) this.deadlines.awaitHalfClosed(this.queue.handed)
  }

  refuse(error: RequestError, line = this.claim.request?.head.line ?? this.reader.requestLine): void {
    this.claim.awaitNoMore()
    this.leaving.refuse(error, line)
    this.linger("the request was refused")
  }

  // A head may be longer than the read-ahead; it has limits of its own.
  private limitReadAhead(): void {
    if (this.currentPhase === "TakenOver" || this.currentPhase === "Lingering") return
    const wantsMore = !this.inflow.isFull || (this.awaitsRequest && !this.queue.congested && !this.slice.waits)
    if (wantsMore === this.inflow.paused) this.inflow.toggle()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // sending answers

  complete(): void {
    const { currentExchange: exchange, currentWire: wire } = this
    if (exchange === undefined || wire === undefined) return
    if (this.deadlines.awaitsAnswer) this.deadlines.answerBegan()
    if (this.advancing && wire.mayBeFollowed && exchange.unattended && !this.queue.congested) {
      this.unsent.push(exchange)
      this.currentExchange = undefined
      this.currentWire = undefined
      this.currentPhase = "Idle"
    } else this.sendAnswer()
  }

  // The end of an answer may leave together with those of other connections. Nothing else that is sent waits.
  private sendAnswer(): void {
    const { batch } = this.host
    if (this.isDeferred) return
    if (!batch.defers) return this.flush()
    this.isDeferred = true
    batch.defer(this)
  }

  sendDeferred(): void {
    if (this.isDeferred && !this.inflow.gone) this.queue.flush()
  }

  deferredSent(): void {
    if (this.isDeferred) this.peer.run(Http1Connection.flush, this, undefined)
  }

  flush(): void {
    this.isDeferred = false
    if (this.inflow.gone) return
    const handed = this.queue.flush()
    const { currentExchange: exchange } = this
    if (exchange !== undefined && (!handed || !exchange.answerEnded)) exchange.begun()
    if (handed) {
      if (this.deadlines.writing) this.deadlines.allWritten()
      this.allSent()
    } else {
      for (const exchange of this.unsent) exchange.begun()
      if (this.currentPhase === "Idle") this.deadlines.awaitNothing()
      if (this.currentPhase !== "TakenOver") this.deadlines.awaitWrite(this.queue.handed)
    }
  }

  sendOn(): void {
    this.queue.unthrottle()
    attempt(this, Http1Connection.sendOn, this, undefined)
  }

  // Called when the kernel has taken bytes.
  private sendMore(): void {
    this.deadlines.written()
    this.flush()
    if (this.queue.congested) return
    if (this.awaitsRequest) this.advance()
    else this.currentExchange?.roomAgain()
  }

  // Called when the kernel has taken everything.
  private allSent(): void {
    this.concludeUnattended()
    const { currentExchange: exchange, currentWire: wire, leaving } = this
    if (this.currentPhase === "Lingering") {
      if (leaving.allSent()) this.end.close()
    } else if (this.currentPhase === "Idle") {
      const why = this.advancing ? undefined : closingAfterAnswer(this)
      if (why !== undefined) this.linger(why)
    } else if (exchange !== undefined && wire?.isComplete === true && !this.end.isBegun) {
      const nothingLeft = exchange.body.complete && !exchange.isRunning
      const isLast = nothingLeft && wire.nothingFollows
      if ((isLast || !nothingLeft) && wire.endsWithConnection) leaving.sayEnd()
      if (nothingLeft) this.deadlines.requestEnded()
      if (exchange.allSent(nothingLeft)) this.exchangeOver(wire)
      else if (isLast && exchange.isFinishing) this.socketEnd.awaitHooks()
    }
  }

  concludeUnattended(): void {
    if (this.unsent.length === 0) return
    const endTime = this.host.time.tick()
    if (this.currentPhase === "Idle") this.deadlines.await("Idle", this.host.config.timeouts.idle, endTime)
    for (let exchange = this.unsent.shift(); exchange !== undefined; exchange = this.unsent.shift()) {
      exchange.leave(this.end.reason, endTime)
      this.host.record(exchange, endTime)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // after an answer

  /** Called when more may have arrived of a body that is being dropped. */
  dropLeftover(): void {
    if (!this.end.isBegun && this.currentWire?.dropLeftover() === true) this.bodyDropped()
  }

  /** Called when nothing is left of the request's body, or no request follows it. */
  bodyDropped(): void {
    this.currentWire?.requestEnded()
    this.currentExchange?.bodyDropped()
  }

  exchangeOver(wire: Http1Wire): void {
    const { currentExchange: exchange } = this
    if (wire !== this.currentWire || exchange === undefined) return
    const endTime = this.host.time.now()
    this.currentExchange = undefined
    this.currentWire = undefined
    this.host.record(exchange, endTime)
    if (this.end.onHooksRun !== undefined) return this.end.onHooksRun()
    const why = wire.closeReason ?? closingAfterAnswer(this)
    if (why !== undefined) return this.linger(why, wire.isLast)
    this.currentPhase = "Idle"
    this.deadlines.await("Idle", this.host.config.timeouts.idle, endTime)
    if (this.advancing) return
    // further requests have already arrived, and other connections must not wait for all of them
    if (this.reader.buffered > 0) this.slice.countRequest()
    this.advance()
  }

  /** Called when the connection ends. What its client still sends is dropped, unless an application runs. */
  endReading(): void {
    if (this.currentPhase !== "Busy" && this.currentPhase !== "TakenOver") this.currentPhase = "Lingering"
  }

  // Called when the last answer is being sent, for which the connection needs no place.
  private linger(why: CloseReason, isLast = false): void {
    this.currentPhase = "Lingering"
    this.socketEnd.hooksRan()
    if (!this.leaving.begin(this.end, why, isLast)) return
    this.flush()
    this.host.releasePlace(this.session)
  }

  takeOver(): Takeover {
    this.currentPhase = "TakenOver"
    this.isDeferred = false
    const { deadlines, end, inflow, queue, transport } = this
    const { stream } = this.taken = new TakenOver(transport, inflow, queue, deadlines, end)
    return { stream, rest: this.reader.takeRest() }
  }
}
