/** HttpApi: schemas, errors, security, its own middleware, and its docs. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiScalar from "@effect/platform/HttpApiScalar"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as HttpApiSwagger from "@effect/platform/HttpApiSwagger"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Scene } from "../differential.js"
import { get, head, post, postJson, request } from "../exchanges.js"

class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.NonEmptyString }) {}
class NoSuchUser extends Schema.TaggedError<NoSuchUser>()(
  "NoSuchUser",
  { id: Schema.Number },
  HttpApiSchema.annotations({ status: 404 })
) {}
class Denied extends Schema.TaggedError<Denied>()("Denied", {}, HttpApiSchema.annotations({ status: 403 })) {}

class Caller extends Context.Tag("Caller")<Caller, string>() {}
class Secured extends HttpApiMiddleware.Tag<Secured>()("Secured", {
  failure: Denied,
  provides: Caller,
  security: {
    bearer: HttpApiSecurity.bearer,
    key: HttpApiSecurity.apiKey({ in: "header", key: "x-key" }),
    cookie: HttpApiSecurity.apiKey({ in: "cookie", key: "session" }),
    query: HttpApiSecurity.apiKey({ in: "query", key: "key" }),
    basic: HttpApiSecurity.basic
  }
}) {}

const check = (scheme: string) => (secret: Redacted.Redacted) =>
  Redacted.value(secret) === "sesame" ? Effect.succeed(`${scheme} caller`) : Effect.fail(new Denied())

const SecuredLive = Layer.succeed(Secured, {
  bearer: check("bearer"),
  key: check("key"),
  cookie: check("cookie"),
  query: check("query"),
  basic: ({ password, username }) =>
    Redacted.value(password) === "sesame" ? Effect.succeed(`basic ${username}`) : Effect.fail(new Denied())
})

const id = HttpApiSchema.param("id", Schema.NumberFromString)

const users = HttpApiGroup.make("users")
  .add(HttpApiEndpoint.get("find")`/users/${id}`.addSuccess(User).addError(NoSuchUser))
  .add(
    HttpApiEndpoint.post("create", "/users")
      .setPayload(Schema.Struct({ name: Schema.NonEmptyString }))
      .setHeaders(Schema.Struct({ "x-by": Schema.optional(Schema.String) }))
      .addSuccess(User, { status: 201 })
  )
  .add(HttpApiEndpoint.del("remove")`/users/${id}`.addError(HttpApiError.Conflict))
  .add(
    HttpApiEndpoint.get("list", "/users")
      .setUrlParams(Schema.Struct({ page: Schema.NumberFromString, tag: Schema.optional(Schema.Array(Schema.String)) }))
      .addSuccess(Schema.Array(User))
  )
  .add(HttpApiEndpoint.get("dies", "/dies"))
  .add(HttpApiEndpoint.get("raw", "/raw"))
  .add(
    HttpApiEndpoint.post("upload", "/upload")
      .setPayload(HttpApiSchema.Multipart(Schema.Struct({ title: Schema.String })))
      .addSuccess(Schema.String)
  )
  .add(
    HttpApiEndpoint.post("form", "/form")
      .setPayload(Schema.Struct({ a: Schema.String }).pipe(HttpApiSchema.withEncoding({ kind: "UrlParams" })))
      .addSuccess(Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text" })))
  )
  .add(
    HttpApiEndpoint.post("bytes", "/bytes")
      .setPayload(HttpApiSchema.Uint8Array())
      .addSuccess(HttpApiSchema.Uint8Array())
  )

const secret = HttpApiGroup.make("secret")
  .add(HttpApiEndpoint.get("who", "/who").addSuccess(Schema.String))
  .add(HttpApiEndpoint.get("login", "/login"))
  .middleware(Secured)

class Api extends HttpApi.make("api").add(users).add(secret).prefix("/v1") {}

const UsersLive = HttpApiBuilder.group(Api, "users", (handlers) =>
  handlers
    .handle("find", ({ path }) =>
      path.id > 99
        ? Effect.fail(new NoSuchUser({ id: path.id }))
        : Effect.succeed(new User({ id: path.id, name: "ann" })))
    .handle("create", ({ headers, payload }) =>
      Effect.succeed(new User({ id: 1, name: `${payload.name} by ${headers["x-by"] ?? "nobody"}` })))
    .handle("remove", ({ path }) =>
      path.id === 1 ? Effect.fail(new HttpApiError.Conflict()) : Effect.void)
    .handle("list", ({ urlParams }) =>
      Effect.succeed([new User({ id: urlParams.page, name: (urlParams.tag ?? ["none"]).join() })]))
    .handle("dies", () =>
      Effect.die(new Error("dead")))
    .handleRaw("raw", () =>
      Effect.succeed(HttpServerResponse.stream(Stream.make(new Uint8Array([111, 107])), { status: 202 })))
    .handle("upload", ({ payload }) =>
      Effect.succeed(payload.title))
    .handle("form", ({ payload }) =>
      Effect.succeed(payload.a))
    .handle("bytes", ({ payload }) =>
      Effect.succeed(payload)))

const SecretLive = HttpApiBuilder.group(Api, "secret", (handlers) =>
  handlers
    .handle("who", () => Caller)
    .handle("login", () =>
      HttpApiBuilder.securitySetCookie(HttpApiSecurity.apiKey({ in: "cookie", key: "session" }), "sesame"))).pipe(
    Layer.provide(SecuredLive)
  )

const ApiLive = HttpApiBuilder.api(Api).pipe(Layer.provide([UsersLive, SecretLive]))

const multipart = [
  "--b",
  "Content-Disposition: form-data; name=\"title\"",
  "",
  "a title",
  "--b--",
  ""
].join("\r\n")

const calls = [
  get("/v1/users/1"),
  head("/v1/users/1"),
  get("/v1/users/100"),
  get("/v1/users/x"),
  get("/v1/users?page=2&tag=a&tag=b"),
  get("/v1/users?page=2&tag=a"),
  get("/v1/users"),
  postJson("/v1/users", { name: "bob" }),
  postJson("/v1/users", { name: "bob" }, { headers: { "X-By": "ann" } }),
  postJson("/v1/users", { name: "" }),
  post("/v1/users", "{\"name\":"),
  post("/v1/users", "name=bob", { headers: { "Content-Type": "application/x-www-form-urlencoded" } }),
  request("POST", "/v1/users"),
  request("DELETE", "/v1/users/1"),
  request("DELETE", "/v1/users/2"),
  request("OPTIONS", "/v1/users"),
  get("/v1/dies"),
  get("/v1/raw"),
  get("/v1/nowhere"),
  post("/v1/upload", multipart, { headers: { "Content-Type": "multipart/form-data; boundary=b" } }),
  post("/v1/upload", "nothing", { headers: { "Content-Type": "multipart/form-data; boundary=b" } }),
  post("/v1/form", "a=1+2", { headers: { "Content-Type": "application/x-www-form-urlencoded" } }),
  post("/v1/form", "b=1", { headers: { "Content-Type": "application/x-www-form-urlencoded" } }),
  post("/v1/bytes", new Uint8Array([1, 2, 255]), { headers: { "Content-Type": "application/octet-stream" } }),
  get("/v1/who"),
  get("/v1/who", { headers: { Authorization: "Bearer sesame" }, title: "GET /v1/who with a bearer" }),
  get("/v1/who", { headers: { Authorization: "Bearer no" }, title: "GET /v1/who with a bad bearer" }),
  get("/v1/who", { headers: { "X-Key": "sesame" }, title: "GET /v1/who with a key" }),
  get("/v1/who", { headers: { Cookie: "session=sesame" }, title: "GET /v1/who with a cookie" }),
  get("/v1/who?key=sesame", { title: "GET /v1/who with a key in the query" }),
  get("/v1/who", { headers: { Authorization: `Basic ${btoa("ann:sesame")}` }, title: "GET /v1/who with a password" }),
  get("/v1/login", { headers: { "X-Key": "sesame" } })
]

export const httpApi: Scene = {
  name: "HttpApi",
  app: HttpApiBuilder.serve(HttpMiddleware.logger).pipe(
    Layer.provide(HttpApiBuilder.middlewareCors({ allowedOrigins: ["http://a.test", "http://b.test"] })),
    Layer.provide(HttpApiBuilder.middlewareOpenApi({ path: "/openapi.json" })),
    Layer.provide(HttpApiSwagger.layer({ path: "/swagger" })),
    Layer.provide(HttpApiScalar.layer({ path: "/scalar" })),
    Layer.provide(ApiLive)
  ),
  exchanges: [
    ...calls,
    get("/openapi.json"),
    get("/swagger"),
    get("/scalar"),
    get("/v1/users/1", { headers: { Origin: "http://b.test" }, title: "GET from another origin" }),
    get("/v1/users/x", { headers: { Origin: "http://b.test" }, title: "GET of nonsense from another origin" }),
    request("OPTIONS", "/v1/users/1", { headers: { Origin: "http://a.test", "Access-Control-Request-Method": "GET" } })
  ]
}

export const httpApiUnwrapped: Scene = {
  name: "HttpApi without middleware",
  app: HttpApiBuilder.serve().pipe(Layer.provide(ApiLive)),
  exchanges: calls
}

const routes = Layer.mergeAll(
  HttpLayerRouter.addHttpApi(Api, { openapiPath: "/openapi.json" }).pipe(Layer.provide([UsersLive, SecretLive])),
  HttpApiSwagger.layerHttpLayerRouter({ api: Api, path: "/swagger" }),
  HttpApiScalar.layerHttpLayerRouter({ api: Api, path: "/scalar" })
)

export const httpApiInLayerRouter: Scene = {
  name: "HttpApi in HttpLayerRouter",
  app: HttpLayerRouter.serve(routes, { disableListenLog: true }),
  exchanges: [...calls, get("/openapi.json"), get("/swagger"), get("/scalar")]
}
