/**
 * The swap: one line changes, and an application of NodeHttpServer runs on tsgi.
 *
 *   npx tsx examples/effect/swap.ts
 *   curl -i http://127.0.0.1:8090/            HTTP/1.1 200 OK ... Hello, World!
 *   curl http://127.0.0.1:8090/hello/you      Hello, you!
 *   curl -i http://127.0.0.1:8090/other       HTTP/1.1 404 Not Found
 *
 * Ctrl-C lets running requests finish, then exits.
 */
import { HttpMiddleware, HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"
import { TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

const router = HttpRouter.empty.pipe(
  HttpRouter.get("/", HttpServerResponse.text("Hello, World!\n")),
  HttpRouter.get(
    "/hello/:name",
    Effect.map(
      HttpRouter.schemaPathParams(Schema.Struct({ name: Schema.String })),
      ({ name }) => HttpServerResponse.text(`Hello, ${name}!\n`)
    )
  )
)

const app = router.pipe(
  HttpServer.serve(HttpMiddleware.logger)
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    // Layer.provide(NodeHttpServer.layer(createServer, { port }))
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
