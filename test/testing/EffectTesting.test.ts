/** A user's test, as the README shows it. */
import { HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { expect, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { MemoryListener, ServerConfig, TsgiHttpServer } from "tsgi/effect"

const app = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  return HttpServerResponse.text(yield* request.text)
})

const server = HttpServer.serve(app).pipe(
  Layer.provide(TsgiHttpServer.layerWith()),
  Layer.provide(TsgiHttpServer.layerServices),
  Layer.provideMerge(MemoryListener.layer({ deliverAtMost: 1 })),
  Layer.provide(ServerConfig.layer({ ...TsgiHttpServer.defaults, timeouts: { body: 20_000, grace: 0 } }))
)

it.scoped("a body that does not come is answered 408", () =>
  Effect.gen(function*() {
    const { connect } = yield* MemoryListener.MemoryListener
    const client = yield* connect()
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    // the first read sends it
    expect((yield* Effect.promise(() => client.head())).status).toBe(100)
    yield* TestClock.adjust("21 seconds")
    expect((yield* Effect.promise(() => client.response())).status).toBe(408)
  }).pipe(Effect.provide(server)))
