/**
 * What all calls of one served app share: the app within its middleware, its services, and the way in which its fibers start.
 *
 * @since 0.1.0
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import type { RequestError } from "@effect/platform/HttpServerError"
import type { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import { type HttpServerResponse, isServerResponse } from "@effect/platform/HttpServerResponse"
import type * as Socket from "@effect/platform/Socket"
import type * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Predicate from "effect/Predicate"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as FormLimits from "../server/FormLimits.js"
import { otherThanResponse } from "./exits.js"
import { type Fork, forkWith } from "./handlerFibers.js"
import type { DoorOptions } from "./Options.js"
import { untraced } from "./RequestSpan.js"
import { RunningCalls } from "./RunningCalls.js"
import type { RequestCall, ServerRequest } from "./ServerRequest.js"

/**
 * A call, as a served app sees it. The type stands here because the two files would otherwise import each other.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppCall {
  /** The scope of the request. */
  readonly scope: Scope.Scope
  /** Called with the exit of the middleware, for a span that is made later. */
  readonly middlewareEnded: (exit: Exit.Exit<HttpServerResponse, unknown>) => void
  /** Answers with the app's response. */
  readonly answer: (
    response: HttpServerResponse,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ) => Effect.Effect<unknown, unknown, unknown>
  /** Answers the app's failure. */
  readonly recover: (cause: Cause.Cause<unknown>) => Effect.Effect<unknown, unknown, HttpServerRequest>
  /** Called when the app has failed, whatever the response will be. */
  readonly failed: (cause: Cause.Cause<unknown>) => void
  /** Sends a response to its end. */
  readonly send: (response: HttpServerResponse) => Effect.Effect<void, unknown>
}

/**
 * The call for which an app runs.
 *
 * @since 0.1.0
 * @category tags
 */
export class CurrentCall extends Context.Tag("tsgi/HandlerCall")<CurrentCall, AppCall>() {}

/**
 * The services that a request adds to those of its app.
 *
 * @since 0.1.0
 * @category models
 */
export type CallServices = HttpServerRequest | Scope.Scope | CurrentCall

/**
 * An app that is served.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServedApp {
  /** The app, which answers through its call. */
  readonly direct: Effect.Effect<unknown, unknown, unknown>
  /** The app with middleware and spans around it; absent if there are none. */
  readonly pipeline: Effect.Effect<unknown, unknown, CallServices> | undefined
  /** The app's services, without those of a request. */
  readonly services: ReadonlyMap<string, unknown>
  /** Whether the server logs the failures of the app, because there is no middleware that could. */
  readonly logsFailures: boolean
  /** Whether spans are invisible outside the program, so that a span is only made when the program reads it. */
  readonly spansInvisible: boolean
  readonly tracerDisabledWhen: (request: HttpServerRequest) => boolean
  readonly fork: Fork
  /** Whether a handler is interrupted when its client leaves. */
  readonly interruptOnDisconnect: boolean
  /** The most bytes that may be read whole if no `MaxBodySize` is provided; `undefined` for the bound of the server's limits. */
  readonly maxBufferedBody: number | undefined
  readonly forms: FormLimits.FormLimits
  /** Logs, once, that `HttpMiddleware.xForwardedHeaders` has no effect. */
  readonly warnOfIgnoredFields: () => void
  readonly upgrade: (call: RequestCall, request: ServerRequest) => Effect.Effect<Socket.Socket, RequestError>
  /** Waits until the server begins to stop or the app begins to end. */
  readonly stopping: Effect.Effect<void>
  readonly calls: RunningCalls
}

/**
 * Serves an app with the services and the fiber refs of the running fiber.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  app: HttpApp.Default<unknown>,
  middleware: HttpMiddleware.HttpMiddleware | undefined,
  options: DoorOptions,
  upgrade: ServedApp["upgrade"],
  stopping: ServedApp["stopping"]
): Effect.Effect<ServedApp> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const refs = runtime.fiberRefs
    const tracer = Context.get(FiberRefs.getOrDefault(refs, DefaultServices.currentServices), Tracer.Tracer)
    const spansInvisible = tracer === Context.get(DefaultServices.liveServices, Tracer.Tracer) &&
      FiberRefs.getOrDefault(refs, FiberRef.currentTracerEnabled)
    // Handlers can be interrupted even if the fiber that serves them cannot. A router without mounted apps makes its routes
    // interruptible itself, unless they say otherwise.
    const interruption = isRouter(app) ? RuntimeFlags.disable : RuntimeFlags.enable
    const fork = forkWith(runtime, interruption(runtime.runtimeFlags, RuntimeFlags.Interruption))
    let isLogged = false
    return {
      direct: direct(app),
      pipeline: pipeline(app, middleware, spansInvisible),
      services: runtime.context.unsafeMap,
      logsFailures: middleware === undefined,
      spansInvisible,
      tracerDisabledWhen: FiberRefs.getOrDefault(refs, HttpMiddleware.currentTracerDisabledWhen),
      fork,
      interruptOnDisconnect: options.interruptOnDisconnect ?? true,
      maxBufferedBody: options.maxBufferedBody,
      forms: FormLimits.make(options.forms),
      warnOfIgnoredFields: () => {
        if (!isLogged) fork(ignoredFields, new Map())
        isLogged = true
      },
      upgrade,
      stopping,
      calls: new RunningCalls()
    }
  })

const ignoredFields = Effect.logWarning(
  "HttpMiddleware.xForwardedHeaders has no effect: any client can send X-Forwarded-For and X-Forwarded-Host. Behind a proxy, " +
    "name it in the option trustedProxies and its fields in the option forwarded, and leave the middleware out"
)

const isRouter = (app: HttpApp.Default<unknown>): boolean =>
  Predicate.hasProperty(app, HttpRouter.TypeId) && Predicate.hasProperty(app, "mounts") &&
  Chunk.isChunk(app.mounts) && Chunk.isEmpty(app.mounts)

// The app that answers through its call, made once for all calls.
const direct = (app: HttpApp.Default<unknown>): ServedApp["direct"] =>
  // The call is read before the app runs, because an app that joins another request's fiber has that one's services afterwards.
  Effect.withFiberRuntime((fiber) => {
    const call = Context.unsafeGet(fiber.currentContext, CurrentCall)
    return Effect.matchCauseEffect(app, {
      onFailure: (cause) => call.recover(cause),
      onSuccess: (response) => call.answer(response, fiber)
    })
  })

// The app as the platform runs it, made once for all calls. Middleware is applied once, because it may have state.
const pipeline = (
  app: HttpApp.Default<unknown>,
  middleware: HttpMiddleware.HttpMiddleware | undefined,
  spansInvisible: boolean
): ServedApp["pipeline"] => {
  if (middleware === undefined && spansInvisible) return undefined
  const inScope = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(CurrentCall, ({ scope }) => Effect.provideService(effect, Scope.Scope, scope))
  const interruptible = (isRouter(app) ? app : Effect.interruptible(app)).pipe(
    Effect.flatMap((response) =>
      isServerResponse(response) ? Effect.succeed(response) : Effect.die(otherThanResponse(response))
    ),
    Effect.tapErrorCause((cause) => Effect.map(CurrentCall, (call) => call.failed(cause)))
  )
  const noted = Effect.onExit((exit: Exit.Exit<HttpServerResponse, unknown>) =>
    Effect.map(CurrentCall, (call) => call.middlewareEnded(exit))
  )
  const handled = HttpApp.toHandled(
    inScope(interruptible),
    (_, response) => Effect.flatMap(CurrentCall, (call) => call.send(response)),
    middleware === undefined
      ? undefined
      : (inner) => inScope(spansInvisible ? noted(middleware(inner)) : middleware(inner))
  )
  return spansInvisible ? untraced(handled) : handled
}
