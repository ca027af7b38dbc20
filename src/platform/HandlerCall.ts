/**
 * One call of an HttpApp: a fiber for an exchange, with the state of both.
 *
 * Without middleware, and with Effect's own tracer, whose spans are invisible outside the program, the app runs as it is, and the
 * fiber's observer sends its response. Otherwise, and for failures, `HttpApp.toHandled` does the rest: it turns errors into
 * responses, and runs pre-response handlers, middleware and spans. Unlike with `toHandled` alone, the app itself can be
 * interrupted, and the exit of the request's scope tells how the exchange has ended.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as HttpApp from "@effect/platform/HttpApp"
import type { RequestError } from "@effect/platform/HttpServerError"
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import { type HttpServerResponse, isServerResponse } from "@effect/platform/HttpServerResponse"
import type * as Socket from "@effect/platform/Socket"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Duplex } from "node:stream"
import { setImmediate } from "node:timers"
import type { Delay, Work } from "../exchange/Application.js"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import type { AbortReason, Outcome } from "../exchange/Outcome.js"
import { responseErrorFrom } from "../exchange/ServerError.js"
import type { JudgedHead } from "../protocol/heads.js"
import { type BodyBound, boundOf, type Reading } from "../server/bodyBound.js"
import type { FormLimits } from "../server/FormLimits.js"
import { LazyScope } from "../server/LazyScope.js"
import { SocketScope } from "../server/SocketScope.js"
import { WholeBody } from "./BodyReader.js"
import { actualExit, concludedWith, interruptorId, noResponse, otherThanResponse, recordFailure } from "./exits.js"
import { ejectedScopes, hasChildren, isInterruptible } from "./internal.js"
import { LayeredMap } from "./LayeredMap.js"
import { openSpan } from "./openSpan.js"
import { type OpenSpan, RequestSpan, untraced } from "./RequestSpan.js"
import { discard, headOf, sendParts, sendWhole, wholeBody } from "./respond.js"
import type { RunningCall } from "./RunningCalls.js"
import { type AppCall, CurrentCall, type ServedApp } from "./ServedApp.js"
import { headersOf, type RequestCall, ServerRequest, urlOf } from "./ServerRequest.js"
import { keepsRoute, whenInterruptible } from "./uninterruptible.js"

/** The part of a call that is running, which an interruption would end. */
const enum Step {
  Handler,
  Parts,
  LastByte,
  Finalizers
}

/**
 * A call of the app for one request.
 *
 * @since 0.1.0
 * @category models
 */
export class HandlerCall implements RequestCall, AppCall, RunningCall, Work {
  /** A stop waits for its end. */
  readonly awaited = true
  /** The index in the list of running calls, which sets it. */
  index = -1
  private stream: Duplex | undefined = undefined
  // the number of running parts that `keepRunning` keeps from being interrupted when the client leaves
  private uninterruptedParts: number
  private step = Step.Handler
  private wasDelayed = false
  private finalExit: Exit.Exit<unknown, unknown> | undefined = undefined
  private middlewareExit: Exit.Exit<HttpServerResponse, unknown> | undefined = undefined
  readonly scope = new LazyScope()
  private span: RequestSpan | undefined = undefined
  private readHeaders: Headers.Headers | undefined = undefined
  private whole: WholeBody | undefined = undefined
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  private response: HttpServerResponse | undefined = undefined
  private failure: Cause.Cause<unknown> | undefined = undefined
  // the head and the body that the observer sends when the handler has ended
  private readyHead: JudgedHead | undefined = undefined
  private readyBody: string | Uint8Array = ""

  private readonly request: ServerRequest

  constructor(readonly exchange: DoorExchange, readonly served: ServedApp) {
    this.uninterruptedParts = served.interruptOnDisconnect ? 0 : 1
    this.request = new ServerRequest(this, urlOf(exchange), undefined, undefined)
  }

  get stopping(): Effect.Effect<void> {
    return this.served.stopping
  }

  get headers(): Headers.Headers {
    return this.readHeaders ??= headersOf(this.exchange)
  }

  get body(): WholeBody {
    return this.whole ??= new WholeBody(this.exchange)
  }

  bound(reading: Reading): BodyBound {
    const { maxBufferedBody } = this.served
    return maxBufferedBody === undefined
      ? boundOf(reading, this.exchange.config.limits)
      : { most: maxBufferedBody, lift: "maxBufferedBody" }
  }

  get forms(): FormLimits {
    return this.served.forms
  }

  warnOfIgnoredFields(): void {
    this.served.warnOfIgnoredFields()
  }

  get socket(): Duplex | undefined {
    return this.stream
  }

  tookOver(stream: Duplex): void {
    this.stream = stream
  }

  upgrade(request: ServerRequest): Effect.Effect<Socket.Socket, RequestError> {
    return this.served.upgrade(this, request)
  }

  run(): void {
    const { pipeline, direct, spansInvisible, tracerDisabledWhen } = this.served
    const services = this.services()
    services.set(Scope.Scope.key, this.scope)
    services.set(CurrentCall.key, this)
    if (spansInvisible && !tracerDisabledWhen(this.request)) {
      this.span = new RequestSpan(this)
      services.set(Tracer.ParentSpan.key, this.span)
    }
    if (pipeline === undefined) {
      const fiber = this.fiber = this.served.fork(direct, services)
      const exit = fiber.unsafePoll()
      if (exit !== null) return this.answered(exit)
      this.runsOn()
      // the fiber may end in the async context of another connection
      fiber.addObserver((exit) => this.exchange.peer.run(HandlerCall.answered, this, exit))
    } else {
      // the pipeline waits until the response is sent, so it never ends at once
      this.runsOn()
      this.fiber = this.served.fork(pipeline, services)
      this.fiber.addObserver((exit) => this.exchange.peer.run(HandlerCall.ended, this, exit))
    }
  }

  private static readonly answered = (call: HandlerCall, exit: Exit.Exit<unknown, unknown>): void => call.answered(exit)
  private static readonly ended = (call: HandlerCall, exit: Exit.Exit<unknown, unknown>): void => call.ended(exit)

  // ---------------------------------------------------------------------------------------------------------------
  // the app alone

  /**
   * Answers with the app's response. The observer sends a whole response when the fiber has ended. A fiber that has forked others
   * does not end before they do, so it sends its response itself.
   */
  answer(
    response: HttpServerResponse,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): Effect.Effect<unknown, unknown, unknown> {
    if (!isServerResponse(response)) return this.recover(Cause.die(otherThanResponse(response)))
    const body = Option.isNone(fiber.getFiberRef(HttpApp.currentPreResponseHandlers)) ? wholeBody(response) : undefined
    if (body === undefined || hasChildren(fiber)) return this.handle(Effect.succeed(response))
    const head = headOf(this.exchange, response)
    if (head._tag === "InvalidHead") return this.recover(Cause.die(responseErrorFrom(head)))
    this.response = response
    this.readyHead = head
    this.readyBody = body
    return Effect.void
  }

  /** Answers the app's failure. */
  recover(cause: Cause.Cause<unknown>): Effect.Effect<unknown, unknown, HttpServerRequest> {
    if (this.exchange.answerEnded) return Effect.failCause(cause)
    this.failure = cause
    return this.handle(Effect.failCause(cause))
  }

  // Answers as the platform does, in the app's fiber, which has the app's fiber refs and pre-response handlers.
  private handle(
    result: Effect.Effect<HttpServerResponse, unknown>
  ): Effect.Effect<unknown, unknown, HttpServerRequest> {
    this.runsOn()
    return untraced(HttpApp.toHandled(result, (_, response) => this.send(response)))
  }

  private answered(exit: Exit.Exit<unknown, unknown>): void {
    if (this.readyHead === undefined || this.exchange.answerEnded || Exit.isFailure(exit)) return this.ended(exit)
    if (this.scope.used || this.span?.isMade === true) {
      this.runsOn()
      this.whenConcluded(() => this.ended(exit))
    } else {
      this.step = Step.Finalizers
      this.end(exit)
      this.runsNoMore()
    }
    const refused = this.exchange.respond(this.readyHead, this.readyBody)
    if (refused === undefined) return
    // for instance, its Content-Length is not the length of the body
    this.failure = Cause.die(refused)
    this.exchange.fail(refused)
    if (this.finalExit === exit) this.end(Exit.failCause(this.failure))
  }

  // Called when the request has ended. Code that uses its scope or its span later finds them closed.
  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.finalExit = exit
    if (!ejectedScopes.has(this.scope)) this.scope.seal(exit)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the app within its middleware and its span: see the pipeline of `ServedApp`

  /** Called when the app has failed, whatever the response will be. */
  failed(cause: Cause.Cause<unknown>): void {
    this.failure = cause
  }

  middlewareEnded(exit: Exit.Exit<HttpServerResponse, unknown>): void {
    this.middlewareExit = exit
  }

  /** Sends a response. Ends when the kernel has taken the last byte. */
  send(response: HttpServerResponse): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      this.response = response
      // the client has left, or the application has taken the connection over
      if (this.exchange.answerEnded) return Effect.sync(() => discard(this.exchange, response))
      if (this.failure !== undefined) {
        recordFailure(this.exchange, this.failure, response, this.served.logsFailures)
      }
      const body = wholeBody(response)
      if (body !== undefined) {
        const refused = sendWhole(this.exchange, response, body)
        if (refused === undefined) return this.concluded
        return Effect.failCause(this.failure = Cause.die(refused))
      }
      this.step = Step.Parts
      return Effect.interruptible(sendParts(this.exchange, this.request, response)).pipe(
        Effect.tapErrorCause((cause) => Effect.sync(() => this.partsFailed(cause))),
        Effect.zipRight(this.concluded)
      )
    })
  }

  // A response that has begun cannot be replaced, so the connection is cut, which tells the client.
  private partsFailed(cause: Cause.Cause<unknown>): void {
    this.failure = cause
    this.step = Step.Finalizers
    if (this.exchange.answerEnded) return
    if (this.exchange.headSent) this.exchange.fail(Cause.squash(cause))
    else this.exchange.withdraw()
  }

  // Waits until the kernel has taken the last byte, or the client has left.
  private get concluded(): Effect.Effect<void> {
    return Effect.async<void>((resume) => this.whenConcluded((outcome) => resume(concludedWith(outcome))))
  }

  private whenConcluded(callback: (outcome: Outcome) => void): void {
    this.step = Step.LastByte
    this.exchange.whenConcluded(callback)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the end

  private runsOn(): void {
    if (this.exchange.isRunning) return
    this.exchange.running(this)
    // the app waits for its calls when it ends
    this.served.calls.add(this)
  }

  private runsNoMore(): void {
    if (this.index >= 0 || this.exchange.hooked) this.served.calls.delete(this)
    this.exchange.ended()
  }

  onHooksRun(): void {
    this.served.calls.remove(this)
  }

  get isFinishing(): boolean {
    return this.step > Step.Parts
  }

  /** Interrupts the handler, unless its route is uninterruptible. */
  interruptForStop(): void {
    if (this.step > Step.Parts || (this.step === Step.Handler && this.keepsRoute)) return
    this.fiber?.unsafeInterruptAsFork(interruptorId("Stopped"))
  }

  // Whether the handler cannot be interrupted at the moment, so that it may still answer.
  isUninterruptible(): boolean {
    const { fiber } = this
    return fiber !== undefined && this.step === Step.Handler && (this.keepsRoute || !isInterruptible(fiber))
  }

  // Interrupts the handler when it leaves its uninterruptible part. Effect has no event for that, so the fiber is polled.
  interruptLater(): void {
    const { fiber } = this
    if (fiber === undefined || this.keepsRoute) return
    whenInterruptible(fiber, () => this.step !== Step.Handler, () => this.interruptForStop())
  }

  interrupt(reason: AbortReason): Delay | void {
    if (this.step > Step.Parts) return
    if (reason === "Closed" && this.step === Step.Handler && this.keepsRoute) return "RunsOn"
    if (reason !== "Stopped" && reason !== "Closed") {
      // the client has its answer, so the rest of the handler no longer concerns it
      if (!this.wasDelayed && (this.stream?.writableEnded === true || this.exchange.outcome?._tag === "Sent")) {
        this.wasDelayed = true
        return "EndsByItself"
      }
      if (this.step === Step.Handler && (this.uninterruptedParts > 0 || this.keepsRoute)) return "RunsOn"
    } else return this.interruptForStop()
    this.fiber?.unsafeInterruptAsFork(interruptorId(reason))
  }

  private get keepsRoute(): boolean {
    return keepsRoute(this.fiber)
  }

  keepRunning(): void {
    this.uninterruptedParts++
  }

  // What follows the part is interrupted, but not a handler that ends with it: its response has a body to let go.
  mayEnd(): void {
    this.uninterruptedParts--
    if (this.exchange.aborted === undefined || this.uninterruptedParts > 0) return
    setImmediate(() => {
      const reason = this.exchange.aborted
      if (reason !== undefined && this.uninterruptedParts === 0) this.interrupt(reason)
    })
  }

  // Called when the fiber has ended. The request's scope closes, and then the hooks may run.
  private ended(exit: Exit.Exit<unknown, unknown>): void {
    if (!this.exchange.answerEnded && !this.exchange.headSent) this.unanswered(exit)
    this.step = Step.Finalizers
    const { exchange } = this
    const actual = actualExit(exit, exchange, this.failure, this.stream?.writableEnded === true)
    this.finalExit = actual
    this.span?.finish(this.spanExit(actual))
    if (!this.scope.used || ejectedScopes.has(this.scope)) {
      this.end(actual)
      return this.runsNoMore()
    }
    exchange.finalizing()
    const services = new Map<string, unknown>([[SocketScope.key, exchange.socketScope]])
    this.served.fork(Scope.close(this.scope, actual), services).addObserver((closed) => {
      // a finalizer may have waited for a fiber that was interrupted with the request
      if (Exit.isFailure(closed) && !Cause.isInterruptedOnly(closed.cause)) {
        exchange.logFailure("a finalizer of the request's scope failed", closed.cause)
      }
      this.runsNoMore()
    })
  }

  private unanswered(exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) return this.exchange.fail(noResponse())
    const error = Cause.squash(exit.cause)
    if (!Cause.isInterruptedOnly(exit.cause)) return this.exchange.fail(error)
    // the app was interrupted because it ends, and no fiber is left for the platform's answer, which is this
    this.exchange.recordFailure(error)
    this.exchange.respond({ status: 503, fields: [] }, "")
  }

  openSpan(): OpenSpan {
    const opened = openSpan(this.served, this.services(), this.exchange)
    // the program may read it after the request has ended
    if (this.finalExit !== undefined) opened.finish(this.spanExit(this.finalExit))
    return opened
  }

  private spanExit(exit: Exit.Exit<unknown, unknown>): Exit.Exit<HttpServerResponse, unknown> {
    if (this.middlewareExit !== undefined) return this.middlewareExit
    if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
    return this.response === undefined ? Exit.die(noResponse()) : Exit.succeed(this.response)
  }

  private services(): Map<string, unknown> {
    const services = new LayeredMap(this.served.services, this.exchange.socketScope)
    services.set(HttpServerRequest.key, this.request)
    return services
  }
}
