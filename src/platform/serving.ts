/**
 * Serves apps of @effect/platform on the engine. The server starts with the layer, and stops with the last app.
 *
 * @since 0.2.0
 */
import * as HttpServer from "@effect/platform/HttpServer"
import { ServeError } from "@effect/platform/HttpServerError"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Address } from "../exchange/Address.js"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import type { Timeouts } from "../server/Config.js"
import type { Listener } from "../server/Listener.js"
import * as Server from "../server/Server.js"
import * as ServerConfig from "../server/ServerConfig.js"
import * as ServerMetrics from "../server/ServerMetrics.js"
import type { StopOptions, StopReport } from "../server/StopReport.js"
import { Dispatcher } from "./Dispatcher.js"
import { HandlerCall } from "./HandlerCall.js"
import { isGiven } from "./isGiven.js"
import { check, defaults, type DoorOptions } from "./Options.js"
import type { RunningCalls } from "./RunningCalls.js"
import * as ServedApp from "./ServedApp.js"
import * as Upgrade from "./Upgrade.js"

/**
 * The engine's services, each of which can be replaced.
 *
 * @since 0.2.0
 * @category models
 */
export type Services = Listener | Server.Services

/**
 * Makes an HttpServer from the engine's services, each of which can be replaced. See {@link layerServices} for the default ones.
 *
 * If several apps are served, the latest one gets the requests. When the last one ends, the server stops. An app that is served
 * after that makes it listen again, and dies with the `ServeError` if the address is in use.
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
    const engine = isGiven(given, ServerConfig.ServerConfig)
      ? given
      : Context.add(given, ServerConfig.ServerConfig, ServerConfig.make(defaults))
    const { timeouts } = Context.get(engine, ServerConfig.ServerConfig)
    const start = (address?: Address) => {
      const dispatcher = new Dispatcher()
      return Server.serveDoor((exchange) => dispatcher.take(exchange), { address }).pipe(
        Effect.provide(engine),
        Scope.extend(serverScope),
        Effect.mapBoth({
          onFailure: (cause) => new NotServed({ cause }),
          onSuccess: (server) => ({ dispatcher, server })
        })
      )
    }
    let running = yield* start()
    // the sum of the metrics of earlier servers, which have stopped
    let past = ServerMetrics.zero
    const upgrade = Upgrade.make(options.websocket)
    const hasApp = yield* Deferred.make<void>()

    const httpServer = HttpServer.make({
      address: platformAddress(running.server.address),
      serve: (app, middleware) =>
        Effect.gen(function*() {
          // `serve` has no error channel, so a failure to bind again is a defect
          if (running.dispatcher.isStopped) {
            past = ServerMetrics.sum([past, yield* running.server.metrics])
            running = yield* Effect.orDie(start(running.server.address))
          }
          const { dispatcher, server } = running
          const ending = yield* Deferred.make<void>()
          yield* Effect.forkDaemon(Effect.interruptible(Deferred.complete(ending, server.draining)))
          const served = yield* ServedApp.make(app, middleware, options, upgrade, Deferred.await(ending))
          const handler = (exchange: DoorExchange): void => new HandlerCall(exchange, served).run()
          dispatcher.serve(handler)
          yield* Deferred.succeed(hasApp, undefined)
          // The app's own resources are released after this, so no handler outlives them.
          yield* Effect.addFinalizer(() =>
            dispatcher.remove(handler)
              ? Effect.zipRight(Deferred.succeed(ending, undefined), endCalls(served.calls, timeouts))
              : server.stop()
          )
        })
    })
    tsgiServers.set(httpServer, {
      metrics: Effect.suspend(() => Effect.map(running.server.metrics, (now) => ServerMetrics.sum([past, now]))),
      stop: (asked) => running.server.stop(asked),
      hasApp: Deferred.await(hasApp)
    })
    return httpServer
  })

/** What only an HttpServer of tsgi can do. */
interface TsgiServer {
  readonly metrics: Effect.Effect<ServerMetrics.ServerMetrics>
  readonly stop: (options: StopOptions) => Effect.Effect<StopReport>
  readonly hasApp: Effect.Effect<void>
}

const tsgiServers = new WeakMap<HttpServer.HttpServer, TsgiServer>()

/**
 * Stops the server with these options, before its scope is closed; `undefined` on another HttpServer.
 *
 * @since 0.2.0
 * @category destructors
 */
export const stop = (server: HttpServer.HttpServer, options: StopOptions): Effect.Effect<StopReport | undefined> =>
  tsgiServers.get(server)?.stop(options) ?? Effect.succeed(undefined)

/**
 * Waits until the server has an app; not at all on another HttpServer.
 *
 * @since 0.2.0
 * @category accessors
 */
export const hasApp = (server: HttpServer.HttpServer): Effect.Effect<void> =>
  tsgiServers.get(server)?.hasApp ?? Effect.void

/**
 * The counts of the server, as plain data; zeros on another HttpServer.
 *
 * @since 0.2.0
 * @category accessors
 */
export const metrics: Effect.Effect<ServerMetrics.ServerMetrics, never, HttpServer.HttpServer> = Effect.flatMap(
  HttpServer.HttpServer,
  (server) => tsgiServers.get(server)?.metrics ?? Effect.succeed(ServerMetrics.zero)
)

// Ends an app while another is served. Its calls have the server's grace time, then they are interrupted. After that, hooks and
// finalizers have their time, and then the app stops waiting for them.
const endCalls = (calls: RunningCalls, { grace, hooks, interrupt }: Timeouts): Effect.Effect<void> =>
  Effect.gen(function*() {
    const late = yield* Effect.sync(() => calls.interrupt()).pipe(
      Effect.delay(grace),
      Effect.zipRight(Effect.sleep(interrupt + hooks)),
      Effect.zipRight(giveUpFinishing(calls)),
      Effect.interruptible,
      Effect.forkDaemon
    )
    yield* Effect.async<void>((resume) => calls.end(() => resume(Effect.void)))
    yield* Fiber.interrupt(late)
  })

/** Milliseconds between two attempts to interrupt handlers that could not be interrupted. */
const pollInterval = 250

const giveUpFinishing = (calls: RunningCalls): Effect.Effect<never> =>
  Effect.suspend(() => {
    const left = calls.giveUpFinishing()
    return left === 0
      ? Effect.void
      : Effect.logError(`an app has ended, and ${left} of its requests had post hooks or finalizers that did not`)
  }).pipe(Effect.zipRight(Effect.sleep(pollInterval)), Effect.forever)

/**
 * The platform's error with the message of its cause. It has no stack, which would not help an operator.
 *
 * @since 0.2.0
 * @category errors
 */
export class NotServed extends ServeError {
  constructor(options: { readonly cause: unknown }) {
    super(options)
    this.stack = `${this.name}: ${this.message}`
  }

  override get message(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

const platformAddress = (address: Address): HttpServer.Address =>
  address._tag === "Unix"
    ? { _tag: "UnixAddress", path: address.path }
    : { _tag: "TcpAddress", hostname: address.host === "::" ? "0.0.0.0" : address.host, port: address.port }
