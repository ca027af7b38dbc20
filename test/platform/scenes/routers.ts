/** HttpRouter and HttpLayerRouter: paths, parameters, mounts, schemas, errors. */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerRespondable from "@effect/platform/HttpServerRespondable"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Scene } from "../differential.js"
import { type Exchange, get, head, post, postJson, request } from "../exchanges.js"

const told = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  const { params, route } = yield* HttpRouter.RouteContext
  return HttpServerResponse.unsafeJson({
    method: request.method,
    url: request.url,
    originalUrl: request.originalUrl,
    route: route.path,
    params
  })
})

const searched = Effect.map(HttpServerRequest.ParsedSearchParams, (found) => HttpServerResponse.unsafeJson(found))

class Unwell extends Data.TaggedError("Unwell")<{ readonly status: number }> {
  [HttpServerRespondable.symbol]() {
    return HttpServerResponse.text("unwell", { status: this.status, headers: { "x-unwell": "1" } })
  }
}

class Broken extends Data.TaggedError("Broken")<{ readonly why: string }> {}

const Person = Schema.Struct({ name: Schema.NonEmptyString, age: Schema.NumberFromString })

const routes = HttpRouter.empty.pipe(
  HttpRouter.get("/", told),
  HttpRouter.get("/users/:id", told),
  HttpRouter.put("/users/:id/files/*", told),
  HttpRouter.all("/any", told),
  HttpRouter.get("/search", searched),
  HttpRouter.get(
    "/params/:name",
    Effect.map(HttpRouter.schemaParams(Person), (person) => HttpServerResponse.unsafeJson(person))
  ),
  HttpRouter.get(
    "/path/:age",
    Effect.map(
      HttpRouter.schemaPathParams(Schema.Struct({ age: Schema.NumberFromString })),
      ({ age }) => HttpServerResponse.text(String(age + 1))
    )
  ),
  HttpRouter.post(
    "/whole/:id",
    Effect.map(
      HttpRouter.schemaJson(Schema.Struct({
        url: Schema.String,
        pathParams: Schema.Struct({ id: Schema.String }),
        searchParams: Schema.Struct({ q: Schema.UndefinedOr(Schema.String) }),
        headers: Schema.Struct({ "x-a": Schema.String }),
        cookies: Schema.Struct({ c: Schema.UndefinedOr(Schema.String) }),
        body: Schema.Struct({ n: Schema.Number })
      })),
      (whole) => HttpServerResponse.unsafeJson(whole)
    )
  ),
  HttpRouter.get("/respondable", Effect.fail(new Unwell({ status: 418 }))),
  HttpRouter.get("/respondable-defect", Effect.die(new Unwell({ status: 409 }))),
  HttpRouter.get("/fails", Effect.fail(new Broken({ why: "because" }))),
  HttpRouter.get("/dies", Effect.die(new Error("dead"))),
  HttpRouter.get(
    "/throws",
    Effect.sync(() => {
      throw new Error("thrown")
    })
  ),
  HttpRouter.get("/interrupts", Effect.interrupt),
  HttpRouter.get("/response-as-failure", Effect.fail(HttpServerResponse.text("failed with this", { status: 409 }))),
  HttpRouter.get("/slow", Effect.as(Effect.yieldNow(), HttpServerResponse.text("slow")), { uninterruptible: true }),
  HttpRouter.head("/own-head", HttpServerResponse.text("head", { headers: { "x-head": "own" } })),
  HttpRouter.get("/own-head", HttpServerResponse.text("get"))
)

const inner = HttpRouter.empty.pipe(
  HttpRouter.get("/", told),
  HttpRouter.get("/a/:b", told),
  HttpRouter.get("/fails", Effect.fail(new Broken({ why: "inside" })))
)

const router = routes.pipe(
  HttpRouter.concat(HttpRouter.prefixAll(inner, "/prefixed")),
  HttpRouter.mount("/mounted", inner),
  HttpRouter.mountApp(
    "/app",
    Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => HttpServerResponse.text(url))
  ),
  HttpRouter.mountApp(
    "/app-whole",
    Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => HttpServerResponse.text(url)),
    { includePrefix: true }
  ),
  HttpRouter.catchTag("Broken", ({ why }) => HttpServerResponse.text(why, { status: 502 }))
)

const gets = (paths: ReadonlyArray<string>): ReadonlyArray<Exchange> => paths.map((path) => get(path))

const everyRoute: ReadonlyArray<Exchange> = [
  ...gets([
    "/",
    "/?a=1",
    "/users/1",
    "/users/a%20b%2Fc",
    "/users/%zz",
    "/users/1/",
    "/users",
    "/any",
    "/nowhere"
  ]),
  get("//", { decisions: ["twoSlashesAreNoHost"] }),
  ...gets(["/search", "/search?a=1&b=2&a=3&c=%C3%A4&d", "/params/ann?age=3", "/params/ann?age=x", "/params/ann"]),
  ...gets(["/path/41", "/path/x", "/respondable", "/respondable-defect", "/fails", "/dies", "/throws", "/interrupts"]),
  ...gets(["/response-as-failure", "/slow", "/own-head", "/prefixed", "/prefixed/", "/prefixed/a/1?x=1"]),
  ...["/users/1", "/own-head", "/nowhere", "/respondable", "/dies"].map((path) => head(path)),
  request("PUT", "/users/1/files/a/b.txt"),
  request("DELETE", "/users/1"),
  request("PATCH", "/any"),
  request("OPTIONS", "/any"),
  post("/users/1", "nobody reads this"),
  get("http://example.test/users/absolute")
]

export const httpRouter: Scene = {
  name: "HttpRouter",
  app: HttpServer.serve(router),
  exchanges: [
    ...everyRoute,
    ...gets(["/mounted", "/mounted/", "/mounted/a/1?x=1", "/mounted/nowhere", "/mounted/fails", "/mountedly"]),
    ...gets(["/app", "/app/x/y?z", "/app-whole/x?y"]),
    postJson("/whole/7?q=x", { n: 1 }, { headers: { "X-A": "a", Cookie: "c=1; d=2" } }),
    postJson("/whole/7", { n: "1" }, { headers: { "X-A": "a" } }),
    postJson("/whole/7", { n: 1 }),
    post("/whole/7", "{", { headers: { "X-A": "a" } }),
    request("POST", "/whole/7", { headers: { "X-A": "a" } })
  ]
}

class Session extends Context.Tag("Session")<Session, { readonly user: string }>() {}

const authenticated = HttpLayerRouter.middleware<{ provides: Session }>()(
  (app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
      headers["x-user"] === undefined
        ? Effect.succeed(HttpServerResponse.empty({ status: 401 }))
        : Effect.provideService(app, Session, { user: headers["x-user"] }))
)

const signed = HttpLayerRouter.middleware(
  (app) => Effect.map(app, HttpServerResponse.setHeader("x-signed", "yes")),
  { global: true }
)

const layerRoutes = Layer.mergeAll(
  HttpLayerRouter.add("GET", "/session", Effect.map(Session, ({ user }) => HttpServerResponse.text(user))).pipe(
    Layer.provide(authenticated.layer)
  ),
  HttpLayerRouter.add("GET", "/users/:id", told),
  HttpLayerRouter.add("*", "/any", told),
  HttpLayerRouter.add("GET", "/search", searched),
  HttpLayerRouter.add("GET", "/respondable", Effect.die(new Unwell({ status: 418 }))),
  HttpLayerRouter.add("GET", "/dies", Effect.die(new Error("dead"))),
  HttpLayerRouter.add("GET", "/own-head", HttpServerResponse.text("get")),
  HttpLayerRouter.addAll([
    HttpLayerRouter.route("GET", "/", told),
    HttpLayerRouter.route("GET", "/a/:b", told)
  ], { prefix: "/prefixed" }),
  HttpLayerRouter.cors({ allowedOrigins: ["http://a.test"] }),
  signed
)

export const httpLayerRouter: Scene = {
  name: "HttpLayerRouter",
  app: HttpLayerRouter.serve(layerRoutes, { disableListenLog: true }),
  exchanges: [
    ...everyRoute,
    get("/session"),
    get("/session", { headers: { "X-User": "ann" } }),
    get("/users/1", { headers: { Origin: "http://a.test" } }),
    request("OPTIONS", "/users/1", {
      headers: { Origin: "http://a.test", "Access-Control-Request-Headers": "x-a, x-b" }
    })
  ]
}

export const httpLayerRouterUnlogged: Scene = {
  name: "HttpLayerRouter without its logger",
  app: HttpLayerRouter.serve(layerRoutes, { disableListenLog: true, disableLogger: true }),
  exchanges: [get("/users/1"), get("/nowhere"), get("/dies"), get("/respondable")]
}
