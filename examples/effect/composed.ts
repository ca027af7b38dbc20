/**
 * An application of layers, and the order in which it stops: the database is released when the last handler has ended.
 *
 *   npx tsx examples/effect/composed.ts
 *   curl http://127.0.0.1:8090/users &       takes 2 seconds: ["Ada","Grace"]
 *   then Ctrl-C in the server's terminal: new connections are refused at once, and it logs
 *       query begun
 *       query ended
 *       handler ended
 *       database released, 0 queries running
 *
 * `PORT`, `GRACE` (milliseconds for handlers to end, 10000 by default) and `SLOW` (of the query, 2000 by default) come from
 * the environment through `Config`.
 */
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Config, Effect, Layer } from "effect"
import { TsgiHttpServer } from "tsgi/effect"
import { isMain, run } from "./serve.js"

class Database extends Effect.Service<Database>()("Database", {
  scoped: Effect.gen(function*() {
    const slow = yield* Config.integer("SLOW").pipe(Config.withDefault(2000))
    let running = 0
    yield* Effect.addFinalizer(() => Effect.log(`database released, ${running} queries running`))
    const users = Effect.gen(function*() {
      yield* Effect.log("query begun")
      running++
      yield* Effect.sleep(slow)
      yield* Effect.log("query ended")
      return ["Ada", "Grace"]
    }).pipe(Effect.ensuring(Effect.sync(() => running--)))
    return { users }
  })
}) {}

const router = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/users",
    Database.pipe(
      Effect.flatMap(({ users }) => users),
      Effect.flatMap((users) => HttpServerResponse.json(users)),
      Effect.ensuring(Effect.log("handler ended"))
    )
  )
)

const HttpLive = TsgiHttpServer.layerConfig({
  port: Config.integer("PORT").pipe(Config.withDefault(8090)),
  timeouts: { grace: Config.integer("GRACE").pipe(Config.withDefault(10_000)) }
})

const app = router.pipe(
  HttpServer.serve(),
  Layer.provide(Database.Default)
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(HttpLive)
  ))
}
