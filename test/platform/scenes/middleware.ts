/** Middleware, pre-response handlers, and what apps do to their request's scope. */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Scene } from "../differential.js"
import { type Exchange, get, head, post, request } from "../exchanges.js"

const seen = Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
  HttpServerResponse.unsafeJson({
    url: request.url,
    originalUrl: request.originalUrl,
    method: request.method,
    host: request.headers.host,
    remoteAddress: Option.getOrNull(Option.map(request.remoteAddress, (address) => address.replace("::ffff:", "")))
  }))

/** Answers in many ways, by the path. */
const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): HttpApp.Default<unknown> => {
  switch (new URL(request.url, "http://a").pathname) {
    case "/fail":
      return Effect.fail("failed")
    case "/die":
      return Effect.die(new Error("dead"))
    case "/not-found":
      return Effect.fail(new HttpServerError.RouteNotFound({ request }))
    case "/interrupt":
      return Effect.interrupt
    case "/stream":
      return Effect.succeed(HttpServerResponse.stream(Stream.make(new Uint8Array([97, 98]))))
    case "/later":
      return Effect.as(Effect.yieldNow(), HttpServerResponse.text("later"))
    case "/text":
      return Effect.map(request.text, (text) => HttpServerResponse.text(text))
    default:
      return seen
  }
})

const forwarded = { "X-Forwarded-For": "10.1.2.3, 10.0.0.1", "X-Forwarded-Host": "public.test" }

const ways: ReadonlyArray<Exchange> = [
  get("/"),
  get("/?a=1&b=2&a=3"),
  head("/"),
  get("/fail"),
  get("/die"),
  get("/not-found"),
  get("/interrupt"),
  get("/stream"),
  get("/later"),
  post("/text", "a body"),
  get("/", { headers: forwarded, title: "forwarded" }),
  get("/", { headers: { Origin: "http://a.test" }, title: "from an origin" }),
  get("/die", { headers: { Origin: "http://a.test" }, title: "from an origin, dies" }),
  request("OPTIONS", "/", { headers: { Origin: "http://a.test", "Access-Control-Request-Headers": "x-a" } })
]

const unbelieved = ways.map((way): Exchange =>
  way.title === "forwarded" ? { ...way, decisions: ["nobodySaysTheAddress"] } : way
)

const scene = (name: string, served: Scene["app"], exchanges = ways): Scene => ({ name, app: served, exchanges })

const counting = <E, R>(inner: HttpApp.Default<E, R>) => {
  let count = 0
  return Effect.map(
    Effect.suspend(() => {
      count++
      return inner
    }),
    (response) => HttpServerResponse.setHeader(response, "x-count", String(count))
  )
}

const catching = <E, R>(inner: HttpApp.Default<E, R>) =>
  Effect.catchAllCause(inner, () => HttpServerResponse.text("caught", { status: 599 }))

const answering = (_: HttpApp.Default<unknown>) => HttpServerResponse.text("from middleware", { status: 203 })

const failing = <E, R>(inner: HttpApp.Default<E, R>) => Effect.zipRight(inner, Effect.fail("after the answer"))

const failingBefore = (_: HttpApp.Default<unknown>): HttpApp.Default<unknown> =>
  Effect.die(new Error("before the answer"))

const preResponse = HttpApp.withPreResponseHandler((request, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "x-pre", `${request.method} ${response.status}`))
)

const preResponseTwice = <E, R>(inner: HttpApp.Default<E, R>) =>
  Effect.zipRight(
    HttpApp.appendPreResponseHandler((_, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "x-pre", `${response.headers["x-pre"] ?? ""}1`))
    ),
    Effect.zipRight(
      HttpApp.appendPreResponseHandler((_, response) =>
        Effect.succeed(HttpServerResponse.setHeader(response, "x-pre", `${response.headers["x-pre"] ?? ""}2`))
      ),
      inner
    )
  )

const refusing = HttpApp.withPreResponseHandler((request, response) =>
  response.status >= 400
    ? Effect.succeed(response)
    : Effect.fail(new HttpServerError.ResponseError({ request, response, reason: "Decode", description: "refused" }))
)

const said = FiberRef.unsafeMake("nothing")
const settings = Effect.gen(function*() {
  yield* FiberRef.set(said, "something")
  yield* Effect.annotateLogsScoped({ where: "in the request" })
  yield* Effect.addFinalizer(() => Effect.flatMap(FiberRef.get(said), (what) => Effect.log(`finalizer: ${what}`)))
  yield* Effect.addFinalizer((exit) => Effect.log(`first out: ${exit._tag}`))
  return HttpServerResponse.stream(
    Stream.fromEffect(FiberRef.get(said)).pipe(
      Stream.tap((what) => Effect.log(`stream: ${what}`)),
      Stream.encodeText
    )
  )
})

// with NodeHttpServer, nothing interrupts a handler outside a route, nor what it forks
const forked = Effect.gen(function*() {
  yield* Effect.forkScoped(Effect.never.pipe(Effect.onInterrupt(() => Effect.log("background work ended"))))
  yield* Effect.forkScoped(Effect.log("background work done"))
  yield* Effect.yieldNow()
  return HttpServerResponse.text("forked")
})

const ejected = Effect.gen(function*() {
  yield* Effect.addFinalizer(() => Effect.log("the stream has ended"))
  return HttpApp.unsafeEjectStreamScope(HttpServerResponse.stream(
    Stream.make("a", "b").pipe(Stream.tap((part) => Effect.log(part)), Stream.encodeText)
  ))
})

const ejectedByHand = Effect.gen(function*() {
  const scope = yield* Effect.scope
  yield* Effect.addFinalizer(() => Effect.log("closed by hand"))
  HttpApp.ejectDefaultScopeClose(scope)
  // apps that eject the scope close it so: the scope that a server gives can be closed
  const close = Scope.close(scope as Scope.CloseableScope, Exit.void)
  yield* Effect.forkDaemon(close)
  return HttpServerResponse.text("ejected")
})

const retried = Effect.suspend(() => Effect.fail("once more")).pipe(
  Effect.retry(Schedule.recurs(2)),
  Effect.catchAll(() => HttpServerResponse.text("gave up"))
)

export const middleware: ReadonlyArray<Scene> = [
  scene("an app", HttpServer.serve(app)),
  scene("logger", HttpServer.serve(app, HttpMiddleware.logger)),
  scene("logger, disabled", HttpServer.serve(HttpMiddleware.withLoggerDisabled(app), HttpMiddleware.logger)),
  scene("cors", HttpServer.serve(app, HttpMiddleware.cors())),
  scene(
    "cors with everything",
    HttpServer.serve(
      app,
      HttpMiddleware.cors({
        allowedOrigins: (origin) => origin === "http://a.test",
        allowedMethods: ["GET"],
        allowedHeaders: ["x-a"],
        exposedHeaders: ["x-b"],
        maxAge: 60,
        credentials: true
      })
    )
  ),
  scene("cors around the app", HttpServer.serve(HttpMiddleware.cors({ allowedOrigins: ["http://a.test"] })(app))),
  scene("xForwardedHeaders", HttpServer.serve(app, HttpMiddleware.xForwardedHeaders), unbelieved),
  scene("xForwardedHeaders around the app", HttpServer.serve(HttpMiddleware.xForwardedHeaders(app)), unbelieved),
  scene(
    "searchParamsParser",
    HttpServer.serve(
      HttpMiddleware.searchParamsParser(
        Effect.map(HttpServerRequest.ParsedSearchParams, (params) => HttpServerResponse.unsafeJson(params))
      )
    ),
    [get("/?a=1"), get("http://a.test/?a=1&b=2&a=3"), get("http://a.test/")]
  ),
  scene(
    "schemaSearchParams",
    HttpServer.serve(
      Effect.map(HttpServerRequest.ParsedSearchParams, (params) => HttpServerResponse.unsafeJson(params)).pipe(
        Effect.provideService(HttpServerRequest.ParsedSearchParams, { a: "1" })
      )
    ),
    [get("/")]
  ),
  scene("middleware with a state", HttpServer.serve(app, counting)),
  scene("middleware that catches", HttpServer.serve(app, catching)),
  scene("middleware that answers by itself", HttpServer.serve(app, answering)),
  scene("middleware that fails behind the answer", HttpServer.serve(app, failing)),
  scene("middleware that fails before the answer", HttpServer.serve(app, failingBefore)),
  scene("a pre-response handler", HttpServer.serve(preResponse(app))),
  scene("a pre-response handler in middleware", HttpServer.serve(app, preResponse)),
  scene("two pre-response handlers", HttpServer.serve(preResponseTwice(app))),
  scene("a pre-response handler that refuses", HttpServer.serve(refusing(app)), [get("/fail"), get("/not-found")]),
  scene("settings of the app, in its streams and finalizers", HttpServer.serve(Effect.scoped(settings)), [get("/")]),
  scene("settings of the app", HttpServer.serve(settings), [get("/"), head("/")]),
  scene("work beside the handler", HttpServer.serve(HttpRouter.get(HttpRouter.empty, "/", forked)), [get("/")]),
  scene("a scope that ends with its stream", HttpServer.serve(ejected), [get("/")]),
  scene("a scope that somebody else closes", HttpServer.serve(ejectedByHand), [get("/")]),
  scene("a retried effect", HttpServer.serve(retried), [get("/")])
]
