/**
 * Serves HttpApps and Layers in a worker, with the Effect that the app has.
 *
 * @since 0.2.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { make as makeListener, TlsSettings } from "../node/NodeListener.js"
import { type Options, split } from "../platform/Options.js"
import { stop as stopServer } from "../platform/serving.js"
import * as TsgiHttpServer from "../platform/TsgiHttpServer.js"
import * as AccessLog from "../server/AccessLog.js"
import { compile, defaultTemplate, json } from "../server/AccessLogFormat.js"
import type { AccessRecord } from "../server/AccessRecord.js"
import { Listener } from "../server/Listener.js"
import * as MetricSeries from "../server/MetricSeries.js"
import * as Server from "../server/Server.js"
import { ServerConfig } from "../server/ServerConfig.js"
import { zero } from "../server/ServerMetrics.js"
import * as MemoryListener from "../testing/MemoryService.js"
import * as Log from "../wsgi/Log.js"
import type { Serve } from "./messages.js"
import { AppError, counter, type Open } from "./Serving.js"
import { tlsOptions } from "./tlsOptions.js"

/**
 * @since 0.2.0
 * @category constructors
 */
export const open: Open = async ({ value }, serve, enough) => {
  const [listener, ...others] = serve.listeners
  if (others.length > 0) {
    throw new AppError("an Effect app is served on one address: give one --listen")
  }
  const given = {
    ...serve.options,
    timeouts: { ...groupOf(serve.options, "timeouts"), settle: serve.settle, grace: serve.grace },
    ...(listener === undefined ? {} : { ...listener, tls: undefined })
  }
  if (!isOptions(given)) throw new TypeError("no options")
  const { config, door, listening: where } = split(given)
  const sink = serve.accessLog === "none" ? undefined : Log.open(serve.accessLog === "-" ? 2 : serve.accessLog, false)
  const format = formatOf(serve, config)
  const write = sink === undefined ? undefined : AccessLog.lines(format, (line) => sink.info(line)).write
  const tls = listener?.tls === undefined ? undefined : new TlsSettings(tlsOptions(listener.tls, serve.ticketKeys))
  const count = counter(serve.tellAfter, enough)
  const services = Server.services(config).pipe(
    Context.add(ServerConfig, config),
    Context.add(
      Listener,
      listener === undefined
        // checked without a socket
        ? MemoryListener.make().listener
        : makeListener(where, tls)
    ),
    Context.add(AccessLog.AccessLog, {
      ...AccessLog.none,
      write: serve.tellAfter === 0 ? write : (record: AccessRecord) => {
        if (record.outcome !== undefined) count()
        write?.(record)
      }
    })
  )
  let made: HttpServer.HttpServer | undefined
  const httpServer = Layer.scoped(
    HttpServer.HttpServer,
    Effect.tap(
      Effect.provide(TsgiHttpServer.makeWith(door), services),
      (server) => Effect.sync(() => made = server)
    )
  )
  const scope = Effect.runSync(Scope.make())
  const built = await Effect.runPromiseExit(
    Layer.buildWithScope(Layer.provide(layerOf(value), Layer.merge(httpServer, TsgiHttpServer.layerContext)), scope)
  )
  if (Exit.isFailure(built)) throw Cause.squash(built.cause)
  return {
    stop: async (options) => {
      const report = made === undefined ? undefined : await Effect.runPromise(stopServer(made, options))
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await sink?.close()
      return report
    },
    series: MetricSeries.ofApplication,
    metrics: () =>
      made === undefined
        ? zero
        : Effect.runSync(Effect.provideService(TsgiHttpServer.metrics, HttpServer.HttpServer, made)),
    reopen: () => sink?.reopen(),
    setTicketKeys: (keys) => tls?.setTicketKeys(keys)
  }
}

type ServerContext = Layer.Layer.Success<typeof TsgiHttpServer.layerContext> | HttpServer.HttpServer

// A service other than the HttpServer is missing: building the app fails and names it.
const layerOf = (value: unknown): Layer.Layer<never, unknown, ServerContext> => {
  if (isLayer(value)) return value
  if (isHttpApp(value)) return HttpServer.serve(value)
  throw new AppError("no app")
}

const isLayer = (value: unknown): value is Layer.Layer<never, unknown, ServerContext> => Layer.isLayer(value)
const isHttpApp = (value: unknown): value is HttpApp.Default => Effect.isEffect(value)
// the door checks each of them
const isOptions = (given: unknown): given is Options => typeof given === "object"

const groupOf = (options: Serve["options"], name: string): object => {
  const group = options[name]
  return typeof group === "object" && group !== null ? group : {}
}

const formatOf = (
  { logFormat = defaultTemplate }: Serve,
  { forwarded, trustedProxies }: Context.Tag.Service<ServerConfig>
): (record: AccessRecord) => string =>
  logFormat === "json" ? json : compile(logFormat, { forwardedFor: forwarded === false, trustedProxies })
