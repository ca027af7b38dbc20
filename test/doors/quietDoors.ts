/** Servers at both doors for many clients and for measurements: they log nothing, and keep nothing of what happens. */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import { type Address, type App, listen, server, type ServerOptions, type StopReport, wrapTls } from "tsgi"
import { type AccessLog, NodeListener, ServerConfig, TsgiHttpServer } from "tsgi/effect"
import { stop as stopServer } from "../../src/platform/serving.js"
import { makeCertificate } from "../utils/certificate.js"

export interface Quiet {
  readonly address: Address
  readonly port: number
  /** Stops with this grace in milliseconds. */
  readonly stop: (grace: number) => Promise<StopReport>
}

const portOf = (address: Address): number => address._tag === "Tcp" ? address.port : 0

export const servePlain = async (app: App, tls: boolean, options: ServerOptions = {}): Promise<Quiet> => {
  const listener = tls ? wrapTls(listen(), await makeCertificate("localhost")) : listen()
  const running = server(listener, app, { log: () => undefined, ...options })
  const address = await running.ready
  return { address, port: portOf(address), stop: (grace) => running.stop({ grace }) }
}

export const serveEffect = async <E>(
  app: HttpApp.Default<E, HttpServerRequest.HttpServerRequest | Scope.Scope>,
  tls: boolean,
  config: ServerConfig.PartialConfig = {},
  log: Layer.Layer<AccessLog.AccessLog> | Layer.Layer<never> = Layer.empty
): Promise<Quiet> => {
  const scope = Effect.runSync(Scope.make())
  const listener = NodeListener.layer({}, tls ? await makeCertificate("localhost") : undefined)
  const context = await HttpServer.serve(app).pipe(
    Layer.provideMerge(TsgiHttpServer.layerWith()),
    Layer.provide(Layer.mergeAll(TsgiHttpServer.layerServices, listener, log)),
    Layer.provide(ServerConfig.layer({ ...TsgiHttpServer.defaults, ...config })),
    Layer.provide(Logger.minimumLogLevel(LogLevel.None)),
    Layer.buildWithScope(scope),
    Effect.runPromise
  )
  const served = Context.get(context, HttpServer.HttpServer)
  const address: Address = served.address._tag === "TcpAddress"
    ? { _tag: "Tcp", host: served.address.hostname, port: served.address.port }
    : { _tag: "Unix", path: served.address.path }
  return {
    address,
    port: portOf(address),
    stop: async (grace) => {
      const report = await Effect.runPromise(Effect.flatMap(stopServer(served, { grace }), Effect.fromNullable))
      await Effect.runPromise(Scope.close(scope, Exit.void))
      return report
    }
  }
}
