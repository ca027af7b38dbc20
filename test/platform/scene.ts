/** A served Effect app of any kind, clients on sockets or in memory, and a journal of the ends of requests. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import { clientAbortFiberId, type RouteNotFound, type ServeError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import type { TlsOptions } from "tsgi"
import {
  AccessLog,
  type Address,
  type InterimResponses,
  Listener,
  NodeListener,
  type Outcome,
  Posthooks,
  type RequestParser,
  ServerConfig,
  TsgiHttpServer
} from "tsgi/effect"
import { MemoryListener, type WireClient } from "tsgi/testing"
import { TlsSettings } from "../../src/node/TlsSettings.js"
import { Journal } from "../utils/Journal.js"
import { noting } from "../utils/noting.js"
import { thorough } from "../utils/runs.js"
import { connect, connectTls } from "../utils/sockets.js"

export type Handler<E = never> = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  E,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>
export type Middleware = <E, R>(app: HttpApp.Default<E, R>) => HttpApp.Default<E, R>
/** An app as a layer that needs the server. */
export type Served = Layer.Layer<never, never, HttpServer.HttpServer>

// ---------------------------------------------------------------------------------------------------------------------
// apps

/** The same handler for GET and POST of `/`, in every kind of app. */
export const kinds: Readonly<Record<string, (handler: Handler, middleware?: Middleware) => Served>> = {
  HttpApp: (handler, middleware) => {
    const app = Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      ({ url }) => url === "/" ? handler : Effect.succeed(HttpServerResponse.empty({ status: 404 }))
    )
    return middleware === undefined ? HttpServer.serve(app) : HttpServer.serve(app, middleware)
  },
  HttpRouter: (handler, middleware) => {
    const router = HttpRouter.empty.pipe(HttpRouter.get("/", handler), HttpRouter.post("/", handler))
    return middleware === undefined ? HttpServer.serve(router) : HttpServer.serve(router, middleware)
  },
  HttpLayerRouter: (handler, middleware) => {
    const routes = HttpLayerRouter.add("*", "/", handler)
    const quiet: { readonly disableLogger: boolean; readonly disableListenLog: boolean } = {
      disableLogger: true,
      disableListenLog: true
    }
    return middleware === undefined
      ? HttpLayerRouter.serve<never, never, HttpLayerRouter.HttpRouter, never, never>(routes, quiet)
      : HttpLayerRouter.serve<
        never,
        never,
        HttpLayerRouter.HttpRouter,
        RouteNotFound,
        Scope.Scope | HttpServerRequest.HttpServerRequest
      >(routes, { ...quiet, middleware })
  },
  HttpApi: (handler, middleware) => apiOf(handler, middleware)
}

/** The kinds that a test tries: the simplest one and the one with the most around it, and with RUNS all. */
export const someKinds: ReadonlyArray<string> = thorough ? Object.keys(kinds) : ["HttpApp", "HttpApi"]

class Work extends HttpApiGroup.make("work")
  .add(HttpApiEndpoint.get("get", "/"))
  .add(HttpApiEndpoint.post("post", "/"))
{}

class WorkApi extends HttpApi.make("api").add(Work) {}

const apiOf = (handler: Handler, middleware: Middleware | undefined): Served =>
  (middleware === undefined ? HttpApiBuilder.serve() : HttpApiBuilder.serve(middleware)).pipe(
    Layer.provide(HttpApiBuilder.api(WorkApi)),
    Layer.provide(
      HttpApiBuilder.group(
        WorkApi,
        "work",
        (handlers) => handlers.handleRaw("get", () => handler).handleRaw("post", () => handler)
      )
    ),
    Layer.provide(TsgiHttpServer.layerContext)
  )

// ---------------------------------------------------------------------------------------------------------------------
// what happened

/** Names an exit, as the platform tells a client that has left from a server that stops. */
export const exitName = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "Success"
  if (!Cause.isInterruptedOnly(exit.cause)) return `Failure ${String(Cause.squash(exit.cause))}`
  const ids = [...Cause.interruptors(exit.cause)]
  if (ids.length === 1 && ids[0] === clientAbortFiberId) return "ClientGone"
  return ids.every((id) => id === FiberId.none) ? "Stopped" : `interrupted by ${ids.map(FiberId.threadName).join()}`
}

export const named = (outcome: Outcome.Outcome): string =>
  outcome._tag === "Aborted" ? `Aborted ${outcome.reason} ${outcome.status}` : `${outcome._tag} ${outcome.status}`

// NodeContext's terminal opens standard input, once for the process
void process.stdin

export interface Seen {
  /** Finalizers, hooks, interruptions, access-log lines, in order. */
  readonly events: Journal<string>
  readonly outcomes: Array<Outcome.Outcome>
  readonly records: Journal<AccessLog.AccessRecord>
  /** Messages that were logged, with their level and `http.status`. */
  readonly lines: Journal<string>
}

export const nothingSeen = (): Seen => ({
  events: new Journal(),
  outcomes: [],
  records: new Journal(),
  lines: new Journal()
})

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Adds a finalizer that takes some time, and two hooks. */
export const watch = ({ events, outcomes }: Seen) =>
  Effect.gen(function*() {
    yield* Effect.addFinalizer((exit) =>
      Effect.zipRight(turn, Effect.sync(() => events.push(`scope ${exitName(exit)}`)))
    )
    yield* Posthooks.add((outcome) =>
      Effect.zipRight(
        turn,
        Effect.sync(() => {
          outcomes.push(outcome)
          events.push(`hook ${named(outcome)}`)
        })
      )
    )
    yield* Posthooks.add(() => Effect.sync(() => events.push("second hook")))
  }).pipe(Effect.orDie)

/** Notes when an Effect is interrupted, and when it is over, however it ends. */
export const noteEnds = <A, E, R>(self: Effect.Effect<A, E, R>, { events }: Seen): Effect.Effect<A, E, R> =>
  self.pipe(
    Effect.onInterrupt(() => Effect.sync(() => events.push("interrupted"))),
    Effect.ensuring(Effect.sync(() => events.push("handler over")))
  )

// ---------------------------------------------------------------------------------------------------------------------
// the server

/** A service of the engine. */
export type Service =
  | AccessLog.AccessLog
  | InterimResponses.InterimResponses
  | Listener.Listener
  | Posthooks.Posthooks
  | RequestParser.RequestParser

export interface SceneOptions {
  readonly door?: TsgiHttpServer.DoorOptions | undefined
  readonly config?: ServerConfig.PartialConfig | undefined
  /** With `true` clients are in memory, and not on sockets. */
  readonly memory?: boolean | undefined
  /** With TLS, on sockets. */
  readonly tls?: TlsOptions | TlsSettings | undefined
  /** With `true` the journal notes when a socket is closed. */
  readonly sockets?: boolean | undefined
  /** Services of the engine in place of the default ones, and of those of the scene. */
  readonly services?: Layer.Layer<Service> | Layer.Layer<never> | undefined
  /** Layers around the server and the app, such as a tracer. */
  readonly around?: Layer.Layer<never> | undefined
}

export interface Scene extends AsyncDisposable {
  readonly address: Address.Address
  readonly connect: () => Promise<WireClient>
  readonly server: HttpServer.HttpServer
  /** Ends the app, and then the server. */
  readonly stop: () => Promise<void>
}

const lineOf = ({ annotations, logLevel, message }: Logger.Logger.Options<unknown>): string => {
  const status = HashMap.get(annotations, "http.status")
  return `${logLevel._tag} ${String(message)}${status._tag === "Some" ? ` ${String(status.value)}` : ""}`
}

/** Serves within a scope. */
export const serve = (
  served: Served,
  seen: Seen,
  { around = Layer.empty, config, door, memory = false, services, sockets = false, tls }: SceneOptions = {}
): Effect.Effect<Omit<Scene, "stop" | typeof Symbol.asyncDispose>, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const inMemory = MemoryListener.make()
    const listener = memory
      ? inMemory.listener
      : NodeListener.make({}, tls === undefined || tls instanceof TlsSettings ? tls : new TlsSettings(tls))
    const engine = Layer.mergeAll(
      TsgiHttpServer.layerServices,
      Layer.succeed(
        Listener.Listener,
        sockets ? noting(listener, () => seen.events.push("socket closed")) : listener
      ),
      AccessLog.layerFunction((record) => {
        seen.records.push(record)
        seen.events.push(`log ${record.status}`)
      }),
      services ?? Layer.empty
    )
    const context = yield* served.pipe(
      Layer.provideMerge(TsgiHttpServer.layerWith(door)),
      Layer.provide(engine),
      Layer.provide(ServerConfig.layer({ halfClose: "abort", fieldCase: "preserve", ...config })),
      Layer.provide(around),
      Layer.provide(
        Logger.replace(Logger.defaultLogger, Logger.make((options) => seen.lines.push(lineOf(options))))
      ),
      Layer.build
    )
    const server = yield* Effect.provide(HttpServer.HttpServer, context)
    const address: Address.Address = server.address._tag === "TcpAddress"
      ? { _tag: "Tcp", host: server.address.hostname, port: server.address.port }
      : { _tag: "Unix", path: server.address.path }
    const connectTo = async () =>
      memory ? inMemory.connect() : tls === undefined ? connect(address) : connectTls(address)
    return { address, server, connect: connectTo }
  })

/** Serves until it is stopped or disposed. */
export const open = async (served: Served, seen: Seen, options?: SceneOptions): Promise<Scene> => {
  const scope = Effect.runSync(Scope.make())
  const stop = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void))
  const scene = await Effect.runPromise(Scope.extend(serve(served, seen, options), scope))
  return { ...scene, stop, [Symbol.asyncDispose]: stop }
}
