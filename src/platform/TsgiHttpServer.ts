/**
 * A drop-in `HttpServer` for @effect/platform.
 *
 * What `NodeHttpServer` is given as a node server and listen options is one record here: where to listen, TLS, limits,
 * deadlines. Apps, routers, APIs and middleware run unchanged.
 *
 * @since 0.1.0
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Etag from "@effect/platform/Etag"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpPlatform from "@effect/platform/HttpPlatform"
import * as HttpServer from "@effect/platform/HttpServer"
import { ServeError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Address } from "../exchange/Address.js"
import type { Exchange } from "../exchange/Exchange.js"
import type { TlsInfo } from "../http1/Transport.js"
import { make as makeListener, TlsSettings } from "../node/NodeListener.js"
import type { Fields } from "../protocol/fields.js"
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import type { Timeouts } from "../server/Config.js"
import { Listener } from "../server/Listener.js"
import * as Server from "../server/Server.js"
import * as ServerConfig from "../server/ServerConfig.js"
import * as ServerMetrics from "../server/ServerMetrics.js"
import { Dispatcher } from "./Dispatcher.js"
import * as FilePlatform from "./FilePlatform.js"
import { HandlerCall } from "./HandlerCall.js"
import { check, defaults, type DoorOptions, type Options, split } from "./Options.js"
import type { RunningCalls } from "./RunningCalls.js"
import * as ServedApp from "./ServedApp.js"
import { ServerRequest } from "./ServerRequest.js"
import * as Upgrade from "./Upgrade.js"

export {
  /**
   * @since 0.1.0
   * @category constants
   */
  defaults,
  /**
   * @since 0.1.0
   * @category models
   */
  type DoorOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  type Options
} from "./Options.js"

type Services = Listener | Server.Services

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
      const dispatcher = new Dispatcher()
      return Server.serve((exchange) => dispatcher.take(exchange), { address }).pipe(
        Effect.provide(engine),
        Scope.extend(serverScope),
        Effect.mapBoth({
          onFailure: (cause) => new NotServed({ cause }),
          onSuccess: (server) => ({ dispatcher, server })
        })
      )
    }
    let running = yield* start()
    // of those that have stopped before it
    let past = ServerMetrics.zero
    const upgrade = Upgrade.make(options.websocket)

    const httpServer = HttpServer.make({
      address: platformAddress(running.server.address),
      serve: (app, middleware) =>
        Effect.gen(function*() {
          // There is no channel for an error here, so that of an address which was taken meanwhile is a defect.
          if (running.dispatcher.stopped) {
            past = ServerMetrics.sum([past, yield* running.server.metrics])
            running = yield* Effect.orDie(start(running.server.address))
          }
          const { dispatcher, server } = running
          const ending = yield* Deferred.make<void>()
          yield* Effect.forkDaemon(Effect.interruptible(Deferred.complete(ending, server.draining)))
          const served = yield* ServedApp.make(app, middleware, options, upgrade, Deferred.await(ending))
          const handler = (exchange: Exchange): void => new HandlerCall(exchange, served).run()
          dispatcher.serve(handler)
          // What the app was built from is released after this, so no handler runs past it.
          yield* Effect.addFinalizer(() =>
            dispatcher.leave(handler)
              ? Effect.zipRight(Deferred.succeed(ending, undefined), endCalls(served.calls, timeouts))
              : server.stop()
          )
        })
    })
    counted.set(
      httpServer,
      Effect.suspend(() => Effect.map(running.server.metrics, (now) => ServerMetrics.sum([past, now])))
    )
    return httpServer
  })

const counted = new WeakMap<HttpServer.HttpServer, Effect.Effect<ServerMetrics.ServerMetrics>>()

/**
 * What the server has counted until now, as plain data; zeros on another HttpServer.
 *
 * @since 0.2.0
 * @category accessors
 */
export const metrics: Effect.Effect<ServerMetrics.ServerMetrics, never, HttpServer.HttpServer> = Effect.flatMap(
  HttpServer.HttpServer,
  (server) => counted.get(server) ?? Effect.succeed(ServerMetrics.zero)
)

// An app ends while another is served: its calls are given the server's time to end, then they are interrupted; what is left
// of them then, hooks and finalizers, has the time of these and is left behind.
const endCalls = (calls: RunningCalls, { grace, hooks, interrupt }: Timeouts): Effect.Effect<void> =>
  Effect.gen(function*() {
    const late = yield* Effect.sync(() => calls.interrupt()).pipe(
      Effect.delay(grace),
      Effect.zipRight(Effect.sleep(interrupt + hooks)),
      Effect.zipRight(leaveBehind(calls)),
      Effect.interruptible,
      Effect.forkDaemon
    )
    yield* Effect.async<void>((resume) => calls.end(() => resume(Effect.void)))
    yield* Fiber.interrupt(late)
  })

/** Milliseconds between looks at handlers that could not be interrupted: when one has ended, its hooks are left. */
const lookAgain = 250

const leaveBehind = (calls: RunningCalls): Effect.Effect<never> =>
  Effect.suspend(() => {
    const left = calls.leaveBehind()
    return left === 0
      ? Effect.void
      : Effect.logError(`an app has ended, and ${left} of its requests had post hooks or finalizers that did not`)
  }).pipe(Effect.zipRight(Effect.sleep(lookAgain)), Effect.forever)

/**
 * An HttpServer that listens as the options say.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<HttpServer.HttpServer, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const { config, door, listening, tls } = yield* Effect.try({
      try: () => split(options),
      catch: (cause) => new NotServed({ cause })
    })
    const listener = makeListener(
      listening,
      tls === undefined || tls instanceof TlsSettings ? tls : new TlsSettings(tls)
    )
    const services = Server.services(config).pipe(
      Context.add(ServerConfig.ServerConfig, config),
      Context.add(Listener, listener)
    )
    return yield* Effect.provide(makeWith(door), services)
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
 * What file responses and entity tags need. Ranges of files are right here, which they are not with the platform's own
 * `HttpPlatform`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerContext: Layer.Layer<HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext> = Layer
  .mergeAll(FilePlatform.layer, Etag.layerWeak, NodeContext.layer)

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
  Layer.provide(Layer.unwrapEffect(Effect.map(
    // for tests only: a server needs no client, and undici's CommonJS does not run in a bundle of ES modules
    Effect.promise(() => import("@effect/platform-node/NodeHttpClient")),
    (NodeHttpClient) =>
      Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer({ keepAlive: false }))
  ))),
  Layer.provideMerge(layer({ port: 0, timeouts: { grace: 0 } }))
)

export {
  /**
   * What `NodeHttpServerRequest.toServerResponse` throws for a request of this server, and what `toIncomingMessage` gives
   * when it is used as the IncomingMessage that its type says.
   *
   * @since 0.1.0
   * @category errors
   */
  NotNode
} from "./NotNode.js"

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
  (request) => Option.fromNullable(request instanceof ServerRequest ? request.source.peer.tls : undefined)
)

export {
  /**
   * The scope of the connection that the request came on: see `SocketScope`.
   *
   * @since 0.2.0
   * @category accessors
   */
  get as socketScope
} from "./SocketScope.js"

/**
 * The PROXY header that the connection began with: source and destination, and what version 2 adds; none where the option
 * `proxy` is absent, and on another HttpServer.
 *
 * @since 0.2.0
 * @category accessors
 */
export const proxy: Effect.Effect<Option.Option<ProxyHeader>, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => Option.fromNullable(request instanceof ServerRequest ? request.source.peer.proxy : undefined)
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

const inPairs = (fields: Fields): ReadonlyArray<readonly [name: string, value: string]> =>
  Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]] as const)

const platformAddress = (address: Address): HttpServer.Address =>
  address._tag === "Unix"
    ? { _tag: "UnixAddress", path: address.path }
    : { _tag: "TcpAddress", hostname: address.host === "::" ? "0.0.0.0" : address.host, port: address.port }
