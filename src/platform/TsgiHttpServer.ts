/**
 * A drop-in `HttpServer` for @effect/platform.
 *
 * `NodeHttpServer` takes a node server and listen options; this server takes one record of options: where to listen, TLS, limits,
 * deadlines. Apps, routers, APIs and middleware run unchanged.
 *
 * @module
 * @since 0.1.0
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Etag from "@effect/platform/Etag"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpPlatform from "@effect/platform/HttpPlatform"
import * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { make as makeListener, TlsSettings } from "../node/NodeListener.js"
import { Listener } from "../server/Listener.js"
import * as Server from "../server/Server.js"
import * as ServerConfig from "../server/ServerConfig.js"
import * as FilePlatform from "./FilePlatform.js"
import * as NodeHttpClient from "./nodeHttpClient.js"
import { checkArguments, checkConfigs, type DoorOptions, type Options, split } from "./Options.js"
import { makeWith, NotServed, type Services } from "./serving.js"

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

export {
  /**
   * Bounds on one form.
   *
   * @since 0.2.0
   * @category models
   */
  type FormOptions
} from "../server/FormLimits.js"

export {
  /**
   * Bounds on WebSockets, and their pings.
   *
   * @since 0.2.0
   * @category models
   */
  type WebSocketOptions
} from "./Upgrade.js"

type More = ReadonlyArray<unknown>

const serverOf = (
  options: Options,
  more: More
): Effect.Effect<HttpServer.HttpServer, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const { config, door, listening, tls } = yield* checked(() => {
      checkArguments(options, more)
      return split(options)
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

const checked = <A>(read: () => A): Effect.Effect<A, ServeError> =>
  Effect.try({ try: read, catch: (cause) => new NotServed({ cause }) })

/**
 * Makes an HttpServer that listens at once, and stops with grace when its scope closes. Without options it takes a free port on
 * all addresses. It has no access log. Fails with a `ServeError`. Its cause is an `OptionError`, or a `BindError` if it cannot
 * listen. For an invalid option of the listener or of `tls`, it is a `BindError` whose cause is an `OptionError`.
 *
 * @function
 * @since 0.1.0
 * @category constructors
 */
export const make: (options?: Options) => Effect.Effect<HttpServer.HttpServer, ServeError, Scope.Scope> = (
  options = {},
  ...more: More
) => serverOf(options, more)

/**
 * The engine's default services, without the listener. Limits and deadlines are those of `ServerConfig`; there is no access log.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServices = Server.layerServices

/**
 * An HttpServer from the engine's services, each of which may be replaced. The options are those that only this door has; the
 * `Listener` says where to listen, and `ServerConfig` has limits and deadlines. Fails as {@link make} does.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (options?: DoorOptions): Layer.Layer<HttpServer.HttpServer, ServeError, Services> =>
  Layer.scoped(HttpServer.HttpServer, makeWith(options))

/**
 * An HttpServer alone: {@link layer} without the services for files, paths and entity tags. Fails as that does.
 *
 * @function
 * @since 0.1.0
 * @category layers
 */
export const layerServer: (options?: Options) => Layer.Layer<HttpServer.HttpServer, ServeError> = (
  options = {},
  ...more: More
) => Layer.scoped(HttpServer.HttpServer, serverOf(options, more))

/**
 * The services for file responses and entity tags. Unlike the platform's own `HttpPlatform`, they send the correct bytes of a
 * range.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerContext: Layer.Layer<HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext> = Layer
  .mergeAll(FilePlatform.layer, Etag.layerWeak, NodeContext.layer)

/**
 * An HttpServer with the services that apps on Node use: files, paths, entity tags. It listens when the layer is built, by
 * default on a free port on all addresses, and stops with grace when its scope closes. It has no access log. Fails as
 * {@link make} does.
 *
 * @example
 * ```ts
 * import { HttpServer, HttpServerResponse } from "@effect/platform"
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import { TsgiHttpServer } from "tsgi/effect"
 *
 * const server = HttpServer.serve(HttpServerResponse.text("Hello, World!\n")).pipe(
 *   Layer.provide(TsgiHttpServer.layer({ port: 8090, host: "127.0.0.1" }))
 * )
 *
 * NodeRuntime.runMain(Layer.launch(server))
 * ```
 *
 * @function
 * @since 0.1.0
 * @category layers
 */
export const layer: (
  options?: Options
) => Layer.Layer<
  HttpServer.HttpServer | HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext,
  ServeError
> = (options = {}, ...more: More) =>
  Layer.mergeAll(Layer.scoped(HttpServer.HttpServer, serverOf(options, more)), layerContext)

/**
 * {@link layer} with options from `Config`; `Config.succeed` gives fixed ones. Fails as that does, and with a `ConfigError` if
 * the configuration is missing or invalid.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { TsgiHttpServer } from "tsgi/effect"
 *
 * const server = TsgiHttpServer.layerConfig({
 *   port: Config.integer("PORT").pipe(Config.withDefault(8090)),
 *   host: Config.succeed("127.0.0.1")
 * })
 * ```
 *
 * @function
 * @since 0.1.0
 * @category layers
 */
export const layerConfig: (
  options: Config.Config.Wrap<Options>
) => Layer.Layer<
  HttpServer.HttpServer | HttpPlatform.HttpPlatform | Etag.Generator | NodeContext.NodeContext,
  ConfigError.ConfigError | ServeError
> = (options, ...more: More) => {
  const read = checked(() => {
    checkArguments(options, more)
    checkConfigs(options)
    return Config.unwrap(options)
  })
  return Layer.mergeAll(
    Layer.scoped(HttpServer.HttpServer, read.pipe(Effect.flatten, Effect.flatMap((options) => serverOf(options, [])))),
    layerContext
  )
}

/**
 * A server on a free port, and an HttpClient whose requests go to it. It stops without grace, which would never end under
 * `TestClock`. Fails with a `ServeError` if it cannot listen.
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
    Effect.promise(NodeHttpClient.load),
    ({ layerWithoutAgent, makeAgentLayer }) => Layer.provide(layerWithoutAgent, makeAgentLayer({ keepAlive: false }))
  ))),
  Layer.provideMerge(layer({ port: 0, timeouts: { grace: 0 } }))
)

export {
  /**
   * Thrown by `NodeHttpServerRequest.toServerResponse` for a request of this server, and by the properties that
   * `toIncomingMessage` seems to have by its type.
   *
   * @since 0.1.0
   * @category errors
   */
  NotNode
} from "./NotNode.js"

export {
  /**
   * The scope of the connection on which the request has arrived: see `SocketScope`.
   *
   * @since 0.2.0
   * @category accessors
   */
  get as socketScope
} from "./SocketScope.js"

export {
  /**
   * @since 0.1.0
   * @category combinators
   */
  keepRunning,
  /**
   * @since 0.2.0
   * @category accessors
   */
  proxy,
  /**
   * @since 0.1.0
   * @category accessors
   */
  rawHeaders,
  /**
   * @since 0.1.0
   * @category accessors
   */
  stopping,
  /**
   * @since 0.1.0
   * @category accessors
   */
  tls,
  /**
   * @since 0.1.0
   * @category accessors
   */
  trailers
} from "./requestFacts.js"

export {
  /**
   * @since 0.1.0
   * @category constructors
   */
  makeWith,
  /**
   * @since 0.2.0
   * @category accessors
   */
  metrics
} from "./serving.js"
