/**
 * An HttpApi with interim responses and post hooks: an upload is refused or accepted before its body is sent, pages send early
 * hints, and the bandwidth really used is logged after each exchange.
 *
 *   npx tsx examples/effect/api.ts
 *   curl -i -H "Expect: 100-continue" -d "hello" http://127.0.0.1:8090/uploads/a
 *       HTTP/1.1 100 Continue
 *       Upload-Limit: 1000000
 *
 *       HTTP/1.1 201 Created ... {"name":"a","bytes":5}
 *   head -c 2000000 /dev/zero | curl -i -H "Expect: 100-continue" --data-binary @- http://127.0.0.1:8090/uploads/b
 *       HTTP/1.1 413 Content Too Large ... {"limit":1000000,"_tag":"TooLong"}      and nothing was uploaded
 *   curl -i http://127.0.0.1:8090/
 *       HTTP/1.1 103 Early Hints
 *       Link: </style.css>; rel=preload; as=style
 *
 *       HTTP/1.1 200 OK ... <!doctype html> ...
 *   curl http://127.0.0.1:8090/file | head -c 10000000 | wc -c      the client leaves before the end
 *
 * The docs are at http://127.0.0.1:8090/docs. The server prints, after each exchange,
 *       POST /uploads/a: 2.. bytes, Sent 201
 *       GET /file: 1....... bytes, Aborted 200
 */
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiSchema,
  HttpApiSwagger,
  HttpMiddleware,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { InterimResponses, Posthooks, TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

const limit = 1_000_000

class TooLong extends Schema.TaggedError<TooLong>()(
  "TooLong",
  { limit: Schema.Number },
  HttpApiSchema.annotations({ status: 413 })
) {}

class Files extends HttpApiGroup.make("files", { topLevel: true })
  .add(HttpApiEndpoint.get("page", "/").addSuccess(HttpApiSchema.Text({ contentType: "text/html" })))
  .add(HttpApiEndpoint.get("file", "/file").addSuccess(HttpApiSchema.Uint8Array()))
  .add(
    HttpApiEndpoint.post("upload", "/uploads/:name")
      .setPath(Schema.Struct({ name: Schema.String }))
      .addSuccess(Schema.Struct({ name: Schema.String, bytes: Schema.Number }), { status: 201 })
      .addError(TooLong)
  )
{}

class Api extends HttpApi.make("api").add(Files) {}

const FilesLive = HttpApiBuilder.group(Api, "files", (handlers) =>
  handlers
    .handle("page", () =>
      InterimResponses.earlyHints({ Link: "</style.css>; rel=preload; as=style" }).pipe(
        // an HTTP/1.0 client gets the page without hints
        Effect.ignore,
        Effect.as("<!doctype html>\n<link rel=\"stylesheet\" href=\"/style.css\">\n")
      ))
    .handle(
      "file",
      () => Effect.succeed(HttpServerResponse.stream(Stream.forever(Stream.make(new Uint8Array(65_536)))))
    )
    .handle("upload", ({ path, request }) =>
      Effect.gen(function*() {
        // without a read no 100 is sent, so the client sends no body
        if (!(Number(request.headers["content-length"]) <= limit)) return yield* new TooLong({ limit })
        yield* InterimResponses.setContinueHeaders({ "Upload-Limit": String(limit) })
        // the first read sends the 100 that the client waits for
        const bytes = yield* Stream.runFold(request.stream, 0, (sum, piece) => sum + piece.length)
        return { name: path.name, bytes }
      }).pipe(Effect.catchTags({ InterimError: Effect.die, RequestError: Effect.die }))))

const accounting = HttpMiddleware.make((app) =>
  Effect.gen(function*() {
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    yield* Posthooks.add((outcome) =>
      Console.log(`${method} ${url}: ${outcome.wireBytes} bytes, ${outcome._tag} ${outcome.status}`)
    ).pipe(Effect.orDie)
    return yield* app
  })
)

const app = HttpApiBuilder.serve(accounting).pipe(
  Layer.provide(HttpApiSwagger.layer()),
  Layer.provide(HttpApiBuilder.api(Api)),
  Layer.provide(FilesLive)
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
