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
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
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
import { constFalse, constTrue } from "effect/Function"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Duplex } from "node:stream"
import type { HeadDraft } from "../protocol/responseHead.js"
import type { Plea } from "../server/Application.js"
import type { Exchange } from "../server/Exchange.js"
import { LazyScope } from "../server/LazyScope.js"
import type { AbortReason, Outcome } from "../server/Outcome.js"
import { BodyError, responseErrorFrom } from "../server/ServerError.js"
import { WholeBody } from "./BodyReader.js"
import { hasChildren } from "./fiberState.js"
import { UnreadableForm } from "./FormReader.js"
import { LayeredMap } from "./LayeredMap.js"
import { type OpenSpan, RequestSpan } from "./RequestSpan.js"
import { discard, headOf, sendParts, sendWhole, wholeBody } from "./respond.js"
import { joinedHeaders, type RequestCall, ServerRequest, UnreadableBody } from "./ServerRequest.js"

/** The call that a pipeline runs for. */
class CurrentCall extends Context.Tag("tsgi/HandlerCall")<CurrentCall, HandlerCall>() {}

/**
 * What a request adds to the services of its app.
 *
 * @since 0.1.0
 * @category models
 */
export type CallServices = HttpServerRequest | Scope.Scope | CurrentCall

/**
 * What all calls of one served app share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Site {
  /** The app with what follows its end; see {@link short}. */
  readonly short: Effect.Effect<unknown, unknown, unknown>
  /** The app with all that is around it; absent when there is nothing that anybody could see. */
  readonly pipeline: Effect.Effect<unknown, unknown, CallServices> | undefined
  /** The services the app is given, without those of a request. */
  readonly services: ReadonlyMap<string, unknown>
  /** Can nobody outside see spans? Then none is made until somebody inside looks. */
  readonly spansUnseen: boolean
  readonly tracerDisabledWhen: (request: HttpServerRequest) => boolean
  /** Starts a fiber at once. That all its services are in the map is for the caller to see to: a map cannot say. */
  readonly fork: <A, E>(
    effect: Effect.Effect<A, E, unknown>,
    services: Map<string, unknown>
  ) => Fiber.RuntimeFiber<A, E>
  /** Is a handler interrupted when its client leaves? */
  readonly interruptOnDisconnect: boolean
  /** Bytes that may be read whole where no `MaxBodySize` is provided. */
  readonly maxBufferedBody: number
  readonly upgrade: (call: RequestCall, request: ServerRequest) => Effect.Effect<Socket.Socket, RequestError>
  /** Waits until the server begins to stop, or the app to end. */
  readonly stopping: Effect.Effect<void>
  readonly calls: Calls
}

/**
 * The calls of an app that are at work, for an app that ends before its server does.
 *
 * @since 0.1.0
 * @category models
 */
export class Calls {
  // an array and not a Set: the tables that a Set leaves behind keep each other, and all that was ever in them, through
  // the collections of young objects
  private readonly running: Array<HandlerCall> = []
  private onNone: (() => void) | undefined = undefined

  add(call: HandlerCall): void {
    if (call.place < 0) call.place = this.running.push(call) - 1
  }

  delete(call: HandlerCall): void {
    if (!call.exchange.hooked || call.exchange.hooksRun) return this.remove(call)
    // behind its post hooks, which have the app's services; a call that was answered at once has not been here yet
    this.add(call)
    call.exchange.postHook(() => this.remove(call))
  }

  /** The app ends: calls back when nothing of it is left. */
  end(callback: () => void): void {
    this.onNone = callback
    if (this.running.length === 0) callback()
  }

  /** There was time enough. */
  interrupt(): void {
    for (const call of [...this.running]) call.interruptForStop()
  }

  private remove(call: HandlerCall): void {
    if (call.place >= 0) {
      const last = this.running.pop()
      if (last !== undefined && last !== call) {
        this.running[call.place] = last
        last.place = call.place
      }
      call.place = -1
    }
    if (this.running.length === 0) this.onNone?.()
  }
}

// The platform's own list of scopes that somebody else closes: see HttpApp.ejectDefaultScopeClose.
const ejectedScopes = globalValue("@effect/platform/HttpApp/ejectedScopes", () => new WeakSet<Scope.Scope>())

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
export class HandlerCall implements RequestCall {
  socket: Duplex | undefined = undefined
  keepRunning: number
  /** Where it stands among the running calls; negative where it does not. */
  place = -1
  private handled = false
  private step = Step.Handler
  private asked = false
  private over: Exit.Exit<unknown, unknown> | undefined = undefined
  /** How the middleware ended, for a span that nobody looked at before. */
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

  constructor(readonly exchange: Exchange, readonly site: Site) {
    this.keepRunning = site.interruptOnDisconnect ? 0 : 1
    this.request = new ServerRequest(this, exchange.request.target, undefined, undefined)
  }

  get stopping(): Effect.Effect<void> {
    return this.site.stopping
  }

  get headers(): Headers.Headers {
    return this.readHeaders ??= joinedHeaders(this.exchange.request.fields)
  }

  get body(): WholeBody {
    return this.whole ??= new WholeBody(this.exchange)
  }

  get maxBufferedBody(): number {
    return this.site.maxBufferedBody
  }

  upgrade(request: ServerRequest): Effect.Effect<Socket.Socket, RequestError> {
    return this.site.upgrade(this, request)
  }

  run(): void {
    const { pipeline, short, spansUnseen, tracerDisabledWhen } = this.site
    const services = this.services()
    services.set(Scope.Scope.key, this.scope)
    services.set(CurrentCall.key, this)
    if (spansUnseen && !tracerDisabledWhen(this.request)) {
      this.span = new RequestSpan(this)
      services.set(Tracer.ParentSpan.key, this.span)
    }
    if (pipeline === undefined) {
      this.fiber = this.site.fork(short, services)
      this.fiber.addObserver((exit) => this.answered(exit))
      if (!this.handled) this.runsOn()
    } else {
      // the pipeline waits for the response to be sent, so it never ends at once
      this.runsOn()
      this.fiber = this.site.fork(pipeline, services)
      this.fiber.addObserver((exit) => this.ended(exit))
    }
  }

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
    this.handled = true
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
  // the whole way: see `pipeline`

  /** What the app failed with, before it is made a response. */
  failed(cause: Cause.Cause<unknown>): void {
    this.failure = cause
  }

  /** Sends a response; ends when its last byte is with the kernel. */
  send(response: HttpServerResponse): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      this.handled = true
      this.response = response
      // the client has left, or the connection was taken over
      if (this.exchange.over) return Effect.sync(() => discard(response))
      this.blame(response)
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
  private blame(response: HttpServerResponse): void {
    if (this.failure === undefined) return
    const error = Cause.squash(this.failure)
    const ofClient = error instanceof UnreadableForm
      ? error.bodyError
      : error instanceof UnreadableBody
      ? error.cause
      : undefined
    if (ofClient instanceof BodyError) this.exchange.blame(ofClient)
    else if (response.status >= 500) this.exchange.blame(error)
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
    this.exchange.running((reason) => this.interrupt(reason), true)
    // the end of the app waits for it
    this.site.calls.add(this)
  }

  private runsNoMore(): void {
    if (this.place >= 0 || this.exchange.hooked) this.site.calls.delete(this)
    this.exchange.ended()
  }

  /** Interrupts what is left of the handler, unless its route is not to be. */
  interruptForStop(): void {
    if (this.step > Step.Parts || (this.step === Step.Handler && this.keepsRoute)) return
    this.fiber?.unsafeInterruptAsFork(interruptorId("Stopped"))
  }

  private interrupt(reason: AbortReason): Plea | void {
    // what waits for the last byte to leave need not wait any longer
    if (this.step === Step.LastByte) this.exchange.settle(reason)
    if (this.step > Step.Parts) return
    if (reason !== "Stopped") {
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
    this.handled = true
    if (!this.exchange.over && !this.exchange.headSent) this.unanswered(exit)
    this.step = Step.Finalizers
    const truth = this.truth(exit)
    this.over = truth
    this.span?.finish(this.spanExit(truth))
    if (!this.scope.used || ejectedScopes.has(this.scope)) {
      this.end(truth)
      return this.runsNoMore()
    }
    this.site.fork(Scope.close(this.scope, truth), new Map()).addObserver((closed) => {
      if (Exit.isFailure(closed)) this.exchange.logFailure("a finalizer of the request's scope failed", closed.cause)
      this.runsNoMore()
    })
  }

  private unanswered(exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) return this.exchange.fail(noResponse())
    const error = Cause.squash(exit.cause)
    if (!Cause.isInterruptedOnly(exit.cause)) return this.exchange.fail(error)
    // its app has ended: the platform's own answer to that, which the short way has no fiber left to make
    this.exchange.blame(error)
    this.exchange.respond({ status: 503, fields: [] }, "")
  }

  // A connection that was taken over, and whose end was said here, has ended well, although the client is gone. The
  // platform's exit does not tell that the client has left once the response was complete, nor what the app failed
  // with behind middleware, and has responses in its causes.
  private truth(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
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
    const around = this.site.pipeline === undefined ? undefined : () => held
    this.site.fork(traced(HttpApp.toHandled(held, () => Effect.void, around)), this.services())
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
    const services = new LayeredMap(this.site.services)
    services.set(HttpServerRequest.key, this.request)
    return services
  }
}

/**
 * An app with what follows its end, for all of its calls.
 *
 * @since 0.1.0
 * @category constructors
 */
export const short = (app: HttpApp.Default<unknown>): Site["short"] =>
  // Who the call is has to be asked before the app runs: one that joins another request's fiber has its services from then
  // on.
  Effect.withFiberRuntime((fiber) => {
    const call = Context.unsafeGet(fiber.currentContext, CurrentCall)
    return Effect.matchCauseEffect(app, {
      onFailure: (cause) => call.recover(cause),
      onSuccess: (response) => call.answer(response, fiber)
    })
  })

/**
 * An app as the platform runs it, for all of its calls: middleware is applied once, as it may have a state of its own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const pipeline = (
  app: HttpApp.Default<unknown>,
  middleware: HttpMiddleware.HttpMiddleware | undefined,
  spansUnseen: boolean
): Site["pipeline"] => {
  if (middleware === undefined && spansUnseen) return undefined
  const inScope = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(CurrentCall, ({ scope }) => Effect.provideService(effect, Scope.Scope, scope))
  const interruptible = Effect.interruptible(app).pipe(
    Effect.tapErrorCause((cause) => Effect.map(CurrentCall, (call) => call.failed(cause)))
  )
  const noted = Effect.onExit((exit: Exit.Exit<HttpServerResponse, unknown>) =>
    Effect.map(CurrentCall, (call) => {
      call.traced = exit
    })
  )
  const handled = HttpApp.toHandled(
    inScope(interruptible),
    (_, response) => Effect.flatMap(CurrentCall, (call) => call.send(response)),
    middleware === undefined
      ? undefined
      : (inner) => inScope(spansUnseen ? noted(middleware(inner)) : middleware(inner))
  )
  return spansUnseen ? untraced(handled) : handled
}

const noResponse = (): Error => new Error("the handler gave no response")

const untraced = Effect.locally(HttpMiddleware.currentTracerDisabledWhen, constTrue)
// Whether the request is traced was asked once: one that is sampled may get another answer the next time.
const traced = Effect.locally(HttpMiddleware.currentTracerDisabledWhen, constFalse)

const interruptorId = (reason: AbortReason): FiberId.FiberId => reason === "Stopped" ? FiberId.none : clientAbortFiberId

// What is wrong with a body is answered, and the client is there to read it.
const isAnswered = (reason: AbortReason): boolean => reason === "BadRequest" || reason === "ReadTimeout"

// The platform puts the response into the cause.
const withoutResponse = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Option.getOrElse(causeResponseStripped(cause)[1], () => cause)
