/** Node streams as response bodies are let go of, whatever becomes of the response. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { Readable } from "node:stream"
import { TsgiHttpServer } from "tsgi/effect"
import { connect } from "../utils/sockets.js"
import { requestBytes } from "./exchanges.js"

const serving = (body: Readable) =>
  Effect.gen(function*() {
    yield* HttpServer.serveEffect(Effect.succeed(HttpServerResponse.raw(body, { contentType: "text/plain" })))
    const port = yield* HttpServer.addressWith((address) =>
      address._tag === "TcpAddress" ? Effect.succeed(address.port) : Effect.dieMessage("no port")
    )
    return yield* Effect.acquireRelease(
      Effect.promise(() => connect({ _tag: "Tcp", host: "127.0.0.1", port })),
      (client) => Effect.sync(() => client.close())
    )
  })

const layer = TsgiHttpServer.layerServer({ port: 0 })

it.scoped("when it was not asked for", () =>
  Effect.gen(function*() {
    const body = Readable.from(["never sent"])
    const closed = once(body, "close")
    const client = yield* serving(body)
    client.send(requestBytes("HEAD", "/", {}))
    expect((yield* Effect.promise(() => client.head())).status).toBe(200)
    yield* Effect.promise(() => closed)
  }).pipe(Effect.provide(layer)))

it.scoped("when the client leaves while it has nothing to give", () =>
  Effect.gen(function*() {
    const body = new Readable({ read: () => undefined })
    const closed = once(body, "close")
    const client = yield* serving(body)
    client.send(requestBytes("GET", "/", {}))
    body.push("something")
    yield* Effect.promise(() => client.until("something"))
    client.close()
    yield* Effect.promise(() => closed)
  }).pipe(Effect.provide(layer)))

it.scoped("when it fails, and the client can tell", () =>
  Effect.gen(function*() {
    const body = new Readable({ read: () => undefined })
    const client = yield* serving(body)
    client.send(requestBytes("GET", "/", {}))
    body.push("something")
    yield* Effect.promise(() => client.until("something"))
    body.destroy(new Error("why"))
    const rest = yield* Effect.promise(() => client.all())
    expect(rest.toString()).not.toContain("0\r\n\r\n")
  }).pipe(Effect.provide(layer)))
