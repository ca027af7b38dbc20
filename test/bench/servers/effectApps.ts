/** The @effect/platform apps, the same for every HttpServer. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { hello, type Serving } from "./work.js"

type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  unknown,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

export const plain: App = Effect.sync(() => HttpServerResponse.text(hello))

let router = HttpRouter.empty
for (let i = 1; i <= 20; i++) {
  router = HttpRouter.get(router, `/api/resource${i}`, Effect.sync(() => HttpServerResponse.text(`${hello} ${i}`)))
}

const PostPath = Schema.Struct({ user: Schema.NumberFromString, post: Schema.NumberFromString })

const parameters = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/users/:user/posts/:post",
    Effect.flatMap(
      HttpRouter.schemaPathParams(PostPath),
      ({ post, user }) => HttpServerResponse.json({ user, post, title: "A post", tags: ["a", "b", "c"] })
    )
  )
)

const User = Schema.Struct({
  name: Schema.NonEmptyString,
  age: Schema.Int,
  email: Schema.optional(Schema.String),
  roles: Schema.Array(Schema.Literal("admin", "editor", "reader"))
})

const json = HttpRouter.empty.pipe(
  HttpRouter.post(
    "/users",
    Effect.flatMap(
      HttpServerRequest.schemaBodyJson(User),
      ({ name, roles }) => HttpServerResponse.json({ id: 1, name, roles: roles.length })
    )
  )
)

/** By mode. */
export const apps: Readonly<Record<string, App>> = { plain, router, parameters, json }

/** Serves an app until it is stopped. */
export const serveOn = <E>(layer: Layer.Layer<HttpServer.HttpServer, E>, app: App | undefined): Promise<Serving> =>
  Effect.runPromise(Effect.gen(function*() {
    if (app === undefined) return yield* Effect.die(new Error("there is no such app"))
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    yield* HttpServer.serveEffect(app).pipe(Effect.provide(context), Scope.extend(scope))
    const { address } = Context.get(context, HttpServer.HttpServer)
    if (address._tag !== "TcpAddress") return yield* Effect.die(new Error("no TCP address"))
    return { port: address.port, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  }))
