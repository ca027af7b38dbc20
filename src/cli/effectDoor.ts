/**
 * Serves HttpApps and Layers in a worker, on the app's own Effect.
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
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { make as makeListener, TlsSettings } from "../node/NodeListener.js"
import { type Options, split } from "../platform/Options.js"
import { hasApp, stop as stopServer } from "../platform/serving.js"
import * as TsgiHttpServer from "../platform/TsgiHttpServer.js"
import * as AccessLog from "../server/AccessLog.js"
import { compile, defaultTemplate, json } from "../server/AccessLogFormat.js"
import type { AccessRecord } from "../server/AccessRecord.js"
import { Listener } from "../server/Listener.js"
import * as MetricSeries from "../server/MetricSeries.js"
import * as Server from "../server/Server.js"
import { ServerConfig } from "../server/ServerConfig.js"
import * as MemoryListener from "../testing/MemoryService.js"
import * as Log from "../wsgi/Log.js"
import { named } from "./loadApp.js"
import type { AppSource, Serve } from "./messages.js"
import { AppError, counter, type Open } from "./Serving.js"
import { tlsOptions } from "./tlsOptions.js"

/**
 * @since 0.2.0
 * @category constructors
 */
export const open: Open = async ({ value }, serve, enough, isAlone = false) => {
  const [listener, ...others] = serve.listeners
  if (others.length > 0) {
    throw new AppError("an Effect app is served on one address: give one --listen")
  }
  const { config, door, listening } = split(optionsOf(serve))
  const sink = serve.accessLog === "none" ? undefined : Log.open(serve.accessLog === "-" ? 2 : serve.accessLog, false)
  const tls = listener?.tls === undefined ? undefined : new TlsSettings(tlsOptions(listener.tls, serve.ticketKeys))
  const services = Server.services(config).pipe(
    Context.add(ServerConfig, config),
    Context.add(
      Listener,
      // without a listener, the app is only checked
      listener === undefined ? MemoryListener.make().listener : makeListener(listening, tls)
    ),
    Context.add(AccessLog.AccessLog, accessLogOf(serve, config, sink, enough))
  )
  const scope = Effect.runSync(Scope.make())
  const build = async <R, E>(layer: Layer.Layer<R, E>): Promise<Context.Context<R>> => {
    const built = await Effect.runPromiseExit(Layer.buildWithScope(layer, scope))
    if (Exit.isFailure(built)) throw Cause.squash(built.cause)
    return built.value
  }
  const httpServer = Layer.scoped(HttpServer.HttpServer, Effect.provide(TsgiHttpServer.makeWith(door), services))
  const context = await build(Layer.merge(httpServer, TsgiHttpServer.layerContext))
  const made = Context.get(context, HttpServer.HttpServer)
  await build(Layer.provide(layerOf(value), Layer.succeedContext(context)))
  const serves = Option.isSome(await Effect.runPromise(Effect.timeoutOption(hasApp(made), longestSilence)))
  if (!serves && isAlone && isIdle()) {
    Effect.runFork(Scope.close(scope, Exit.void))
    throw new AppError(servesNothing(serve.app, "here"))
  }
  return {
    warnings: serves ? [] : [servesNothing(serve.app, "yet")],
    stop: async (options) => {
      const report = await Effect.runPromise(stopServer(made, options))
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await sink?.close()
      return report
    },
    series: MetricSeries.ofApplication,
    metrics: () => Effect.runSync(Effect.provideService(TsgiHttpServer.metrics, HttpServer.HttpServer, made)),
    reopen: () => sink?.reopen(),
    setTicketKeys: (keys) => tls?.setTicketKeys(keys)
  }
}

/** Milliseconds after which a Layer that is built and does not serve is refused, or warned of. */
const longestSilence = 2000

// Whether no fiber, timer or request is left that may still make a Layer serve. Sockets that listen and those of standard input,
// output and the supervisor do not count.
const isIdle = (): boolean =>
  // the fiber that asks is one
  Effect.runSync(Metric.value(Metric.counter("effect_fiber_active"))).count <= 1 &&
  process.getActiveResourcesInfo().every((name) =>
    /^(?:TCPServerWrap|Pipe|PipeWrap|TTYWrap|MessagePort|CloseReq)$/.test(name)
  )

const servesNothing = (source: AppSource, when: "here" | "yet"): string =>
  `${named(source)} is a Layer that serves nothing ${when}: the command brings the HttpServer, so leave out ` +
  "NodeHttpServer.layer or another server, and serve with HttpServer.serve(app)"

const optionsOf = ({ grace, listeners: [listener], options, settle }: Serve): Options => {
  const given = {
    ...options,
    timeouts: { ...groupOf(options, "timeouts"), settle, grace },
    ...(listener === undefined ? {} : { ...listener, tls: undefined })
  }
  if (!isOptions(given)) throw new TypeError("no options")
  return given
}

const accessLogOf = (
  serve: Serve,
  config: Context.Tag.Service<ServerConfig>,
  sink: ReturnType<typeof Log.open> | undefined,
  enough: (requests: number) => void
): Context.Tag.Service<AccessLog.AccessLog> => {
  const format = formatOf(serve, config)
  const write = sink === undefined ? undefined : AccessLog.lines(format, (line) => sink.info(line)).write
  if (serve.tellAfter === 0) return { ...AccessLog.none, write }
  const count = counter(serve.tellAfter, enough)
  return {
    ...AccessLog.none,
    write: (record: AccessRecord) => {
      if (record.outcome !== undefined) count()
      write?.(record)
    }
  }
}

type ServerContext = Layer.Layer.Success<typeof TsgiHttpServer.layerContext> | HttpServer.HttpServer

// If the app needs a service other than the HttpServer, its build fails and names the service.
const layerOf = (value: unknown): Layer.Layer<never, unknown, ServerContext> => {
  if (isLayer(value)) return value
  if (isHttpApp(value)) return HttpServer.serve(value)
  throw new AppError("no app")
}

const isLayer = (value: unknown): value is Layer.Layer<never, unknown, ServerContext> => Layer.isLayer(value)
const isHttpApp = (value: unknown): value is HttpApp.Default => Effect.isEffect(value)
// the door itself checks each option
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
