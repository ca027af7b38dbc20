/**
 * One exchange on an HTTP/1 connection: how its messages are framed, where they stand on the wire, and how much of them the
 * kernel has taken.
 *
 * @since 0.2.0
 */
import type { CloseableScope } from "effect/Scope"
import type { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import { type BodySource, noBody, type ReceivedBody } from "../exchange/ReceivedBody.js"
import type { Shared } from "../exchange/Session.js"
import type { SocketEnd } from "../exchange/SocketEnd.js"
import type { Takeover, Wire } from "../exchange/Wire.js"
import { chunkEnd, chunkHead, lastChunk, lastChunkWith } from "../protocol/h1/chunk.js"
import { fieldLines } from "../protocol/h1/headLines.js"
import { writeInterim } from "../protocol/h1/interimHead.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import { type HeadDraft, type PreparedHead, writeFinal } from "../protocol/h1/responseHead.js"
import { type FieldWriter, type InterimHead, noContent, type ResponseLength } from "../protocol/heads.js"
import { textOrBytes } from "../protocol/octets.js"
import type { RequestHead } from "../protocol/requestHead.js"
import { attempt } from "../transport/attempt.js"
import { BodyCount, within } from "../transport/BodyCount.js"
import type { SendQueue } from "../transport/SendQueue.js"
import type { CloseReason } from "./CloseReason.js"
import type { Deadlines } from "./Deadlines.js"
import { Http1Body } from "./Http1Body.js"
import type { Http1End } from "./Http1End.js"
import type { Http1Host } from "./Http1Host.js"
import type { Inflow } from "./Inflow.js"
import type { Leftover } from "./Leftover.js"
import type { PlaceClaim } from "./PlaceClaim.js"
import type { Reader } from "./Reader.js"
import { closingByHead, closingByRequest, closingWithHead, type Reusable } from "./reuse.js"
import type { TakenOver } from "./TakenOver.js"

/**
 * What the exchanges of a connection share: the connection itself.
 *
 * @since 0.2.0
 * @category models
 */
export interface Carrier extends Reusable {
  readonly peer: AcceptedPeer
  readonly session: Shared & { readonly scope: CloseableScope }
  readonly exchange: Pick<CarriedExchange, "stage"> | undefined
  readonly reader: Pick<Reader, "buffered" | "next" | "expectAnotherBody">
  readonly inflow: BodySource & Pick<Inflow, "ended" | "gone" | "buffered">
  readonly queue: Readonly<
    Pick<SendQueue, "queued" | "handed" | "fullWrite" | "congested" | "addText" | "addBytes" | "flushLast">
  >
  readonly claim: Pick<PlaceClaim, "isLeftBy">
  readonly deadlines: Pick<Deadlines, "requestEnded">
  readonly leftover: Pick<Leftover, "begin" | "drop">
  readonly end: Reusable["end"] & Pick<Http1End, "closeWith">
  readonly socketEnd: Pick<SocketEnd, "awaitHooks">
  readonly takenOver: Pick<TakenOver, "markIdle"> | undefined
  /** The time as the value of a Date field. */
  readonly date: string
  /** Called when the last byte of the answer is in the queue. */
  readonly complete: () => void
  readonly flush: () => void
  readonly exchangeOver: (wire: Http1Wire) => void
  readonly takeOver: () => Takeover
  /** Called when one of these has thrown. Only this connection ends. */
  readonly broken: (error: unknown) => void
}

/**
 * @since 0.2.0
 * @category models
 */
export class Http1Wire implements Wire<string> {
  // the head that is prepared, or was sent
  private preparedHead: PreparedHead | undefined = undefined
  // the reasons why the prepared head says that the connection ends, and why it does end
  private headReason: CloseReason | undefined = undefined
  private reason: CloseReason | undefined = undefined
  private readonly start: number
  private endAt = -1
  // the position on the wire and the length of a body in one part, as most are
  private bodyPosition = 0
  private bodyLength = 0
  private bodyCount: BodyCount | undefined = undefined
  readonly body: ReceivedBody

  constructor(private readonly carrier: Carrier, private readonly message: RequestStart) {
    const { framing, persistent } = message.demands
    this.start = carrier.queue.queued
    if (!persistent) this.reason = closingByRequest(message)
    if (framing._tag === "None") {
      // the end of a request without a body has always arrived
      carrier.reader.next()
      this.body = noBody
    } else this.body = new Http1Body(carrier.inflow, true, framing._tag === "Length" ? framing.length : undefined)
  }

  /** Whether the request has a body. */
  get hasBody(): boolean {
    return this.body !== noBody
  }

  private get config(): Http1Host["config"] {
    return this.carrier.host.config
  }

  get peer(): AcceptedPeer {
    return this.carrier.peer
  }

  get scope(): CloseableScope {
    return this.carrier.session.scope
  }

  get request(): RequestHead {
    return this.message.head
  }

  get expectsContinue(): boolean {
    return this.message.demands.expectsContinue
  }

  get upgrade(): string {
    return this.message.demands.upgrade
  }

  // ---------------------------------------------------------------------------------------------------------------
  // heads

  get writer(): FieldWriter<string> {
    return fieldLines[this.config.fieldCase]
  }

  get exactWriter(): FieldWriter<string> {
    return fieldLines.preserve
  }

  get interimRefusal(): string | undefined {
    // RFC 9110, 15.2: a server must not send a 1xx to an HTTP/1.0 client
    if (this.message.head.minorVersion === 0) return "the client speaks HTTP/1.0, which has no interim responses"
    return this.config.maxMinorVersion === 1 ? undefined : "the server speaks HTTP/1.0, which has no interim responses"
  }

  sendInterim(head: InterimHead<string>): void {
    this.carrier.queue.addText(writeInterim(head))
    if (head.status === 100 && this.body.complete) this.reopenBody()
  }

  // `multiPhaseBody`: the client sends another body after each 100
  private reopenBody(): void {
    const { body } = this
    if (!(body instanceof Http1Body) || this.message.demands.framing._tag !== "Chunked") return
    if (!this.config.multiPhaseBody) return
    this.carrier.reader.expectAnotherBody()
    body.reopen()
  }

  prepare(head: HeadDraft, bodyLength: number | undefined, owesContinue: boolean, whole = false): ResponseLength {
    const { demands, head: request } = this.message
    const { config } = this
    this.headReason = this.reason ?? closingWithHead(this.carrier, this.body, whole, owesContinue)
    const prepared = this.preparedHead = writeFinal(head, {
      method: request.method,
      minorVersion: Math.min(request.minorVersion, config.maxMinorVersion) === 1 ? 1 : 0,
      persistent: this.headReason === undefined,
      asksKeepAlive: demands.asksKeepAlive,
      keepAliveSeconds: config.keepAliveSeconds,
      bodyLength,
      date: this.carrier.date,
      fieldCase: config.fieldCase
    })
    if (!prepared.persistent) this.headReason ??= closingByHead(head, prepared, bodyLength)
    return this.declaredLength
  }

  begin(): void {
    this.carrier.queue.addText(this.takeHead())
  }

  sendWhole(judged: HeadDraft, whole: string | Uint8Array, length: number, owesContinue: boolean): ResponseLength {
    const declared = this.prepare(judged, length, owesContinue, true)
    if (declared !== length && declared !== noContent) return declared
    const { queue } = this.carrier
    const head = this.takeHead()
    const body = declared <= 0 ? undefined : textOrBytes(whole, length)
    if (typeof body === "string" && this.preparedHead?.framing._tag === "Length") {
      // head and body leave as one text
      this.bodyPosition = queue.queued + head.length
      this.bodyLength = body.length
      queue.addText(head + body)
    } else {
      queue.addText(head)
      if (body !== undefined) this.write(body)
    }
    this.end()
    return declared
  }

  private takeHead(): string {
    const { preparedHead: ready } = this
    if (ready === undefined) return ""
    if (this.headReason !== undefined) this.refuseReuse(this.headReason)
    return ready.text
  }

  private get declaredLength(): ResponseLength {
    const framing = this.preparedHead?.framing
    return framing === undefined || framing._tag === "None"
      ? noContent
      : framing._tag === "Length"
      ? framing.length
      : Infinity
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the body

  write(part: string | Uint8Array): void {
    const { queue } = this.carrier
    const chunked = this.preparedHead?.framing._tag === "Chunked"
    if (chunked) queue.addText(chunkHead(part.length))
    this.count(part.length)
    if (typeof part === "string") queue.addText(part)
    else queue.addBytes(part)
    if (chunked) queue.addText(chunkEnd)
  }

  end(trailers = ""): void {
    const { queue } = this.carrier
    if (this.preparedHead?.framing._tag === "Chunked") {
      queue.addText(trailers === "" ? lastChunk : lastChunkWith(trailers))
    }
    this.endAt = queue.queued
    attempt(this.carrier, complete, this.carrier, undefined)
  }

  cut(failure: unknown): void {
    // bytes that were queued before still leave, because they may be answers to earlier requests
    this.carrier.queue.flushLast()
    this.carrier.end.closeWith(failure, "the application failed")
  }

  flush(): void {
    attempt(this.carrier, flush, this.carrier, undefined)
  }

  get fullWrite(): boolean {
    return this.carrier.queue.fullWrite
  }

  get congested(): boolean {
    return this.carrier.queue.congested
  }

  /** Whether the last byte is in the queue. */
  get isComplete(): boolean {
    return this.endAt >= 0
  }

  get isSent(): boolean {
    return this.endAt >= 0 && this.carrier.queue.handed >= this.endAt
  }

  /** Whether the end of the body is the end of the connection (HTTP/1.0 without a length). */
  get endsWithConnection(): boolean {
    return this.preparedHead?.framing._tag === "Close"
  }

  get bodySent(): number {
    const { reached } = this
    return this.bodyCount?.until(reached) ?? within(reached - this.bodyPosition, this.bodyLength)
  }

  get totalSent(): number {
    return Math.max(0, this.reached - this.start)
  }

  private get reached(): number {
    const { handed, queued } = this.carrier.queue
    return Math.min(handed, this.endAt >= 0 ? this.endAt : queued)
  }

  private count(length: number): void {
    const { handed, queued } = this.carrier.queue
    if (this.bodyLength === 0) {
      this.bodyPosition = queued
      this.bodyLength = length
    } else {
      this.bodyCount ??= new BodyCount(this.bodyPosition, this.bodyLength)
      this.bodyCount.add(queued, length, handed)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what follows on the connection

  refuseReuse(why: CloseReason): void {
    this.reason ??= why
  }

  /** The reason why the connection carries no further request; `undefined` if it may. */
  get closeReason(): CloseReason | undefined {
    return this.reason
  }

  /** Whether the request was read to its end, and another may follow. */
  get mayBeFollowed(): boolean {
    return this.reason === undefined && this.body.complete
  }

  /** Whether no further request can follow, because the connection is not to be reused, or the client has sent everything. */
  get nothingFollows(): boolean {
    return this.isFinal(this.body.complete || this.carrier.exchange?.stage === "Hooks")
  }

  /** The same. `isRead` says that the body was read or dropped to its end. */
  isFinal(isRead: boolean): boolean {
    const { claim, inflow, reader } = this.carrier
    if (this.reason !== undefined || !inflow.ended) return this.reason !== undefined
    return isRead ? !claim.isLeftBy(reader) : inflow.buffered === 0
  }

  /** Whether the client has said that this is its last request, and has sent all of it. */
  get isLast(): boolean {
    return this.message.demands.asksClose && this.body.complete
  }

  dropBody(): boolean {
    try {
      return this.dropRest()
    } catch (error) {
      this.carrier.broken(error)
      // the scope of the connection runs the hooks
      return false
    }
  }

  private dropRest(): boolean {
    const { end, inflow, leftover } = this.carrier
    // the scope of a connection that ends runs the hooks
    if (end.isBegun) return false
    if (this.reason === undefined && !this.body.complete && !inflow.gone) {
      leftover.begin()
      if (!this.dropLeftover()) return false
    }
    this.requestEnded()
    return true
  }

  /** Called when nothing of the request is awaited any more. */
  requestEnded(): void {
    const { deadlines, socketEnd } = this.carrier
    deadlines.requestEnded()
    if (this.isFinal(true)) socketEnd.awaitHooks()
  }

  /** Drops what has arrived of the rest of the body. Returns `false` if more of it is awaited. */
  dropLeftover(): boolean {
    const drop = this.carrier.leftover.drop(this.peer.name)
    if (drop !== "Awaited" && drop !== "Dropped") this.refuseReuse(drop)
    return drop !== "Awaited"
  }

  finishing(): void {
    attempt(this.carrier, finishing, this.carrier, this)
  }

  exchangeOver(): void {
    attempt(this.carrier, exchangeOver, this.carrier, this)
  }

  takeOver(): Takeover {
    return this.carrier.takeOver()
  }

  markIdle(): void {
    this.carrier.takenOver?.markIdle()
  }
}

const complete = (carrier: Carrier): void => carrier.complete()
const flush = (carrier: Carrier): void => carrier.flush()
const finishing = ({ socketEnd }: Carrier, wire: Http1Wire): void => {
  if (wire.nothingFollows) socketEnd.awaitHooks()
}
const exchangeOver = (carrier: Carrier, wire: Http1Wire): void => carrier.exchangeOver(wire)
