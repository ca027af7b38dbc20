/**
 * A runner of Effect Cluster that serves with tsgi, as that of `NodeClusterHttp.layer` serves with `NodeHttpServer`.
 *
 * @module
 * @since 0.2.0
 */
import * as HttpRunner from "@effect/cluster/HttpRunner"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import * as RunnerStorage from "@effect/cluster/RunnerStorage"
import type { Sharding } from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import { layerK8sHttpClient } from "@effect/platform-node/NodeClusterSocket"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { layerWebSocketConstructor } from "@effect/platform-node/NodeSocket"
import type { ServeError } from "@effect/platform/HttpServerError"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import type { SqlClient } from "@effect/sql/SqlClient"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TsgiHttpServer from "./TsgiHttpServer.js"

/**
 * How a runner is reached, and where it keeps what it needs.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options<E, R> {
  /** How runners call each other: with a request for each call, or on one WebSocket for all calls of a peer. */
  readonly transport: "http" | "websocket"
  /** Where messages, runners and the locks of their shards are kept: `sql`, `local`, or your own layers. */
  readonly storage: Layer.Layer<MessageStorage.MessageStorage | RunnerStorage.RunnerStorage, E, R>
  /** Default: `msgpack`. */
  readonly serialization?: "msgpack" | "ndjson" | undefined
  /** The most bytes of one message that is not yet complete. Default: that of `RpcSerialization`. */
  readonly serializationMaxBufferSize?: number | "unbounded" | undefined
  /** What tells whether a runner is gone: a call to it (`"ping"`), or Kubernetes. Default `"ping"`. */
  readonly runnerHealth?: "ping" | "k8s" | undefined
  readonly runnerHealthK8s?: {
    readonly namespace?: string | undefined
    readonly labelSelector?: string | undefined
  } | undefined
  /** Settings that override those of the environment, such as `HOST` and `PORT`. */
  readonly shardingConfig?: Partial<ShardingConfig.ShardingConfig["Type"]> | undefined
  /** Options of the server that other runners call. By default it listens at the address of the `ShardingConfig`. */
  readonly server?: TsgiHttpServer.Options | undefined
}

/**
 * A runner that serves the calls of other runners at `runnerListenAddress` or `runnerAddress`, and calls them. Fails with a
 * `ServeError` if it cannot listen, and with a `ConfigError` if the environment has an invalid address.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = <E, R>(options: Options<E, R>): Layer.Layer<
  Sharding | Runners.Runners | MessageStorage.MessageStorage | RunnerStorage.RunnerStorage,
  ServeError | ConfigError | E,
  Exclude<R, ShardingConfig.ShardingConfig | RpcSerialization.RpcSerialization>
> => {
  const { runner, protocol } = transports[options.transport]
  const health = options.runnerHealth === "k8s"
    ? Layer.provide(RunnerHealth.layerK8s(options.runnerHealthK8s), layerK8sHttpClient)
    : RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc), Layer.provide(protocol))
  const serialization = { maxBufferSize: options.serializationMaxBufferSize }
  return runner.pipe(
    Layer.provide([health, layerHttpServer(options.server)]),
    Layer.provideMerge(options.storage),
    Layer.provide(Layer.merge(
      ShardingConfig.layerFromEnv(options.shardingConfig),
      options.serialization === "ndjson"
        ? RpcSerialization.layerNdjsonWith(serialization)
        : RpcSerialization.layerMsgPackWith(serialization)
    ))
  )
}

/**
 * The server of a runner alone, for programs that compose the rest themselves, for instance with `HttpRunner.layerHttpOptions`
 * beside routes of their own.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerHttpServer = (options?: TsgiHttpServer.Options) =>
  Layer.unwrapEffect(Effect.gen(function*() {
    const config = yield* ShardingConfig.ShardingConfig
    const address = Option.orElse(config.runnerListenAddress, () => config.runnerAddress)
    if (Option.isNone(address)) {
      return yield* Effect.dieMessage("a runner needs an address: give ShardingConfig a runnerAddress")
    }
    const { host, port } = address.value
    return TsgiHttpServer.layer({ host, port, ...options })
  }))

/**
 * Keeps everything in a database, which outlives the runners. Creates its tables if they are missing, and dies if it has no right
 * to.
 *
 * @since 0.2.0
 * @category layers
 */
export const sql: Layer.Layer<
  MessageStorage.MessageStorage | RunnerStorage.RunnerStorage,
  never,
  SqlClient | ShardingConfig.ShardingConfig
> = Layer.orDie(Layer.merge(SqlMessageStorage.layer, SqlRunnerStorage.layer))

/**
 * Keeps everything in this process, for tests and for a single runner.
 *
 * @since 0.2.0
 * @category layers
 */
export const local: Layer.Layer<
  MessageStorage.MessageStorage | RunnerStorage.RunnerStorage,
  never,
  ShardingConfig.ShardingConfig
> = Layer.merge(MessageStorage.layerNoop, RunnerStorage.layerMemory)

const transports = {
  http: {
    runner: Layer.provide(HttpRunner.layerHttp, NodeHttpClient.layerUndici),
    protocol: Layer.provide(HttpRunner.layerClientProtocolHttpDefault, NodeHttpClient.layerUndici)
  },
  websocket: {
    runner: Layer.provide(HttpRunner.layerWebsocket, layerWebSocketConstructor),
    protocol: Layer.provide(HttpRunner.layerClientProtocolWebsocketDefault, layerWebSocketConstructor)
  }
}
