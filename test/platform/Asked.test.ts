/** Facts about a request that the platform does not have: trailers and TLS, but not the objects of node:http. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { TsgiHttpServer } from "tsgi/effect"
import { ServedExchange } from "../../src/exchange/ServedExchange.js"
import { makeCertificate } from "../utils/certificate.js"
import { get, request } from "../utils/requests.js"
import { connectTls } from "../utils/sockets.js"
import { type Handler, kinds, nothingSeen, serve, someKinds } from "./scene.js"

const ask = (kind: string, handler: Handler, send: string) =>
  Effect.gen(function*() {
    const scene = yield* serve(kinds[kind](handler), nothingSeen(), { memory: true })
    const client = yield* Effect.promise(scene.connect)
    client.send(send)
    return JSON.parse((yield* Effect.promise(() => client.response())).body.toString()) as unknown
  })

const current = HttpServerRequest.HttpServerRequest

for (const kind of someKinds) {
  describe(kind, () => {
    it.scoped("trailers, once the body was read", () =>
      Effect.gen(function*() {
        const handler: Handler = Effect.gen(function*() {
          const before = yield* TsgiHttpServer.trailers
          yield* Effect.flatMap(current, (request) => request.text)
          return HttpServerResponse.unsafeJson([before, yield* TsgiHttpServer.trailers])
        }).pipe(Effect.orDie)
        const chunked = request("POST", "/", ["Transfer-Encoding: chunked"])
        assert.deepStrictEqual(yield* ask(kind, handler, `${chunked}1\r\na\r\n0\r\nX-Sum: 1\r\nx-b: 2\r\n\r\n`), [
          [],
          [["X-Sum", "1"], ["x-b", "2"]]
        ])
        assert.deepStrictEqual(yield* ask(kind, handler, get()), [[], []])
      }))

    it.scoped("TLS: none", () =>
      Effect.gen(function*() {
        const handler: Handler = Effect.map(TsgiHttpServer.tls, (tls) =>
          HttpServerResponse.unsafeJson(Option.isNone(tls)))
        assert.strictEqual(yield* ask(kind, handler, get()), true)
      }))

    it.scoped("node:http's objects: none", () =>
      Effect.gen(function*() {
        const handler: Handler = Effect.gen(function*() {
          const request = yield* current
          const message = NodeHttpServerRequest.toIncomingMessage(request)
          assert.instanceOf(message, ServedExchange)
          for (const name of messageNames) {
            assert.throws(() => Reflect.get(message, name), TsgiHttpServer.NotNode, `\`${name}\``)
          }
          assert.strictEqual(Reflect.get(message, "user"), undefined)
          assert.isDefined(Reflect.get(message, "request"))
          assert.strictEqual((yield* HttpServerRequest.toWeb(request)).method, "GET")
          const error = yield* Effect.flip(
            Effect.try({ try: () => NodeHttpServerRequest.toServerResponse(request), catch: (error) => error })
          )
          assert.instanceOf(error, TsgiHttpServer.NotNode)
          return HttpServerResponse.unsafeJson("asked")
        }).pipe(Effect.orDie)
        assert.strictEqual(yield* ask(kind, handler, get()), "asked")
      }))
  })
}

/** Properties that programs read of an IncomingMessage. */
const messageNames = [
  "headers",
  "headersDistinct",
  "rawHeaders",
  "url",
  "method",
  "socket",
  "connection",
  "httpVersion"
]
  .concat(
    "complete",
    "aborted",
    "trailers",
    "pipe",
    "on",
    "once",
    "read",
    "resume",
    "destroy",
    "setTimeout",
    "readable"
  )

it.scoped("TLS: what was agreed on", () =>
  Effect.gen(function*() {
    const tls = yield* Effect.promise(() => makeCertificate("example.test"))
    const handler = Effect.map(TsgiHttpServer.tls, (found) =>
      HttpServerResponse.unsafeJson(
        Option.getOrUndefined(
          Option.map(found, ({ authorized, protocol, serverName }) => [authorized, protocol, serverName])
        )
      ))
    const context = yield* Layer.build(
      Layer.provideMerge(HttpServer.serve(handler), TsgiHttpServer.layerServer({ host: "127.0.0.1", port: 0, tls }))
    )
    const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
    const port = address._tag === "TcpAddress" ? address.port : 0
    const client = yield* Effect.promise(() => connectTls(port, { servername: "example.test" }))
    client.send(get())
    const response = yield* Effect.promise(() => client.response())
    assert.deepStrictEqual(JSON.parse(response.body.toString()), [false, "TLSv1.3", "example.test"])
    client.close()
  }))
