/**
 * The exchange behind {@link DoorExchange}, on its wire: what an answer may say, and when.
 *
 * @since 0.2.0
 */
import type { CloseableScope } from "effect/Scope"
import {
  type FieldPairs,
  type InterimHead,
  judgedFor,
  type JudgedHead,
  judgeFinal,
  judgeInterim,
  judgeTrailers,
  noContent,
  type ResponseHead,
  type ResponseLength,
  takeFields
} from "../protocol/heads.js"
import type { InvalidHead } from "../protocol/invalidHead.js"
import { utf8, utf8Length } from "../protocol/octets.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { Address } from "./Address.js"
import { Answer } from "./Answer.js"
import type { Delay } from "./Application.js"
import type { CarriedExchange } from "./CarriedExchange.js"
import type { EngineConfig } from "./Config.js"
import type { DoorExchange } from "./DoorExchange.js"
import { Ending } from "./Ending.js"
import { type Forwarded, schemeOf } from "./Forwarding.js"
import { OwedContinue } from "./OwedContinue.js"
import { BodyError, InterimError, ResponseError, responseErrorFrom } from "./ServerError.js"
import type { Takeover, Wire } from "./Wire.js"

/**
 * @since 0.2.0
 * @category models
 */
export class ServedExchange<Written> extends Ending<Written> implements DoorExchange, CarriedExchange {
  private hundred: OwedContinue<Written> | undefined = undefined
  // whether the head that is prepared or was sent is that of an event stream without a length
  private endless = false

  constructor(wire: Wire<Written>, startTime: number) {
    super(wire, startTime)
    if (wire.expectsContinue) {
      this.hundred = new OwedContinue(true)
      wire.body.beforeFirstRead(() => this.payContinue())
    }
  }

  serve(handler: (exchange: DoorExchange) => void): void {
    this.handlerCalled()
    try {
      handler(this)
    } catch (error) {
      this.fail(error)
    } finally {
      this.handlerReturned()
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the request

  get socketScope(): CloseableScope {
    return this.wire.scope
  }

  get request(): RequestHead {
    return this.wire.request
  }

  get config(): EngineConfig {
    return this.peer.engine.config
  }

  get forwarded(): Forwarded | undefined {
    return this.peer.forwarding?.of(this.request)
  }

  get scheme(): "http" | "https" {
    return this.forwarded?.scheme ?? schemeOf(this.peer)
  }

  get client(): Address {
    return this.forwarded?.client ?? this.peer.remote
  }

  get bodyLength(): number | undefined {
    return this.body.length
  }

  get hasBody(): boolean {
    return this.body.isThere
  }

  get upgrade(): string {
    return this.wire.upgrade
  }

  get age(): number {
    return this.peer.engine.time.now() - this.startTime
  }

  // ---------------------------------------------------------------------------------------------------------------
  // how far it has come

  get wireBytes(): number {
    return this.wire.totalSent
  }

  /** Whether an event stream is being sent, which ends only when one side leaves. */
  get isEndless(): boolean {
    return this.answer === Answer.Sending && this.endless
  }

  // ---------------------------------------------------------------------------------------------------------------
  // interim responses

  interim(status: number, fields: FieldPairs): InterimError | undefined {
    return this.sendInterim(status, fields, false)
  }

  private sendInterim(status: number, fields: FieldPairs, exactNames: boolean): InterimError | undefined {
    return this.headSent ? tooLate() : this.sendJudged(this.judgeInterim(status, fields, exactNames))
  }

  private judgeInterim(
    status: number,
    fields: FieldPairs,
    exactNames: boolean
  ): InterimHead<Written> | InterimError {
    const { peer, request, wire } = this
    const refusal = wire.interimRefusal
    if (refusal !== undefined) return new InterimError({ reason: "Unsupported", description: refusal })
    const allowed = peer.engine.allowInterim(request, status, fields)
    if (allowed instanceof InterimError) return allowed
    const head = judgeInterim(status, allowed, exactNames ? wire.exactWriter : wire.writer)
    return head._tag === "InterimHead" ? head : new InterimError({ reason: "InvalidHeader", description: head.message })
  }

  private sendJudged(head: InterimHead<Written> | InterimError): InterimError | undefined {
    if (head._tag !== "InterimHead") return head
    this.wire.sendInterim(head)
    this.interimResponses++
    if (head.status === 100) this.hundred?.paid()
    this.wire.flush()
    return undefined
  }

  setContinueFields(fields: FieldPairs, exactNames = false): InterimError | undefined {
    const taken = takeFields(fields)
    const judged = this.judgeInterim(100, taken, exactNames)
    if (judged._tag !== "InterimHead" && judged.reason === "InvalidHeader") return judged
    this.hundred ??= new OwedContinue<Written>(false)
    this.hundred.set(taken, exactNames, judged)
    if (this.wire.expectsContinue && (!this.hundred.owed || this.headSent)) {
      return new InterimError({
        reason: "TooLate",
        description: "the 100 was already sent, or the final response has begun"
      })
    }
    return undefined
  }

  sendContinue(): InterimError | undefined {
    const { hundred } = this
    const judged = hundred?.judged
    if (judged === undefined) return this.sendInterim(100, hundred?.fields ?? noFields, hundred?.exactNames === true)
    return this.headSent ? tooLate() : this.sendJudged(judged)
  }

  /**
   * Called by the first read. Sends the 100 that is owed, if it still can be. One that is refused stays owed, so the connection
   * closes.
   */
  payContinue(): void {
    const { hundred } = this
    if (hundred?.owed !== true || hundred.refused || this.headSent) return
    const refused = this.sendContinue()
    if (refused === undefined) return
    if (hundred.hasFields && this.interim(100, noFields) === undefined) {
      return this.logFailure("the 100 is sent without its fields", refused)
    }
    hundred.refuse()
    // it is not a fault if a service sends none
    this.logFailure("the 100 is not sent", refused, refused.reason === "InvalidHeader" ? "Error" : "Debug")
  }

  /** Whether the client waits for a 100 before it sends the body. */
  get owesContinue(): boolean {
    return this.hundred?.owed === true
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the final response

  draft(head: ResponseHead): JudgedHead<Written> | InvalidHead {
    return judgeFinal(head, this.wire.writer)
  }

  private judge(given: ResponseHead | JudgedHead): JudgedHead<Written> | ResponseError {
    if (this.answer !== Answer.Awaited) return this.refuseHead()
    const head = judgedFor(given, this.wire.writer)
    if (head._tag === "InvalidHead") return responseErrorFrom(head)
    // the fields are the application's, which may have answered while they were read
    return this.answer === Answer.Awaited ? head : this.refuseHead()
  }

  respond(given: ResponseHead | JudgedHead, body: string | Uint8Array): ResponseError | undefined {
    const { wire } = this
    const head = this.judge(given)
    if (head._tag === "ResponseError") return head
    const length = typeof body === "string" ? utf8Length(body) : body.length
    // the kernel may take all of it at once, and then the exchange ends before the call does
    this.head = head
    this.answer = Answer.Complete
    const declared = wire.sendWhole(head, body, length, this.owesContinue)
    if (length === declared || declared === noContent) return undefined
    this.answer = Answer.Awaited
    if (length < declared) return tooShort(declared, length)
    wire.refuseReuse(mismatched)
    this.begin()
    if (declared > 0) wire.write((typeof body === "string" ? utf8(body) : body).subarray(0, declared))
    this.mismatch(declared, length)
    return undefined
  }

  start(given: ResponseHead | JudgedHead, bodyLength?: number): ResponseLength | ResponseError {
    const head = this.judge(given)
    if (head._tag === "ResponseError") return head
    this.head = head
    this.answer = Answer.Prepared
    const length = this.wire.prepare(head, bodyLength, this.owesContinue)
    this.endless = head.eventStream && length === Infinity
    return length
  }

  withdraw(): void {
    if (this.answer === Answer.Prepared) this.answer = Answer.Awaited
  }

  sendHead(): void {
    if (this.answer === Answer.Prepared) this.begin()
  }

  addPart(part: string | Uint8Array): void {
    this.sendHead()
    if (this.answer === Answer.Sending && part.length > 0) this.wire.write(part)
  }

  get fullWrite(): boolean {
    return this.wire.fullWrite
  }

  flush(): void {
    this.wire.flush()
  }

  get congested(): boolean {
    return this.wire.congested
  }

  finish(given?: FieldPairs): ResponseError | undefined {
    const trailers = given === undefined ? undefined : judgeTrailers(given, this.wire.writer)
    if (trailers?._tag === "InvalidHead") return responseErrorFrom(trailers)
    this.sendHead()
    if (this.answer === Answer.Sending) this.complete(trailers?.fields)
    return undefined
  }

  mismatch(declared: number, given: number): void {
    if (given < declared) {
      this.wire.refuseReuse(mismatched)
      return this.fail(tooShort(declared, given))
    }
    const description = `the application gave more than the ${declared} bytes that it declared in Content-Length`
    const tooLong = new ResponseError({ reason: "BodyTooLong", description })
    // no part of it was added, so there is nothing to cut
    if (!this.headSent) return this.fail(tooLong)
    this.logFailure("the body was cut at its Content-Length", tooLong)
    // all that was declared may have left already
    if (this.answer !== Answer.Sending) return
    this.wire.refuseReuse(mismatched)
    this.complete()
  }

  fail(error: unknown): void {
    if (this.answerEnded && !this.takenOver) return
    this.recordFailure(error)
    if (!(error instanceof BodyError)) this.logFailure("the application failed", error)
    if (this.headSent) return this.wire.cut(error)
    this.withdraw()
    this.wire.refuseReuse("the application failed")
    const { debug } = this.config
    const refused = this.respond({
      status: error instanceof BodyError ? error.status : 500,
      fields: debug ? [["Content-Type", "text/plain; charset=utf-8"]] : noFields
    }, debug ? this.peer.engine.failureText(error) : "")
    if (refused !== undefined) this.wire.cut(error)
  }

  /**
   * Called when the application is late (a `ResponseError`), or a body that it does not read is (a `BodyError`). The client is
   * answered 503 or 408, and the application is asked to end. It may ask for a delay.
   */
  timeOut(late: BodyError | ResponseError): Delay | void {
    if (late instanceof BodyError) {
      this.body.fail(late)
      this.fail(late)
      return this.askToEnd("ReadTimeout")
    }
    this.logFailure("the application is late", late)
    this.withdraw()
    this.recordFailure(late)
    this.wire.refuseReuse("the application is late")
    this.respond({ status: 503, fields: noFields }, "")
    return this.askToEnd("HandlerTimeout")
  }

  takeOver(): Takeover | ResponseError {
    if (this.answer !== Answer.Awaited) return this.refuseHead()
    const taken = this.wire.takeOver()
    if (taken === undefined) {
      const description = `a request of ${this.request.version} cannot take its connection over`
      return new ResponseError({ reason: "Unsupported", description })
    }
    this.head = undefined
    this.answer = Answer.TakenOver
    this.wire.refuseReuse("the connection was taken over")
    this.body.close()
    return taken
  }

  markIdle(): void {
    this.wire.markIdle()
  }

  private begin(): void {
    this.answer = Answer.Sending
    this.wire.begin()
  }

  private complete(trailers?: Written): void {
    this.answer = Answer.Complete
    this.wire.end(trailers)
  }

  private refuseHead(): ResponseError {
    return this.answerEnded
      ? new ResponseError({ reason: "AlreadyOver", description: "the answer has ended, so no response can be sent" })
      : new ResponseError({
        reason: "HeadAlreadySent",
        description: "the final head was given before, and cannot be replaced"
      })
  }
}

const tooShort = (declared: number, given: number): ResponseError =>
  new ResponseError({
    reason: "BodyTooShort",
    description: `the application gave ${given} of the ${declared} bytes that it declared in Content-Length`
  })

const tooLate = (): InterimError => new InterimError({ reason: "TooLate", description: "the final response has begun" })

const noFields: FieldPairs = []
const mismatched = "the body is not as long as its Content-Length says"
