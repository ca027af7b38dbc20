/**
 * One call of an HttpApp: a fiber for an exchange, and what belongs to both.
 *
 * Effect is entered once. Without middleware, and with a tracer that nobody can see through, the app runs as it is and its
 * response is sent by the fiber's observer. Otherwise, and for failures, `HttpApp.toHandled` does what it promises: errors
 * to responses, pre-response handlers, middleware, spans. Unlike with it alone, the app itself can be interrupted, and the
 * exit of the request's scope tells how the exchange ended.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as HttpApp from "@effect/platform/HttpApp"
import { RouteContext } from "@effect/platform/HttpRouter"
import { causeResponseStripped, clientAbortFiberId, type RequestError } from "@effect/platform/HttpServerError"
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import type * as Socket from "@effect/platform/Socket"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Duplex } from "node:stream"
import type { Delay, Work } from "../exchange/Application.js"
import type { Exchange } from "../exchange/Exchange.js"
import type { AbortReason, Outcome } from "../exchange/Outcome.js"
import { BodyError, responseErrorFrom } from "../exchange/ServerError.js"
import type { HeadDraft } from "../protocol/responseHead.js"
import { LazyScope } from "../server/LazyScope.js"
import { SocketScope } from "../server/SocketScope.js"
import { type Bound, WholeBody } from "./BodyReader.js"
import { UnreadableForm } from "./FormError.js"
import type { FormLimits } from "./FormLimits.js"
import { ejectedScopes, hasChildren, isInterruptible } from "./internal.js"
import { LayeredMap } from "./LayeredMap.js"
import { begunWith, type OpenSpan, RequestSpan, traced, untraced } from "./RequestSpan.js"
import { discard, headOf, sendParts, sendWhole, wholeBody } from "./respond.js"
import type { RunningCall } from "./RunningCalls.js"
import { type AppCall, CurrentCall, type ServedApp } from "./ServedApp.js"
import { headersOf, type Reading, type RequestCall, ServerRequest, UnreadableBody, urlOf } from "./ServerRequest.js"

/** What an interruption would cut short. */
const enum Step {
  Handler,
  Parts,
  LastByte,
  Finalizers
}

/**
 * @since 0.1.0
 * @category models
 */
export class HandlerCall implements RequestCall, AppCall, RunningCall, Work {
  /** A stop waits for its end. */
  readonly awaited = true
  socket: Duplex | undefined = undefined
  keepRunning: number
  index = -1
  private step = Step.Handler
  private asked = false
  private over: Exit.Exit<unknown, unknown> | undefined = undefined
  traced: Exit.Exit<HttpServerResponse, unknown> | undefined = undefined
  readonly scope = new LazyScope()
  private span: RequestSpan | undefined = undefined
  private readHeaders: Headers.Headers | undefined = undefined
  private whole: WholeBody | undefined = undefined
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  private response: HttpServerResponse | undefined = undefined
  private failure: Cause.Cause<unknown> | undefined = undefined
  // what the observer of a handler that has ended sends
  private ready: HeadDraft | undefined = undefined
  private readyBody: string | Uint8Array = ""

  private readonly request: ServerRequest

  constructor(readonly exchange: Exchange, readonly served: ServedApp) {
    this.keepRunning = served.interruptOnDisconnect ? 0 : 1
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

  bound(reading: Reading): Bound {
    const { parsedBody, wholeBody } = this.exchange.config.limits
    const { maxBufferedBody } = this.served
    if (maxBufferedBody !== undefined) return { most: maxBufferedBody, lift: "maxBufferedBody" }
    return reading === "parsed" && parsedBody < wholeBody
      ? { most: parsedBody, lift: "limits.parsedBody" }
      : { most: wholeBody, lift: "limits.wholeBody" }
  }

  get forms(): FormLimits {
    return this.served.forms
  }

  upgrade(request: ServerRequest): Effect.Effect<Socket.Socket, RequestError> {
    return this.served.upgrade(this, request)
  }

  run(): void {
    const { pipeline, short, spansUnseen, tracerDisabledWhen } = this.served
    const services = this.services()
    services.set(Scope.Scope.key, this.scope)
    services.set(CurrentCall.key, this)
    if (spansUnseen && !tracerDisabledWhen(this.request)) {
      this.span = new RequestSpan(this)
      services.set(Tracer.ParentSpan.key, this.span)
    }
    if (pipeline === undefined) {
      const fiber = this.fiber = this.served.fork(short, services)
      const exit = fiber.unsafePoll()
      if (exit !== null) return this.answered(exit)
      this.runsOn()
      // whatever has made it go on, the end of the request is its connection's affair
      fiber.addObserver((exit) => this.exchange.peer.run(HandlerCall.answered, this, exit))
    } else {
      // the pipeline waits for the response to be sent, so it never ends at once
      this.runsOn()
      this.fiber = this.served.fork(pipeline, services)
      this.fiber.addObserver((exit) => this.exchange.peer.run(HandlerCall.ended, this, exit))
    }
  }

  private static readonly answered = (call: HandlerCall, exit: Exit.Exit<unknown, unknown>): void => call.answered(exit)
  private static readonly ended = (call: HandlerCall, exit: Exit.Exit<unknown, unknown>): void => call.ended(exit)

  // ---------------------------------------------------------------------------------------------------------------
  // the short way

  /**
   * Answers with what the app gave. What can be sent whole is left to the observer, which knows that nothing of the handler
   * is left. What it has forked is interrupted at its end and may take its time, for which the client does not wait.
   */
  answer(
    response: HttpServerResponse,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): Effect.Effect<unknown, unknown, unknown> {
    const body = Option.isNone(fiber.getFiberRef(HttpApp.currentPreResponseHandlers)) ? wholeBody(response) : undefined
    if (body === undefined || hasChildren(fiber)) return this.handle(Effect.succeed(response))
    const head = headOf(this.exchange, response)
    if (head._tag === "InvalidHead") return this.recover(Cause.die(responseErrorFrom(head)))
    this.response = response
    this.ready = head
    this.readyBody = body
    return Effect.void
  }

  /** Answers what the app failed with. */
  recover(cause: Cause.Cause<unknown>): Effect.Effect<unknown, unknown, HttpServerRequest> {
    if (this.exchange.over) return Effect.failCause(cause)
    this.failure = cause
    return this.handle(Effect.failCause(cause))
  }

  // The platform's own way from a response or a failure to an answer. It runs in the app's fiber, which knows the app's
  // settings and pre-response handlers.
  private handle(
    result: Effect.Effect<HttpServerResponse, unknown>
  ): Effect.Effect<unknown, unknown, HttpServerRequest> {
    this.runsOn()
    return untraced(HttpApp.toHandled(result, (_, response) => this.send(response)))
  }

  private answered(exit: Exit.Exit<unknown, unknown>): void {
    if (this.ready === undefined || this.exchange.over || Exit.isFailure(exit)) return this.ended(exit)
    if (this.scope.used || this.span?.used === true) {
      this.runsOn()
      this.whenSettled(() => this.ended(exit))
    } else {
      this.step = Step.Finalizers
      this.end(exit)
      this.runsNoMore()
    }
    const refused = this.exchange.respond(this.ready, this.readyBody)
    if (refused === undefined) return
    // a length that the body does not have, for instance
    this.failure = Cause.die(refused)
    this.exchange.fail(refused)
    if (this.over === exit) this.end(Exit.failCause(this.failure))
  }

  // Nothing of the request is left. Who asks for its scope or its span from here on finds them over.
  private end(exit: Exit.Exit<unknown, unknown>): void {
    this.over = exit
    if (!ejectedScopes.has(this.scope)) this.scope.seal(exit)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the whole way: see the pipeline of `ServedApp`

  /** What the app failed with, before it is made a response. */
  failed(cause: Cause.Cause<unknown>): void {
    this.failure = cause
  }

  /** Sends a response; ends when its last byte is with the kernel. */
  send(response: HttpServerResponse): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      this.response = response
      // the client has left, or the connection was taken over
      if (this.exchange.over) return Effect.sync(() => discard(this.exchange, response))
      this.recordFailure(response)
      const body = wholeBody(response)
      if (body !== undefined) {
        const refused = sendWhole(this.exchange, response, body)
        if (refused === undefined) return this.settled
        return Effect.failCause(this.failure = Cause.die(refused))
      }
      this.step = Step.Parts
      return Effect.interruptible(sendParts(this.exchange, this.request, response)).pipe(
        Effect.tapErrorCause((cause) => Effect.sync(() => this.partsFailed(cause))),
        Effect.zipRight(this.settled)
      )
    })
  }

  // A response that stands for a failure: the outcome says so.
  private recordFailure(response: HttpServerResponse): void {
    if (this.failure === undefined) return
    const error = Cause.squash(this.failure)
    const ofClient = error instanceof UnreadableForm
      ? error.bodyError
      : error instanceof UnreadableBody
      ? error.cause
      : undefined
    if (ofClient instanceof BodyError) this.exchange.recordFailure(ofClient)
    else if (response.status >= 500) this.exchange.recordFailure(error)
  }

  // What has begun cannot be answered anew: the connection is cut, so that the client can tell.
  private partsFailed(cause: Cause.Cause<unknown>): void {
    this.failure = cause
    this.step = Step.Finalizers
    if (this.exchange.over) return
    if (this.exchange.headSent) this.exchange.fail(Cause.squash(cause))
    else this.exchange.withdraw()
  }

  // The last byte is with the kernel, or the client has left.
  private get settled(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      this.whenSettled((outcome) =>
        resume(
          outcome._tag === "Aborted" && !isAnswered(outcome.reason)
            ? Effect.failCause(Cause.interrupt(interruptorId(outcome.reason)))
            : Effect.void
        )
      )
    })
  }

  private whenSettled(callback: (outcome: Outcome) => void): void {
    this.step = Step.LastByte
    this.exchange.whenSettled(callback)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the end

  private runsOn(): void {
    if (this.exchange.isRunning) return
    this.exchange.running(this)
    // the end of the app waits for it
    this.served.calls.add(this)
  }

  private runsNoMore(): void {
    if (this.index >= 0 || this.exchange.hooked) this.served.calls.delete(this)
    this.exchange.ended()
  }

  hooksOver(): void {
    this.served.calls.remove(this)
  }

  get isBehind(): boolean {
    return this.step > Step.Parts
  }

  /** Interrupts what is left of the handler, unless its route is not to be. */
  interruptForStop(): void {
    if (this.step > Step.Parts || (this.step === Step.Handler && this.keepsRoute)) return
    this.fiber?.unsafeInterruptAsFork(interruptorId("Stopped"))
  }

  // A handler that is uninterruptible now, as a whole or in a part, is to answer if it can.
  isUninterruptible(): boolean {
    const { fiber } = this
    return fiber !== undefined && this.step === Step.Handler && (this.keepsRoute || !isInterruptible(fiber))
  }

  // One that waits for something else behind an uninterruptible part is interrupted there: Effect tells nobody when a fiber
  // gets to that, so it is looked for.
  interruptLater(): void {
    const { fiber } = this
    if (fiber === undefined || this.keepsRoute) return
    const looking = setInterval(() => {
      if (this.step !== Step.Handler || fiber.unsafePoll() !== null) return clearInterval(looking)
      if (!isInterruptible(fiber)) return
      clearInterval(looking)
      this.interruptForStop()
    }, 5)
  }

  interrupt(reason: AbortReason): Delay | void {
    if (this.step > Step.Parts) return
    if (reason === "Closed" && this.step === Step.Handler && this.keepsRoute) return "RunsOn"
    if (reason !== "Stopped" && reason !== "Closed") {
      // the client has its answer: what is left of the handler is no business of its
      if (!this.asked && (this.socket?.writableEnded === true || this.exchange.outcome?._tag === "Sent")) {
        this.asked = true
        return "EndsByItself"
      }
      if (this.step === Step.Handler && (this.keepRunning > 0 || this.keepsRoute)) return "RunsOn"
    } else return this.interruptForStop()
    this.fiber?.unsafeInterruptAsFork(interruptorId(reason))
  }

  // Is the handler that of a route which routers are told not to interrupt?
  private get keepsRoute(): boolean {
    if (this.fiber === undefined) return false
    const context = Context.getOption(this.fiber.currentContext, RouteContext)
    return Option.isSome(context) && context.value.route.uninterruptible
  }

  mayEnd(): void {
    this.keepRunning--
    const reason = this.exchange.aborted
    if (reason !== undefined && this.keepRunning === 0) this.interrupt(reason)
  }

  // The fiber is over: what belongs to the request ends, and then the hooks may run.
  private ended(exit: Exit.Exit<unknown, unknown>): void {
    if (!this.exchange.over && !this.exchange.headSent) this.unanswered(exit)
    this.step = Step.Finalizers
    const trueExit = this.trueExit(exit)
    this.over = trueExit
    this.span?.finish(this.spanExit(trueExit))
    if (!this.scope.used || ejectedScopes.has(this.scope)) {
      this.end(trueExit)
      return this.runsNoMore()
    }
    this.exchange.finalizing()
    const services = new Map<string, unknown>([[SocketScope.key, this.exchange.socketScope]])
    this.served.fork(Scope.close(this.scope, trueExit), services).addObserver((closed) => {
      // one that waited for what was interrupted with the request has not failed
      if (Exit.isFailure(closed) && !Cause.isInterruptedOnly(closed.cause)) {
        this.exchange.logFailure("a finalizer of the request's scope failed", closed.cause)
      }
      this.runsNoMore()
    })
  }

  private unanswered(exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) return this.exchange.fail(noResponse())
    const error = Cause.squash(exit.cause)
    if (!Cause.isInterruptedOnly(exit.cause)) return this.exchange.fail(error)
    // its app has ended: the platform's own answer to that, which the short way has no fiber left to make
    this.exchange.recordFailure(error)
    this.exchange.respond({ status: 503, fields: [] }, "")
  }

  // A connection that was taken over, and whose end was said here, has ended well, although the client is gone. The
  // platform's exit does not tell that the client has left once the response was complete, nor what the app failed
  // with behind middleware, and has responses in its causes.
  private trueExit(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
    const { aborted, outcome } = this.exchange
    const reason = this.socket?.writableEnded === true
      ? undefined
      : outcome === undefined
      ? aborted
      : outcome._tag === "Aborted"
      ? outcome.reason
      : undefined
    const cause = this.failure ?? (Exit.isFailure(exit) ? withoutResponse(exit.cause) : undefined)
    if (reason !== undefined && (cause === undefined || Cause.isInterruptedOnly(cause))) {
      return Exit.failCause(Cause.interrupt(interruptorId(reason)))
    }
    return cause === undefined ? exit : Exit.failCause(cause)
  }

  // The span is the one that the platform's own tracing makes, around an app that waits for the response.
  openSpan(): OpenSpan {
    let span: Tracer.Span | undefined
    let finish: OpenSpan["finish"] = () => undefined
    const held = Effect.flatMap(Effect.orDie(Effect.currentSpan), (current) => {
      span = current
      return Effect.async<HttpServerResponse, unknown>((resume) => {
        finish = resume
      })
    })
    // the exit of middleware is told as it is, that of an app with the response made of it
    const around = this.served.pipeline === undefined ? undefined : () => held
    const opening = begunWith(traced(HttpApp.toHandled(held, () => Effect.void, around)), this.exchange)
    this.served.fork(opening, this.services())
    if (span === undefined) throw new Error("the tracer gave no span")
    // who looks when the request is over sees it ended
    if (this.over !== undefined) finish(this.spanExit(this.over))
    return { span, finish: (exit) => finish(exit) }
  }

  private spanExit(exit: Exit.Exit<unknown, unknown>): Exit.Exit<HttpServerResponse, unknown> {
    if (this.traced !== undefined) return this.traced
    if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
    return this.response === undefined ? Exit.die(noResponse()) : Exit.succeed(this.response)
  }

  private services(): Map<string, unknown> {
    const services = new LayeredMap(this.served.services, this.exchange.socketScope)
    services.set(HttpServerRequest.key, this.request)
    return services
  }
}

const noResponse = (): Error => new Error("the handler gave no response")

const interruptorId = (reason: AbortReason): FiberId.FiberId =>
  reason === "Stopped" || reason === "Closed" || reason === "HandlerTimeout" ? FiberId.none : clientAbortFiberId

// What is wrong with a body is answered, and the client is there to read it.
const isAnswered = (reason: AbortReason): boolean => reason === "BadRequest" || reason === "ReadTimeout"

// The platform puts the response into the cause.
const withoutResponse = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Option.getOrElse(causeResponseStripped(cause)[1], () => cause)
