/**
 * An HTTP/1 connection as its exchanges see it: what they read and send, what happens to the rest of a body, and whether another
 * request may follow.
 *
 * @since 0.2.0
 */
import { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import type { EngineConfig } from "../exchange/Config.js"
import type { BodyMessage, BodySource, ReceivedBody } from "../exchange/ReceivedBody.js"
import type { SessionHost, SessionScope } from "../exchange/Session.js"
import type { Takeover } from "../exchange/Wire.js"
import type { Closing } from "./Closing.js"
import { Deadlines } from "./Deadlines.js"
import { EndOfWork } from "./EndOfWork.js"
import type { Http1Config } from "./Http1Config.js"
import type { Carrier, Http1Wire } from "./Http1Wire.js"
import { Inflow } from "./Inflow.js"
import { Leaving } from "./Leaving.js"
import type { Phase } from "./Phase.js"
import type { Reader } from "./Reader.js"
import { closingAfterAnswer } from "./reuse.js"
import type { SendBudget, Sender } from "./SendBudget.js"
import { SendQueue } from "./SendQueue.js"
import { TakenOver } from "./TakenOver.js"
import type { Member, Sharer, TickBatch } from "./TickBatch.js"
import { TickShare } from "./TickShare.js"
import type { Transport } from "./Transport.js"

/**
 * What an HTTP/1 connection needs of its server beyond what any session needs.
 *
 * @since 0.2.0
 * @category models
 */
export interface Http1Host extends SessionHost {
  readonly config: EngineConfig & Http1Config
  readonly batch: TickBatch
  readonly sendBudget: SendBudget
  readonly parser: { readonly make: () => Reader }
}

/**
 * @since 0.1.0
 * @category models
 */
export abstract class Http1Carrier implements Carrier, BodySource, Member, Sender, Sharer {
  readonly peer: AcceptedPeer
  readonly queue: SendQueue
  abstract readonly scope: SessionScope
  readonly reader: Reader
  readonly inflow: Inflow
  readonly deadlines: Deadlines
  readonly work: EndOfWork
  readonly leaving: Leaving
  protected readonly share: TickShare
  // complete unattended exchanges whose bytes the kernel has not taken: answers to pipelined requests leave together
  protected readonly unsettled: Array<CarriedExchange> = []

  phase: Phase = "Idle"
  protected read = 0
  exchange: CarriedExchange | undefined = undefined
  wire: Http1Wire | undefined = undefined
  protected headSince: number | undefined = undefined
  protected begunAt: number | undefined = undefined
  protected onOver: (() => void) | undefined = undefined
  protected advancing = false
  protected holds = false
  takenOver: TakenOver | undefined = undefined

  constructor(
    id: number,
    protected readonly transport: Transport,
    readonly host: Http1Host,
    readonly since: number
  ) {
    const { alarm, config, time } = host
    this.peer = new AcceptedPeer(id, host, transport)
    this.queue = new SendQueue(transport, host.sendBudget, this)
    this.share = new TickShare(this, host)
    this.reader = host.parser.make()
    this.inflow = new Inflow(this.reader, transport)
    this.deadlines = new Deadlines(alarm, config.timeouts, config.rates, time, since)
    this.work = new EndOfWork(this.deadlines, () => transport.destroy())
    const { deadlines, inflow, peer, queue } = this
    this.leaving = new Leaving({ deadlines, inflow, peer, queue, transport })
  }

  // ---------------------------------------------------------------------------------------------------------------
  // for the request's body

  get inputEnded(): boolean {
    return this.inflow.ended
  }

  mayRead(body: ReceivedBody): boolean {
    return this.share.mayRead(body)
  }

  nextMessage(): BodyMessage | undefined {
    const message = this.inflow.next()
    this.inflow.taken()
    if (message?._tag === "BodyEnd") this.deadlines.requestCame()
    return message
  }

  bodyAwaited(awaited: boolean): void {
    if (this.inflow.ended) return
    if (awaited) {
      this.deadlines.awaitBody(this.exchange?.body.bytes ?? 0)
      this.inflow.resume()
    } else this.deadlines.bodyCame()
  }

  expectAnotherBody(): void {
    this.reader.expectAnotherBody()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // for the wire

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
      if (this.deadlines.writing) this.deadlines.allWritten()
      this.allSent()
    } else {
      for (const exchange of this.unsettled) exchange.begun()
      if (this.phase === "Idle") this.deadlines.awaitNothing()
      if (this.phase !== "Detached") this.deadlines.awaitWrite(this.queue.handed)
    }
  }

  completed(): void {
    const { exchange, wire } = this
    if (exchange === undefined || wire === undefined) return
    if (this.deadlines.awaitsAnswer) this.deadlines.answerBegan()
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

  // The end of an answer may leave together with those of other connections. Nothing else that is sent waits.
  protected sendAnswer(): void {
    const { batch } = this.host
    if (this.holds) return
    if (!batch.holds) return this.flush()
    this.holds = true
    batch.hold(this)
  }

  sendHeld(): void {
    if (this.holds && !this.inflow.gone) this.queue.flush()
  }

  private static readonly flush = (carrier: Http1Carrier): void => carrier.flush()

  heldSent(): void {
    if (this.holds) this.peer.run(Http1Carrier.flush, this, undefined)
  }

  cut(): void {
    // bytes that were queued before still leave: they may be answers to earlier requests
    this.queue.flushLast()
    this.closeWith(this.exchange?.error, "the application failed")
  }

  markIdle(): void {
    this.takenOver?.markIdle()
  }

  detach(): Takeover {
    this.phase = "Detached"
    this.holds = false
    this.deadlines.close()
    this.inflow.resume()
    this.queue.flushLast()
    const takenOver = this.takenOver = new TakenOver(this.transport, this.deadlines, this.work)
    return { stream: takenOver.stream, rest: this.reader.takeRest() }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // after the response

  // The kernel has taken everything.
  protected allSent(): void {
    this.settleUnattended()
    const { exchange, wire } = this
    if (this.phase === "Lingering") {
      this.recordRefused()
      this.leaving.sayEnd()
      // a peer that has closed its sending half and taken everything has nothing left to read
      if (this.inflow.ended) this.close()
    } else if (this.phase === "Idle") {
      const why = this.advancing ? undefined : closingAfterAnswer(this)
      if (why !== undefined) this.linger(why)
    } else if (exchange !== undefined && wire?.isComplete === true && !this.work.isBegun) {
      if (wire.endsWithConnection) this.leaving.sayEnd()
      const isDrained = exchange.body.complete && !exchange.isRunning
      if (isDrained) this.deadlines.exchangeOver()
      if (exchange.allSent(isDrained)) this.over(wire)
    }
  }

  protected settleUnattended(): void {
    if (this.unsettled.length === 0) return
    const endTime = this.host.time.tick()
    if (this.phase === "Idle") this.deadlines.await("Idle", this.host.config.timeouts.idle, endTime)
    for (let exchange = this.unsettled.shift(); exchange !== undefined; exchange = this.unsettled.shift()) {
      exchange.leave(this.work.reason, endTime)
      this.host.record(exchange, endTime)
    }
  }

  protected recordRefused(): void {
    const refused = this.leaving.takeRefused(this.headSince)
    if (refused !== undefined) this.host.refused(this.peer, refused)
  }

  drain(): boolean {
    const { exchange, wire } = this
    // the scope of a connection that ends runs the hooks
    if (exchange === undefined || this.work.isBegun) return false
    if (wire?.withdrawn === undefined && !exchange.body.complete && !this.inflow.gone) {
      this.leaving.beginLeftover()
      if (!this.isLeftoverGone()) return false
    }
    this.deadlines.exchangeOver()
    return true
  }

  // Is the rest of a body being dropped, which the application did not read?
  get isDropping(): boolean {
    return this.exchange?.stage === "Draining"
  }

  protected dropLeftover(): void {
    const { exchange } = this
    if (exchange !== undefined && !this.work.isBegun && this.isLeftoverGone()) this.drained(exchange)
  }

  // Whether the rest is read to its end, or given up, so that no request may follow.
  private isLeftoverGone(): boolean {
    const leftover = this.leaving.dropLeftover(this)
    if (leftover === "Awaited") this.inflow.resume()
    else if (leftover === "GivenUp") this.wire?.withdraw("the rest of the body is too long, malformed or late")
    return leftover !== "Awaited"
  }

  drained(exchange: CarriedExchange): void {
    this.deadlines.exchangeOver()
    exchange.drained()
  }

  over(wire: Http1Wire): void {
    const { exchange } = this
    if (wire !== this.wire || exchange === undefined) return
    const endTime = this.host.time.now()
    this.host.record(exchange, endTime)
    this.exchange = undefined
    this.wire = undefined
    if (this.onOver !== undefined) return this.onOver()
    if (wire.withdrawn !== undefined && wire.isLast) return this.closeSoon(wire.withdrawn)
    const why = wire.withdrawn ?? closingAfterAnswer(this)
    if (why !== undefined) return this.linger(why)
    this.phase = "Idle"
    this.deadlines.await("Idle", this.host.config.timeouts.idle, endTime)
    if (this.advancing) return
    // further requests have come already: other connections must not wait for all of them
    if (this.reader.buffered > 0) this.share.countRequest()
    this.advance()
  }

  // A client that has said that this was its last request, and has sent all of it, must not send more (RFC 9112, 9.6). So no
  // unread byte can turn the close into a reset, and lingering is not needed. TLS sends its close_notify first.
  protected closeSoon(why: Closing): void {
    const { inflow, queue, reader, transport } = this
    if (inflow.gone || reader.buffered > 0 || !queue.empty || transport.tls !== undefined) return this.linger(why)
    this.phase = "Lingering"
    this.close(why)
  }

  protected linger(why: Closing): void {
    this.phase = "Lingering"
    this.leaving.tell(why)
    if (this.inflow.gone) return this.close(why)
    this.leaving.beginLingering()
    this.flush()
  }

  // Is all that is left of the exchange to drop a body and to run hooks?
  protected get isAnswered(): boolean {
    return this.exchange?.stage === "Draining" || this.exchange?.stage === "Hooks"
  }

  /** Ends the connection. A reason that was told before, as for one that lingers, stays. */
  close(why: Closing = "the server stops, or others wait for room"): void {
    if (this.work.isBegun) return
    this.leaving.tell(why)
    this.work.begin()
    this.scope.done()
  }

  protected closeWith(failure: unknown, why: Closing): void {
    if (this.work.isBegun) return
    this.leaving.tell(why)
    this.work.begin()
    this.scope.failed(failure)
  }

  get requests(): number {
    return this.read
  }

  get quietSince(): number {
    return this.deadlines.quietSince
  }

  get abandoned(): boolean {
    return this.work.abandoned
  }

  get nextDeadline(): number {
    return this.deadlines.next
  }

  // Is more to be read from the socket? A head that is longer than the read-ahead has limits of its own.
  private get wantsMore(): boolean {
    return !this.inflow.isFull ||
      ((this.phase === "Idle" || this.phase === "Head") && !this.queue.full && !this.share.waits)
  }

  protected limitReadAhead(): void {
    if (this.phase === "Detached" || this.phase === "Lingering") return
    const { inflow, wantsMore } = this
    if (wantsMore !== inflow.paused) return
    if (wantsMore) inflow.resume()
    else inflow.pause()
  }

  awaitHalfClosed(): void {
    this.deadlines.awaitHalfClosed(this.queue.handed)
  }

  /** Answers the requests that have come, as far as the phase allows. */
  protected abstract advance(): void
  abstract answerRead(): void
  abstract takeShare(): void
  abstract sendOn(): void
  abstract broken(error: unknown): void
}
