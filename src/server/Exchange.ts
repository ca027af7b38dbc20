/**
 * One request with its interim responses, its final response, its post hooks and its outcome.
 *
 * This is what the engine gives an application, whichever door it came through: not a function from request to
 * response, because a response may begin before the body is read, and several heads may precede the last.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type { FiberRefs } from "effect/FiberRefs"
import type { CloseableScope } from "effect/Scope"
import { chunkEnd, chunkHead, lastChunk } from "../protocol/chunk.js"
import type { Demands } from "../protocol/framing.js"
import { utf8, utf8Length } from "../protocol/octets.js"
import type { RequestHead } from "../protocol/requestHead.js"
import {
  type FieldCase,
  type FieldPairs,
  type HeadDraft,
  type InvalidHead,
  prepare,
  type PreparedHead,
  type ResponseHead,
  takeFields
} from "../protocol/responseHead.js"
import type { Address } from "./Address.js"
import { Application, type Interruptor, type Plea } from "./Application.js"
import { BodyCount, within } from "./BodyCount.js"
import type { ExchangeHost, TakenOver } from "./ExchangeHost.js"
import { failureText } from "./FailureText.js"
import { type Forwarded, schemeOf } from "./Forwarding.js"
import { type HookOptions, type HookOwner, HookQueue } from "./HookQueue.js"
import type { AbortReason, Facts, Outcome } from "./Outcome.js"
import type { PostHook } from "./Posthooks.js"
import type { RequestBody } from "./RequestBody.js"
import type { Config } from "./ServerConfig.js"
import { abortReasonOf, BodyError, InterimError, ResponseError, responseErrorFrom } from "./ServerError.js"
import type { Transport } from "./Transport.js"

const enum State {
  Awaiting,
  Prepared,
  Sending,
  Complete,
  TakenOver,
  Over
}

/**
 * @since 0.1.0
 * @category models
 */
export class Exchange implements HookOwner {
  /** Will the connection carry another request after this exchange? Known once the final head is prepared. */
  persistent = true
  /** How it ended; set before the post hooks run. */
  outcome: Outcome | undefined = undefined
  /** What the application failed with, or what was wrong with the client's body. */
  error: unknown = undefined
  /** Have the post hooks run? */
  hooksRun = false

  private state: State = State.Awaiting
  private prepared: PreparedHead | undefined = undefined
  private readonly wireStart: number
  private wireEnd = -1
  private interimResponses = 0
  private begun = false
  private firstByteTime: number | undefined = undefined
  private endTime: number | undefined = undefined
  // most bodies are one part: where it goes out, and how long it is
  private bodyPosition = 0
  private bodyLength = 0
  private bodyCount: BodyCount | undefined = undefined
  private failed = false
  private abortReason: AbortReason | undefined = undefined
  private hooks: HookQueue | undefined = undefined
  private application: Application | undefined = undefined
  private onRoom: (() => void) | undefined = undefined
  private goodbye: (() => void) | undefined = undefined
  private finalizes = false
  private onSettled: ((outcome: Outcome) => void) | undefined = undefined
  private owesContinue: boolean
  private continueFields: FieldPairs = noFields
  private continueFieldCase: FieldCase | undefined = undefined

  constructor(
    private readonly host: ExchangeHost,
    readonly request: RequestHead,
    readonly demands: Demands,
    readonly body: RequestBody,
    readonly startTime: number
  ) {
    this.wireStart = host.outbox.queued
    this.owesContinue = demands.expectsContinue
  }

  get transport(): Transport {
    return this.host.transport
  }

  /** What is believed of where the request comes from; `undefined` where that is what the connection says. */
  get forwarded(): Forwarded | undefined {
    return this.host.forwarding?.of(this.request)
  }

  /** The scheme that the client asked by, as far as it is known. */
  get scheme(): "http" | "https" {
    return this.forwarded?.scheme ?? schemeOf(this.host.transport)
  }

  /** Who asks: the peer, or whom it asks for. */
  get client(): Address {
    return this.forwarded?.client ?? this.host.transport.remote
  }

  get config(): Config {
    return this.host.config
  }

  /** Has a final head been given to the transport? */
  get headSent(): boolean {
    return this.state >= State.Sending
  }

  /** Was the connection taken over? */
  get detached(): boolean {
    return this.state === State.TakenOver
  }

  /** Can nothing more be said? */
  get over(): boolean {
    return this.state >= State.Complete
  }

  /** Milliseconds since the request was read. */
  get age(): number {
    return this.host.time.now() - this.startTime
  }

  /** Status of the final response, once there is one. */
  get status(): number | undefined {
    return this.begun ? this.prepared?.status : undefined
  }

  /** All bytes of the exchange handed to the kernel so far. */
  get wireBytes(): number {
    const end = this.wireEnd >= 0 ? this.wireEnd : this.host.outbox.queued
    return Math.max(0, Math.min(this.host.outbox.handed, end) - this.wireStart)
  }

  /** Does nobody wait for its end: no hook, no running application? */
  get unattended(): boolean {
    return this.hooks === undefined && !this.isRunning && this.onSettled === undefined
  }

  /** Is there a post hook? */
  get hooked(): boolean {
    return this.hooks !== undefined
  }

  /** Is the body's end the connection's end (HTTP/1.0 without a length)? */
  get endsWithConnection(): boolean {
    return this.prepared?.framing._tag === "Close"
  }

  /** Which connection this is, counted from 1. */
  get connectionId(): number {
    return this.host.id
  }

  /** The Scope that the connection lives in: see `SocketScope`. */
  get socketScope(): CloseableScope {
    return this.host.scope
  }

  /** What the door keeps between the exchanges of a connection. */
  get kept(): unknown {
    return this.host.kept
  }

  set kept(value: unknown) {
    this.host.kept = value
  }

  /** Lets the server close a connection that was taken over, when it stops: nothing is lost by it. */
  markIdle(): void {
    this.host.markIdle()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // interim responses

  /**
   * Sends an interim response at once. An explicit 100 pays the one that is owed.
   */
  interim(
    status: number,
    fields: FieldPairs,
    fieldCase: FieldCase = this.host.config.fieldCase
  ): InterimError | undefined {
    if (this.state >= State.Sending) {
      return new InterimError({ reason: "TooLate", description: "the final response has begun" })
    }
    const text = this.host.prepareInterim(this.request, status, fields, fieldCase)
    if (typeof text !== "string") return text
    this.interimResponses++
    if (status === 100) {
      this.owesContinue = false
      if (this.host.config.multiPhaseBody && this.body.complete && this.demands.framing._tag === "Chunked") {
        this.body.reopen()
        this.host.expectAnotherBody()
      }
    }
    this.host.outbox.addText(text)
    this.host.flush()
    return undefined
  }

  /**
   * Sets the fields of the 100 that is owed, and of those that `sendContinue` sends. Where none is owed, there is nothing to
   * say, but wrong fields are told, and not taken.
   */
  setContinueFields(
    fields: FieldPairs,
    fieldCase: FieldCase = this.host.config.fieldCase
  ): InterimError | undefined {
    const taken = takeFields(fields)
    const text = this.host.prepareInterim(this.request, 100, taken, fieldCase)
    if (typeof text !== "string" && text.reason === "InvalidHeader") return text
    this.continueFields = taken
    this.continueFieldCase = fieldCase
    if (this.demands.expectsContinue && (!this.owesContinue || this.state >= State.Sending)) {
      return new InterimError({ reason: "TooLate", description: "the 100 is out, or the final response has begun" })
    }
    return undefined
  }

  /** Sends a 100 at once, with the fields set for it. */
  sendContinue(): InterimError | undefined {
    return this.interim(100, this.continueFields, this.continueFieldCase)
  }

  /** The first read: sends the 100 that is owed, if it still can be. */
  payContinue(): void {
    if (!this.owesContinue || this.state >= State.Sending) return
    const refused = this.sendContinue()
    if (refused === undefined) return
    this.owesContinue = false
    this.host.logFailure("the 100 goes out without its fields", Cause.fail(refused))
    this.interim(100, [])
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the final response

  /** Sends a whole response. Text is encoded as UTF-8. */
  respond(head: ResponseHead | HeadDraft, body: string | Uint8Array): ResponseError | undefined {
    if (this.state !== State.Awaiting) return this.refuseHead()
    const length = typeof body === "string" ? utf8Length(body) : body.length
    let prepared = this.prepareHead(head, length, true)
    if (prepared._tag === "InvalidHead") return responseErrorFrom(prepared)
    if (prepared.framing._tag === "Length" && length !== prepared.framing.length) {
      if (length < prepared.framing.length) return tooShort(prepared.framing.length, length)
      // it will be cut, and the head must not promise that the connection stays
      this.persistent = false
      prepared = this.prepareHead(head, length, true)
      if (prepared._tag === "InvalidHead") return responseErrorFrom(prepared)
    }
    const framing = prepared.framing
    this.begin(prepared)
    if (framing._tag === "None") this.complete()
    else if (framing._tag === "Length" && framing.length !== length) {
      this.addBody(typeof body === "string" ? utf8(body) : body, framing.length)
      this.mismatch(framing.length, length)
    } else {
      if (framing._tag === "Chunked" && length > 0) this.host.outbox.addText(chunkHead(length))
      // latin-1 and UTF-8 agree where every character is one byte
      if (typeof body === "string" && length === body.length && length <= 16_384) this.addText(body)
      else this.addBody(typeof body === "string" ? utf8(body) : body, length)
      if (framing._tag === "Chunked") this.host.outbox.addText(length > 0 ? chunkEnd + lastChunk : lastChunk)
      this.complete()
    }
    return undefined
  }

  /**
   * Begins a response whose body comes in parts. The head leaves with the first part that is sent, so that a failure
   * before it can still be answered.
   */
  start(head: ResponseHead | HeadDraft, bodyLength?: number): PreparedHead | ResponseError {
    if (this.state !== State.Awaiting) return this.refuseHead()
    const prepared = this.prepareHead(head, bodyLength, false)
    if (prepared._tag === "InvalidHead") return responseErrorFrom(prepared)
    this.prepared = prepared
    this.state = State.Prepared
    return prepared
  }

  /** Takes back the head that was prepared, if it has not left: another may be given. */
  withdraw(): void {
    if (this.state !== State.Prepared) return
    this.state = State.Awaiting
    this.prepared = undefined
  }

  /** Sends the head that was prepared, if it has not left. */
  sendHead(): void {
    if (this.state === State.Prepared && this.prepared !== undefined) {
      this.begin(this.prepared)
    }
  }

  /** Adds a part of the body, bytes or text that is the same in latin-1 and UTF-8; `flush` sends it. */
  addPart(part: string | Uint8Array): void {
    this.sendHead()
    if (this.state !== State.Sending || part.length === 0) return
    const chunked = this.prepared?.framing._tag === "Chunked"
    if (chunked) this.host.outbox.addText(chunkHead(part.length))
    if (typeof part === "string") this.addText(part)
    else this.addBody(part, part.length)
    if (chunked) this.host.outbox.addText(chunkEnd)
  }

  /** Is so much added and not yet sent that more would not make the write cheaper? */
  get fullWrite(): boolean {
    return this.host.outbox.ready
  }

  /** The transport was given what there is, and that is not a whole response which is gone already. */
  headGiven(): void {
    if (this.begun) this.firstByteTime ??= this.host.time.now()
  }

  /** Sends what was given so far. */
  flush(): void {
    this.host.flush()
  }

  /** Does the client have enough to read, for now? */
  get congested(): boolean {
    return this.host.outbox.full
  }

  /** Calls back once, when there is room again or the exchange is over. Several may wait. */
  awaitRoom(callback: () => void): void {
    if (this.over || !this.congested) return callback()
    const before = this.onRoom
    this.onRoom = before === undefined ? callback : () => {
      before()
      callback()
    }
  }

  /** There is room again. */
  roomAgain(): void {
    const onRoom = this.onRoom
    this.onRoom = undefined
    onRoom?.()
  }

  /** Ends the body. */
  finish(): void {
    this.sendHead()
    if (this.state !== State.Sending) return
    if (this.prepared?.framing._tag === "Chunked") this.host.outbox.addText(lastChunk)
    this.complete()
  }

  /** The body turned out longer or shorter than its Content-Length (RFC 9110, 8.6): log it, and close. */
  mismatch(declared: number, given: number): void {
    if (given > declared) {
      this.host.logFailure(
        "the body was cut at its Content-Length",
        Cause.fail(
          new ResponseError({
            reason: "BodyTooLong",
            description: `the application gave more than the ${declared} bytes it declared`
          })
        )
      )
      // it may be known only when all that was declared has left
      if (this.over) return
      this.persistent = false
      this.complete()
    } else {
      this.persistent = false
      this.fail(tooShort(declared, given))
    }
  }

  /**
   * The application failed. Before the head, the client is answered 500, or what a {@link BodyError} says; after it the
   * connection is cut, so that the client can tell, and so is one that the application has taken over.
   */
  fail(error: unknown): void {
    if (this.over && !this.detached) return
    this.error = error
    this.failed = true
    if (!(error instanceof BodyError)) this.host.logFailure("the application failed", Cause.die(error))
    if (this.state >= State.Sending) return this.host.cut()
    this.state = State.Awaiting
    this.persistent = false
    const refused = this.respond({
      status: error instanceof BodyError ? error.status : 500,
      fields: this.host.config.debug ? [["Content-Type", "text/plain; charset=utf-8"], close] : [close]
    }, this.host.config.debug ? failureText(Cause.die(error)) : "")
    if (refused !== undefined) this.host.cut()
  }

  /**
   * The application has not begun its answer in time: the client is answered 503, and the application told to end, which may
   * have to be asked again.
   */
  timeOut(): Plea | void {
    const error = new ResponseError({
      reason: "HandlerTimeout",
      description: "the application did not begin its answer within timeouts.handler"
    })
    this.host.logFailure("the application is late", Cause.fail(error))
    this.withdraw()
    this.blame(error)
    this.persistent = false
    this.respond({ status: 503, fields: [close] }, "")
    return this.application?.tell("HandlerTimeout")
  }

  /** The connection is no longer HTTP: what was received beyond the request goes with it. */
  takeOver(): TakenOver | ResponseError {
    if (this.state !== State.Awaiting) return this.refuseHead()
    this.state = State.TakenOver
    this.persistent = false
    const taken = this.host.takenOver()
    this.body.close()
    return taken
  }

  /**
   * How to end what the connection was taken over for: called once, when the server stops and `timeouts.farewell` is over.
   *
   * @since 0.2.0
   */
  onGoodbye(goodbye: () => void): void {
    this.goodbye = goodbye
  }

  /** The time has come. */
  sayGoodbye(): void {
    const { goodbye } = this
    this.goodbye = undefined
    goodbye?.()
  }

  /** Is it an event stream that is being sent, which ends when somebody leaves and not before? */
  get isEndless(): boolean {
    return this.state === State.Sending && this.prepared !== undefined && eventStream.test(this.prepared.text)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the running application

  /**
   * The application runs on and can be interrupted. The post hooks wait until it has `ended`, for as long as
   * `timeouts.interrupt` lets them; the server's stop waits for one that is `awaited` however long it takes.
   */
  running(interruptor: Interruptor, awaited = false, answersFirst?: () => boolean): void {
    this.application ??= new Application()
    this.application.running(interruptor, awaited, answersFirst)
  }

  /** Is an application at work that a stop cannot interrupt, so that its answer is to be awaited and sent? */
  get isUninterruptible(): boolean {
    return this.state < State.Complete && this.application !== undefined && this.application.isUninterruptible
  }

  /** Calls back when the outcome is known, before the post hooks run. For the one who runs the application. */
  whenSettled(callback: (outcome: Outcome) => void): void {
    if (this.outcome !== undefined) callback(this.outcome)
    else this.onSettled = callback
  }

  /** Calls back when the application has ended: at once where it has. */
  whenEnded(callback: () => void): void {
    if (this.application === undefined) callback()
    else this.application.whenEnded(callback)
  }

  /** The application has ended, by itself or interrupted. */
  ended(): void {
    this.application?.ended()
  }

  /** The application has not ended in time: the hooks run without it. */
  abandon(): void {
    this.application?.abandon(() => this.finalizes ? this.host.detachBriefly() : this.host.detach())
  }

  /**
   * The application has ended but for its finalizers: a stop does not wait for them for ever.
   *
   * @since 0.2.0
   */
  finalizing(): void {
    this.finalizes = true
    this.application?.finalizing(() => this.host.detachBriefly())
  }

  /** What an application has failed with that was answered all the same. */
  blame(error: unknown): void {
    this.error = error
    this.failed = true
  }

  /** Why the exchange was interrupted, if it was. */
  get aborted(): AbortReason | undefined {
    return this.abortReason
  }

  /** Logs what went wrong beside the exchange. */
  logFailure(message: string, error: unknown, level?: "Debug"): void {
    this.host.logFailure(message, Cause.isCause(error) ? error : Cause.die(error), level)
  }

  /** Is there still an application at work? */
  get isRunning(): boolean {
    return this.application !== undefined && this.application.isRunning
  }

  /** Ends the running application, and says when that is done. */
  interrupt(reason: AbortReason, ended: () => void): Plea | void {
    this.abortReason ??= reason
    if (this.state < State.Complete) this.state = State.Over
    if (reason === "Stopped") {
      this.body.fail(new BodyError({ reason: "Stopped", status: 503, description: "the server is stopping" }))
    } else if (reason === "ClientGone") this.body.disconnect()
    else this.body.fail(new BodyError({ reason: "Disconnected", status: 400, description: "the connection is closed" }))
    if (this.application === undefined) {
      this.roomAgain()
      return ended()
    }
    const plea = this.application.interrupt(reason, ended)
    this.roomAgain()
    return plea
  }

  // ---------------------------------------------------------------------------------------------------------------
  // post hooks and outcome

  /**
   * Adds work for after the exchange. One added when the others have run runs at once. A detached one runs beside the
   * connection's next requests; the server's stop still waits for it.
   */
  postHook(hook: PostHook, options?: HookOptions): void
  postHook(hook: PostHook<unknown>, options: HookOptions & { readonly settings: FiberRefs }): void
  postHook(hook: PostHook<unknown>, options?: HookOptions): void {
    if (this.hooksRun) return this.host.runDetached(hook, this.settle(), options?.settings)
    this.hooks ??= new HookQueue(this.host, this)
    this.hooks.add(hook, options)
  }

  /** The last byte was handed over at this time, where it is known; otherwise the outcome has the time at which it is fixed. */
  handedOver(now: number | undefined): void {
    this.endTime ??= now
  }

  /**
   * Fixes the outcome, from what is known now: what the application failed with, then what aborted it. `unsent` is why
   * a complete response was not handed over to its end.
   */
  settle(unsent: AbortReason = "ClientGone"): Outcome {
    if (this.outcome !== undefined) return this.outcome
    const sent = (this.state === State.TakenOver && unsent !== "WriteTimeout") ||
      (this.wireEnd >= 0 && this.host.outbox.handed >= this.wireEnd)
    const blamed = this.failed ? abortReasonOf(this.error) : undefined
    this.outcome = blamed !== undefined
      // that the connection is closed is all that a body knows
      ? { ...this.facts("Aborted"), reason: blamed === "ClientGone" ? this.abortReason ?? blamed : blamed }
      : this.failed
      ? { ...this.facts("Failed"), error: this.error }
      : sent
      ? this.facts("Sent")
      : { ...this.facts("Aborted"), reason: this.abortReason ?? unsent }
    this.state = State.Over
    const onSettled = this.onSettled
    this.onSettled = undefined
    onSettled?.(this.outcome)
    return this.outcome
  }

  /**
   * Nobody waited for the end of this exchange: hooks that came meanwhile run beside what follows. The outcome is fixed
   * when somebody asks, unless it is not the expected one: `unsent` is why.
   */
  overUnattended(now: number, unsent: AbortReason): void {
    this.endTime = now
    this.hooksRun = true
    if (this.host.outbox.handed < this.wireEnd) this.settle(unsent)
    if (this.hooks === undefined) return
    this.hooks.runDetached(this.settle())
    this.hooks.listener?.hooksOver()
  }

  /** Runs the hooks in order of registration, each isolated, and tells the connection when all are done. */
  runHooks(): void {
    if (this.hooks === undefined) this.hooksOver()
    else this.hooks.run(this.settle())
  }

  hooksOver(): void {
    this.hooksRun = true
    this.hooks?.listener?.hooksOver()
    this.host.hooksOver()
  }

  /** Calls back when the hooks have run, for an exchange that has some which have not. There is one listener, the door. */
  whenHooksOver(listener: HookOwner): void {
    if (this.hooks !== undefined) this.hooks.listener = listener
  }

  // ---------------------------------------------------------------------------------------------------------------

  private prepareHead(
    head: ResponseHead | HeadDraft,
    bodyLength: number | undefined,
    whole: boolean
  ): PreparedHead | InvalidHead {
    const config = this.host.config
    // A 100 that was never sent leaves the client in doubt whether the body will come (RFC 9110, 10.1.1).
    const persistent = this.persistent && this.demands.persistent && !this.owesContinue && !this.body.failed &&
      this.host.mayPersist() &&
      !(whole && this.tooMuchLeft())
    return prepare(head, {
      method: this.request.method,
      minorVersion: Math.min(this.request.minorVersion, config.maxMinorVersion) === 1 ? 1 : 0,
      persistent,
      asksKeepAlive: this.demands.asksKeepAlive,
      keepAliveSeconds: config.keepAliveSeconds,
      bodyLength,
      date: this.host.time.date(this.host.recently()),
      fieldCase: config.fieldCase
    })
  }

  // Nobody will read the rest of the body, and it is too long to be dropped.
  private tooMuchLeft(): boolean {
    const framing = this.demands.framing
    return framing._tag === "Length" && framing.length - this.body.bytes > this.host.config.limits.leftoverBody
  }

  private refuseHead(): ResponseError {
    return this.state >= State.Complete
      ? new ResponseError({ reason: "AlreadyOver", description: "the exchange is over, no response can be sent" })
      : new ResponseError({ reason: "HeadAlreadySent", description: "a response has a single final head" })
  }

  private begin(prepared: PreparedHead): void {
    this.prepared = prepared
    this.persistent = prepared.persistent
    this.state = State.Sending
    this.begun = true
    this.host.outbox.addText(prepared.text)
  }

  private complete(): void {
    this.state = State.Complete
    this.wireEnd = this.host.outbox.queued
    this.host.completed()
  }

  private addText(text: string): void {
    this.count(text.length)
    this.host.outbox.addText(text)
  }

  private addBody(bytes: Uint8Array, length: number): void {
    const cut = length < bytes.length ? bytes.subarray(0, length) : bytes
    if (cut.length === 0) return
    this.count(cut.length)
    this.host.outbox.addBytes(cut)
  }

  private count(length: number): void {
    const { handed, queued } = this.host.outbox
    if (this.bodyLength === 0) {
      this.bodyPosition = queued
      this.bodyLength = length
    } else {
      this.bodyCount ??= new BodyCount(this.bodyPosition, this.bodyLength)
      this.bodyCount.add(queued, length, handed)
    }
  }

  private facts<Tag extends Outcome["_tag"]>(_tag: Tag): Facts & { readonly _tag: Tag } {
    const { handed, queued } = this.host.outbox
    const end = Math.min(handed, this.wireEnd >= 0 ? this.wireEnd : queued)
    // a turn's time is that at which all of it was sent, which may be before the hook of one gave another its head
    const endTime = Math.max(this.endTime ?? this.host.time.now(), this.firstByteTime ?? this.startTime)
    return {
      _tag,
      status: this.status,
      bodyBytes: this.bodyCount?.until(end) ?? within(end - this.bodyPosition, this.bodyLength),
      wireBytes: Math.max(0, end - this.wireStart),
      interimResponses: this.interimResponses,
      startTime: this.startTime,
      // what leaves in one go needs no time of its own: to ask for it costs a twentieth of a hello
      firstByteTime: this.begun ? this.firstByteTime ?? endTime : undefined,
      endTime
    }
  }
}

const tooShort = (declared: number, given: number): ResponseError =>
  new ResponseError({
    reason: "BodyTooShort",
    description: `the application gave ${given} of the ${declared} bytes it declared`
  })

const eventStream = /^content-type: *text\/event-stream\b/im
const noFields: FieldPairs = []
const close: readonly [string, string] = ["Connection", "close"]
