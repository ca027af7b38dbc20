/**
 * A drop-in `HttpServer` for @effect/platform.
 *
 * What `NodeHttpServer` is given as a node server and listen options is one record here: where to listen, TLS, limits,
 * deadlines. Apps, routers, APIs and middleware run unchanged.
 *
 * @since 0.1.0
 */
import type * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as Etag from "@effect/platform/Etag"
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import type * as HttpPlatform from "@effect/platform/HttpPlatform"
import * as HttpServer from "@effect/platform/HttpServer"
import { ServeError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type * as Types from "effect/Types"
import { type ListenOptions, make as makeListener, type TlsOptions, TlsSettings } from "../node/NodeListener.js"
import type { Fields } from "../protocol/fields.js"
import type * as AccessLog from "../server/AccessLog.js"
import type { Address } from "../server/Address.js"
import type { Exchange } from "../server/Exchange.js"
import type { InterimResponses } from "../server/InterimResponses.js"
import { Listener } from "../server/Listener.js"
import type { Posthooks } from "../server/Posthooks.js"
import type { RequestParser } from "../server/RequestParser.js"
import * as Server from "../server/Server.js"
import * as ServerConfig from "../server/ServerConfig.js"
import { OptionError } from "../server/ServerError.js"
import type { TlsInfo } from "../server/Transport.js"
import { Calls, HandlerCall, pipeline, short, type Site } from "./HandlerCall.js"
import { ServerRequest } from "./ServerRequest.js"
import * as Upgrade from "./Upgrade.js"

/**
 * Where and how to serve. Everything but the listening address has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ListenOptions, ServerConfig.Partial, DoorOptions {
  /** `node:tls` server options; with them the server speaks HTTPS. */
  readonly tls?: TlsOptions | TlsSettings | undefined
}

/**
 * What is this door's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoorOptions {
  /** Interrupt a handler when its client leaves? Default `true`; {@link keepRunning} is the switch for a route. */
  readonly interruptOnDisconnect?: boolean | undefined
  /** Bytes that `text`, `json`, `urlParamsBody` and `arrayBuffer` may read; `MaxBodySize` overrides it. Default 10 MiB. */
  readonly maxBufferedBody?: number | undefined
  readonly websocket?: Upgrade.WebSocketOptions | undefined
}

/**
 * Where this door's settings differ from the engine's, to be as `NodeHttpServer` is. A client that has closed its sending
 * half is gone. Names of response fields are sent as they are given. A URL, or a field such as Cookie, may have the 16 KiB
 * that node:http gives a whole head. And 65536 connections are served at a time: WebSockets and event streams hold theirs
 * for hours, and node:http has no bound but the process's descriptors.
 *
 * They hold where no `ServerConfig` is provided; spread them, and their `limits`, into one that is.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults = {
  halfClose: "abort",
  fieldCase: "preserve",
  limits: { requestLine: 16_384, fieldLine: 16_384, connections: 65_536 }
} as const satisfies ServerConfig.Partial

type Services = Listener | RequestParser | InterimResponses | Posthooks | AccessLog.AccessLog

/**
 * An HttpServer from the engine's services, each of which can be another. See {@link layerServices} for the usual ones.
 *
 * Of several apps that are served, the latest that still is has the requests. When the last one ends, the server stops; an
 * app that is served after that has it listen again, and dies with the `ServeError` where its address was taken meanwhile.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWith = (
  options: DoorOptions = {}
): Effect.Effect<HttpServer.HttpServer, ServeError, Scope.Scope | Services> =>
  Effect.gen(function*() {
    yield* Effect.try({ try: () => check(options), catch: (cause) => new NotServed({ cause }) })
    const serverScope = yield* Effect.scope
    const given = yield* Effect.context<Services>()
    const engine = given.unsafeMap.has(ServerConfig.ServerConfig.key)
      ? given
      : Context.add(given, ServerConfig.ServerConfig, ServerConfig.make(defaults))
    const { timeouts } = Context.get(engine, ServerConfig.ServerConfig)
    const start = (address?: Address) => {
      const arrivals = new Arrivals()
      return Server.serve((exchange) => arrivals.take(exchange), { address }).pipe(
        Effect.provide(engine),
        Scope.extend(serverScope),
        Effect.mapBoth({
          onFailure: (cause) => new NotServed({ cause }),
          onSuccess: (server) => ({ arrivals, server })
        })
      )
    }
    let running = yield* start()
    const upgrade = Upgrade.make(options.websocket)

    return HttpServer.make({
      address: platformAddress(running.server.address),
      serve: (app, middleware) =>
        Effect.gen(function*() {
          // There is no channel for an error here, so that of an address which was taken meanwhile is a defect.
          if (running.arrivals.stopped) running = yield* Effect.orDie(start(running.server.address))
          const { arrivals, server } = running
          const ending = yield* Deferred.make<void>()
          yield* Effect.forkDaemon(Effect.interruptible(Deferred.complete(ending, server.draining)))
          const site = yield* makeSite(app, middleware, options, upgrade, Deferred.await(ending))
          const handler = (exchange: Exchange): void => new HandlerCall(exchange, site).run()
          arrivals.serve(handler)
          // What the app was built from is released after this, so no handler runs past it.
          yield* Effect.addFinalizer(() =>
            arrivals.leave(handler)
              ? Effect.zipRight(Deferred.succeed(ending, undefined), endCalls(site.calls, timeouts.grace))
              : server.stop()
          )
        })
    })
  })

// An app ends while another is served: its calls are given the server's time to end, then they are interrupted.
const endCalls = (calls: Calls, grace: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const late = yield* Effect.sync(() => calls.interrupt()).pipe(
      Effect.delay(grace),
      Effect.interruptible,
      Effect.forkDaemon
    )
    yield* Effect.async<void>((resume) => calls.end(() => resume(Effect.void)))
    yield* Fiber.interrupt(late)
  })

// The requests of one listening server: those that come before an app is served wait for it, unless they end before.
// Where several apps are served, the latest that still is has them.
class Arrivals {
  /** Has the last app ended, and the server with it? */
  stopped = false
  private readonly early = new Set<Exchange>()
  private handlers: ReadonlyArray<(exchange: Exchange) => void> = []
  private handler: ((exchange: Exchange) => void) | undefined = undefined

  take(exchange: Exchange): void {
    if (this.handler !== undefined) return this.handler(exchange)
    this.early.add(exchange)
    // the one place for a callback is the handler's as soon as there is one
    exchange.whenSettled(() => this.early.delete(exchange))
  }

  serve(handler: (exchange: Exchange) => void): void {
    this.handlers = [...this.handlers, handler]
    this.handler = handler
    for (const exchange of this.early) if (!exchange.over) handler(exchange)
    this.early.clear()
  }

  /** An app is served no longer. Is another? */
  leave(handler: (exchange: Exchange) => void): boolean {
    this.handlers = this.handlers.filter((other) => other !== handler)
    this.stopped = this.handlers.length === 0
    // who comes while the server stops is still answered
    if (!this.stopped) this.handler = this.handlers.at(-1)
    return !this.stopped
  }
}

const makeSite = (
  app: HttpApp.Default<unknown>,
  middleware: HttpMiddleware.HttpMiddleware | undefined,
  options: DoorOptions,
  upgrade: Site["upgrade"],
  stopping: Site["stopping"]
): Effect.Effect<Site> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const own: Types.Mutable<Runtime.Runtime<unknown>> = Runtime.make({
      ...runtime,
      // A fiber has its flags and its context from elsewhere, and each setting that it inherits is one to fork, which copies
      // all services: to leave these two behind is a third of what its start costs.
      fiberRefs: runtime.fiberRefs.pipe(
        FiberRefs.delete(FiberRef.currentContext),
        FiberRefs.delete(FiberRef.currentRuntimeFlags)
      ),
      context: Context.unsafeMake<unknown>(runtime.context.unsafeMap),
      // handlers can be interrupted, also where who serves them must not be
      runtimeFlags: RuntimeFlags.enable(runtime.runtimeFlags, RuntimeFlags.Interruption)
    })
    const runFork = Runtime.runFork(own)
    // who joins a fiber gets what differs from the context that both come from
    const origin = runtime.fiberRefs.locals.get(FiberRef.currentContext) ?? []
    const forkOptions: Runtime.RunForkOptions = {
      immediate: true,
      updateRefs: (refs, fiberId) => {
        refs.locals.set(FiberRef.currentContext, [[fiberId, own.context], ...origin])
        return refs
      }
    }
    const refs = runtime.fiberRefs
    const tracer = Context.get(FiberRefs.getOrDefault(refs, DefaultServices.currentServices), Tracer.Tracer)
    const spansUnseen = tracer === Context.get(DefaultServices.liveServices, Tracer.Tracer) &&
      FiberRefs.getOrDefault(refs, FiberRef.currentTracerEnabled)
    return {
      short: short(app),
      pipeline: pipeline(app, middleware, spansUnseen),
      services: runtime.context.unsafeMap,
      spansUnseen,
      tracerDisabledWhen: FiberRefs.getOrDefault(refs, HttpMiddleware.currentTracerDisabledWhen),
      fork: (effect, given) => {
        // The context is swapped, not provided: that would be a fiber ref to set and to restore for every request.
        own.context = Context.unsafeMake(given)
        return runFork(effect, forkOptions)
      },
      interruptOnDisconnect: options.interruptOnDisconnect ?? true,
      maxBufferedBody: options.maxBufferedBody ?? 10_485_760,
      upgrade,
      stopping,
      calls: new Calls()
    }
  })

/**
 * An HttpServer that listens as the options say.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<HttpServer.HttpServer, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const { door, engine } = yield* Effect.try({
      try: () => split(options),
      catch: (cause) => new NotServed({ cause })
    })
    return yield* Effect.provide(makeWith(door), yield* Layer.build(engine))
  })

/**
 * The engine's services as they are without further ado, but for the listener: limits and deadlines are those of
 * `ServerConfig`, there is no access log.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServices = Server.layerServices

/**
 * An HttpServer from the engine's services.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (options?: DoorOptions): Layer.Layer<HttpServer.HttpServer, ServeError, Services> =>
  Layer.scoped(HttpServer.HttpServer, makeWith(options))

/**
 * An HttpServer alone.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServer = (options: Options = {}): Layer.Layer<HttpServer.HttpServer, ServeError> =>
  Layer.scoped(HttpServer.HttpServer, make(options))

/**
 * What file responses and entity tags need.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerContext: Layer.Layer<HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext> =
  NodeHttpServer.layerContext

/**
 * An HttpServer with the services that apps on Node use.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  HttpServer.HttpServer | HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext,
  ServeError
> => Layer.mergeAll(layerServer(options), layerContext)

/**
 * The same, with options from `Config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<
  HttpServer.HttpServer | HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext,
  ConfigError.ConfigError | ServeError
> =>
  Layer.mergeAll(
    Layer.scoped(HttpServer.HttpServer, Effect.flatMap(Config.unwrap(options), make)),
    layerContext
  )

/**
 * A server on a free port, and an HttpClient whose requests go there. It stops without grace: under TestClock nobody would
 * move the time that a running handler is given.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTest: Layer.Layer<
  | HttpClient.HttpClient
  | HttpServer.HttpServer
  | HttpPlatform.HttpPlatform
  | Etag.Generator
  | NodeContext.NodeContext,
  ServeError
> = HttpServer.layerTestClient.pipe(
  Layer.provide(NodeHttpClient.layerWithoutAgent),
  Layer.provide(NodeHttpClient.makeAgentLayer({ keepAlive: false })),
  Layer.provideMerge(layer({ port: 0, timeouts: { grace: 0 } }))
)

export {
  /**
   * What `NodeHttpServerRequest.toServerResponse` throws for a request of this server.
   *
   * @since 0.1.0
   * @category errors
   */
  NotNode
} from "./ServerRequest.js"

/**
 * The request's fields in the order, case and number they came; empty on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const rawHeaders: Effect.Effect<
  ReadonlyArray<readonly [name: string, value: string]>,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
  if (!(request instanceof ServerRequest)) return []
  return inPairs(request.source.request.fields)
})

/**
 * The fields that came behind a chunked body (RFC 9110, 6.5), in the order, case and number they came. Empty until the body
 * was read to its end, for a request that has none, and on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const trailers: Effect.Effect<
  ReadonlyArray<readonly [name: string, value: string]>,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => request instanceof ServerRequest ? inPairs(request.source.body.trailers) : []
)

/**
 * What the connection's TLS session agreed on, the client's certificate included; none without TLS, and on another
 * HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const tls: Effect.Effect<Option.Option<TlsInfo>, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => Option.fromNullable(request instanceof ServerRequest ? request.source.transport.tls : undefined)
)

/**
 * Waits until the server begins to stop: for event streams and WebSockets, to say goodbye. Never on another HttpServer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const stopping: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  (request) => request instanceof ServerRequest ? request.call.stopping : Effect.never
)

/**
 * Lets a handler run to its end although its client has left. It is still interrupted when the server's grace time is
 * over.
 *
 * @since 0.1.0
 * @category combinators
 */
export const keepRunning = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    if (!(request instanceof ServerRequest)) return self
    const { call } = request
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        call.keepRunning++
      }),
      () => self,
      () =>
        Effect.sync(() => {
          call.mayEnd()
        })
    )
  })

/** The platform's error, which says what is wrong. Where in the sources it was made is of no interest to an operator. */
class NotServed extends ServeError {
  constructor(options: { readonly cause: unknown }) {
    super(options)
    this.stack = `${this.name}: ${this.message}`
  }

  override get message(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

const split = (options: Options) => {
  const { backlog, fd, host, ipv6Only, mode, path, port, reusePort, tls, ...withoutListening } = options
  const { interruptOnDisconnect, maxBufferedBody, websocket, ...config } = withoutListening
  // without a host: where NodeHttpServer listens, so that a swap takes nobody's connections away
  const everywhere = path === undefined && fd === undefined ? "*" : undefined
  const listening = { backlog, fd, host: host ?? everywhere, ipv6Only, mode, path, port, reusePort }
  const door = { interruptOnDisconnect, maxBufferedBody, websocket }
  const { limits } = config
  const whole = ServerConfig.make({
    ...config,
    halfClose: config.halfClose ?? defaults.halfClose,
    fieldCase: config.fieldCase ?? defaults.fieldCase,
    limits: {
      ...limits,
      requestLine: limits?.requestLine ?? defaults.limits.requestLine,
      fieldLine: limits?.fieldLine ?? defaults.limits.fieldLine,
      connections: limits?.connections ?? defaults.limits.connections
    }
  })
  const engine = Layer.mergeAll(
    Server.layerServices,
    Layer.sync(
      Listener,
      () => makeListener(listening, tls === undefined || tls instanceof TlsSettings ? tls : new TlsSettings(tls))
    )
  ).pipe(Layer.provideMerge(Layer.succeed(ServerConfig.ServerConfig, whole)))
  return { door, engine }
}

// What callers that are not held to the types may say. `ws` takes 0, and what is no 32-bit number, for no bound at all.
const check = ({ interruptOnDisconnect, maxBufferedBody, websocket, ...rest }: DoorOptions): void => {
  const { maxPayload, perMessageDeflate, ...others } = websocket ?? {}
  for (const option of [...Object.keys(rest), ...Object.keys(others).map((name) => `websocket.${name}`)]) {
    throw new OptionError({ option, description: "there is no such option" })
  }
  const must = (option: string, holds: boolean, what: string, value: boolean | number | undefined) => {
    if (value === undefined || holds) return
    throw new OptionError({ option, description: `must be ${what}; it is ${String(value)}` })
  }
  const within = (value: number | undefined, least: number, most: number): boolean =>
    value === Infinity || (value !== undefined && Number.isInteger(value) && value >= least && value <= most)
  must("interruptOnDisconnect", typeof interruptOnDisconnect === "boolean", "a boolean", interruptOnDisconnect)
  must(
    "maxBufferedBody",
    within(maxBufferedBody, 0, Infinity),
    "a whole number of bytes, 0 or more, or Infinity",
    maxBufferedBody
  )
  must(
    "websocket.maxPayload",
    within(maxPayload, 1, 2 ** 31 - 1),
    "a whole number of bytes, from 1 to 2147483647, or Infinity",
    maxPayload
  )
  must("websocket.perMessageDeflate", typeof perMessageDeflate === "boolean", "a boolean", perMessageDeflate)
}

const inPairs = (fields: Fields): ReadonlyArray<readonly [name: string, value: string]> =>
  Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]] as const)

const platformAddress = (address: Address): HttpServer.Address =>
  address._tag === "Unix"
    ? { _tag: "UnixAddress", path: address.path }
    : { _tag: "TcpAddress", hostname: address.host === "::" ? "0.0.0.0" : address.host, port: address.port }
