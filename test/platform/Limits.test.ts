/** Limits, and clients that break them: the answer, what the handler sees, and the log. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import type { RequestError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Posthooks, type ServerConfig, TsgiHttpServer } from "tsgi/effect"
import { turns } from "../utils/Journal.js"
import { postChunked, postOf } from "../utils/requests.js"
import {
  type Handler,
  kinds,
  named,
  nothingSeen,
  type SceneOptions,
  type Seen,
  serve,
  type Served,
  someKinds
} from "./scene.js"

type Reader = Effect.Effect<unknown, RequestError, HttpServerRequest.HttpServerRequest>

const reading = <A, E>(
  read: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<A, E>
): Effect.Effect<A, E, HttpServerRequest.HttpServerRequest> => Effect.flatMap(HttpServerRequest.HttpServerRequest, read)

const readers: Readonly<Record<string, Reader>> = {
  text: reading((request) => request.text),
  json: reading((request) => request.json),
  arrayBuffer: reading((request) => request.arrayBuffer),
  urlParamsBody: reading((request) => request.urlParamsBody),
  stream: reading((request) => Stream.runDrain(request.stream))
}

/** Answers with the result of a read, and notes the outcomes of hooks. */
const careful = (seen: Seen, read: Reader): Handler =>
  Effect.zipRight(
    Effect.orDie(Posthooks.add((outcome) => Effect.sync(() => seen.events.push(named(outcome))))),
    Effect.match(read, {
      onFailure: (error) => HttpServerResponse.text(`${error._tag} ${error.reason}`, { status: 422 }),
      onSuccess: () => HttpServerResponse.text("read")
    })
  )

/** Handlers that read a body and leave failures to the platform. */
const trusting: Readonly<Record<string, (seen: Seen, read: Reader) => Served>> = {
  HttpApp: (seen, read) => HttpServer.serve(answering(seen, read)),
  HttpRouter: (seen, read) => HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.post("/", answering(seen, read)))),
  HttpLayerRouter: (seen, read) =>
    HttpLayerRouter.serve<never, never, HttpLayerRouter.HttpRouter, never, never>(
      HttpLayerRouter.add("POST", "/", Effect.orDie(answering(seen, read))),
      { disableListenLog: true }
    ),
  HttpApi: (seen) =>
    HttpApiBuilder.serve().pipe(
      Layer.provide(HttpApiBuilder.api(PayloadApi)),
      Layer.provide(
        HttpApiBuilder.group(PayloadApi, "payload", (handlers) =>
          handlers.handle("post", ({ payload }) =>
            Effect.sync(() => {
              seen.events.push(`handler ${payload.name}`)
              return "read"
            })))
      ),
      Layer.provide(TsgiHttpServer.layerContext)
    )
}

const answering = (seen: Seen, read: Reader) =>
  Effect.as(
    Effect.tap(read, () => Effect.sync(() => seen.events.push("handler"))),
    HttpServerResponse.text("read")
  )

class PayloadApi extends HttpApi.make("api").add(
  HttpApiGroup.make("payload").add(
    HttpApiEndpoint.post("post", "/").setPayload(Schema.Struct({ name: Schema.String })).addSuccess(Schema.String)
  )
) {}

const talk = (served: Served, seen: Seen, options: SceneOptions = {}) =>
  Effect.gen(function*() {
    const scene = yield* serve(served, seen, { memory: true, ...options })
    return yield* Effect.acquireRelease(Effect.promise(scene.connect), (client) => Effect.sync(() => client.close()))
  })

const limits = (body: number): ServerConfig.PartialConfig => ({ limits: { body } })
const json = "Content-Type: application/json"
const chunked = postChunked("/", "", json)
const bytes = (length: number): string => `{"name":"${"x".repeat(length - 11)}"}`

for (const kind of someKinds) {
  describe(kind, () => {
    it.scoped("a body that is announced as too long is refused, and a client that uploads it all the same can read why", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(trusting[kind](seen, readers.text), seen, { memory: false, config: limits(1000) })
        client.send(postOf(8_000_000, "", json))
        for (let sent = 0; sent < 8; sent++) client.send(new Uint8Array(1_000_000))
        const response = yield* Effect.promise(() => client.response())
        assert.strictEqual(response.status, 413)
        assert.strictEqual(response.get("connection"), "close")
        yield* Effect.promise(() => client.whenEnded())
        const [record] = yield* Effect.promise(() => seen.records.first(1))
        assert.deepStrictEqual([record.status, record.refused?.reason], [413, "BodyTooLarge"])
        assert.deepStrictEqual(seen.events.entries, ["log 413"])
      }))

    it.scoped("a chunked body that turns out too long", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(trusting[kind](seen, readers.text), seen, { memory: false, config: limits(1000) })
        client.send(chunked)
        for (let sent = 0; sent < 8; sent++) {
          client.send("100000\r\n")
          client.send(new Uint8Array(0x100000))
          client.send("\r\n")
        }
        const response = yield* Effect.promise(() => client.response())
        assert.strictEqual(response.status, 413)
        assert.strictEqual(response.get("connection"), "close")
        const [record] = yield* Effect.promise(() => seen.records.first(1))
        assert.deepInclude(record.outcome, { _tag: "Aborted", reason: "BadRequest", status: 413 })
        assert.deepStrictEqual(seen.events.entries, ["log 413"])
        assert.deepStrictEqual(seen.lines.entries.filter((line) => line.startsWith("Error")), [])
      }))

    it.scoped("as many bytes as may be are read", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(trusting[kind](seen, readers.text), seen, { config: limits(1000) })
        client.send(postOf(1000, bytes(1000), json))
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
        client.send(`${chunked}1f4\r\n${bytes(1000).slice(0, 500)}\r\n1f4\r\n${bytes(1000).slice(500)}\r\n0\r\n\r\n`)
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
      }))

    for (
      const [what, config, send, status, reason] of [
        ["a malformed chunk", {}, `${chunked}nonsense\r\n`, 400, "BadRequest"],
        ["half a body", { halfClose: "answer" }, postOf(100, "half", json), 400, "ClientGone"]
      ] as const
    ) {
      it.scoped(`${what} is the client's mistake, and no failure`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const client = yield* talk(trusting[kind](seen, readers.text), seen, { config })
          client.send(send)
          client.end()
          const response = yield* Effect.promise(() => client.response())
          assert.strictEqual(response.status, status)
          assert.strictEqual(response.get("connection"), "close")
          const [record] = yield* Effect.promise(() => seen.records.first(1))
          assert.deepInclude(record.outcome, { _tag: "Aborted", reason, status })
          assert.deepStrictEqual(seen.lines.entries.filter((line) => line.startsWith("Error")), [])
        }))
    }

    it.scoped("a body that stops coming: 408", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(trusting[kind](seen, readers.text), seen)
        client.send(postOf(100, "half", json))
        yield* Effect.promise(() => turns(50))
        yield* TestClock.adjust("31 seconds")
        const response = yield* Effect.promise(() => client.response())
        assert.strictEqual(response.status, 408)
        assert.strictEqual(response.get("connection"), "close")
        const [record] = yield* Effect.promise(() => seen.records.first(1))
        assert.deepInclude(record.outcome, { _tag: "Aborted", reason: "ReadTimeout", status: 408 })
      }))

    // an HttpApi parses what it reads; all others have the bound for whole bodies
    const most = kind === "HttpApp" ? 10_485_760 : 1_048_576
    const door = kind === "HttpApp" || kind === "HttpApi" ? undefined : { maxBufferedBody: most }

    it.scoped(`${most} bytes are read whole, one more is not`, () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(trusting[kind](seen, readers.text), seen, { memory: false, door })
        client.send(postOf(most, bytes(most), json))
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
        client.send(postOf(most + 1, bytes(most + 1), json))
        const response = yield* Effect.promise(() => client.response())
        assert.strictEqual(response.status, 413)
        assert.strictEqual(response.get("connection"), "close")
      }))

    it.scoped("unless the server is told otherwise", () =>
      Effect.gen(function*() {
        const more = kind === "HttpApp" ? 10_485_761 : 1_048_577
        const seen = nothingSeen()
        const client = yield* talk(trusting[kind](seen, readers.text), seen, {
          memory: false,
          door: { maxBufferedBody: Infinity }
        })
        client.send(postOf(more, bytes(more), json))
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
      }))
  })
}

for (const kind of someKinds) {
  describe(`${kind}, with failures handled`, () => {
    for (const [how, read] of Object.entries(readers)) {
      if (how !== "stream") {
        it.scoped(`${how} of more than withMaxBodySize: Decode`, () =>
          Effect.gen(function*() {
            const seen = nothingSeen()
            const limited = HttpServerRequest.withMaxBodySize(read, Option.some(10))
            const client = yield* talk(kinds[kind](careful(seen, limited)), seen)
            for (const send of [postOf(11, "01234567890"), `${chunked}b\r\n01234567890\r\n0\r\n\r\n`]) {
              client.send(send)
              const response = yield* Effect.promise(() => client.response())
              assert.strictEqual(response.body.toString(), "RequestError Decode")
              assert.strictEqual(response.get("connection"), undefined)
            }
            client.send(postOf(10, "1234567890"))
            assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "read")
          }))
      }

      if (how !== "stream") {
        it.scoped(`${how} of more than withMaxBodySize, when it was read before: Decode`, () =>
          Effect.gen(function*() {
            const seen = nothingSeen()
            const limited = HttpServerRequest.withMaxBodySize(read, Option.some(10))
            const before = reading((request) => request.text)
            const failed = Effect.zipRight(Effect.ignore(limited), limited)
            const client = yield* talk(kinds[kind](careful(seen, Effect.zipRight(before, limited))), seen)
            const again = yield* talk(kinds[kind](careful(seen, failed)), seen)
            for (const send of [postOf(11, "01234567890"), `${chunked}b\r\n01234567890\r\n0\r\n\r\n`]) {
              for (const each of [client, again]) {
                each.send(send)
                const response = yield* Effect.promise(() => each.response())
                assert.strictEqual(response.body.toString(), "RequestError Decode")
              }
            }
          }))
      }

      it.scoped(`${how} of a malformed body: Decode`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const client = yield* talk(kinds[kind](careful(seen, read)), seen)
          client.send(`${chunked}5\r\nhelloXX`)
          const response = yield* Effect.promise(() => client.response())
          assert.strictEqual(response.body.toString(), "RequestError Decode")
          assert.strictEqual(response.get("connection"), "close")
          yield* Effect.promise(() => seen.records.first(1))
          // the answer is the handler's
          assert.deepStrictEqual(seen.events.entries, ["Sent 422", "log 422"])
        }))

      it.scoped(`${how} of half a body: Transport`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const client = yield* talk(kinds[kind](careful(seen, read)), seen, { config: { halfClose: "answer" } })
          client.send(postOf(10, "01234"))
          client.end()
          const response = yield* Effect.promise(() => client.response())
          assert.strictEqual(response.body.toString(), "RequestError Transport")
        }))
    }

    it.scoped("the fields as they came, beside the joined ones", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const handler = Effect.gen(function*() {
          const request = yield* HttpServerRequest.HttpServerRequest
          return HttpServerResponse.unsafeJson([yield* TsgiHttpServer.rawHeaders, request.headers])
        })
        const client = yield* talk(kinds[kind](handler), seen)
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\nCookie: c=1\r\nCookie: d=2\r\n\r\n")
        const response = yield* Effect.promise(() => client.response())
        assert.deepStrictEqual(JSON.parse(response.body.toString()), [
          [["Host", "a"], ["X-B", "1"], ["x-a", "2"], ["X-b", "3"], ["Cookie", "c=1"], ["Cookie", "d=2"]],
          { host: "a", "x-b": "1, 3", "x-a": "2", cookie: "c=1; d=2" }
        ])
      }))
  })
}

it.scoped("an address that is taken: ServeError, with what and why", () =>
  Effect.gen(function*() {
    const context = yield* Layer.build(TsgiHttpServer.layer({ host: "127.0.0.1", port: 0 }))
    const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
    const port = address._tag === "TcpAddress" ? address.port : 0
    const error = yield* Effect.flip(Layer.build(TsgiHttpServer.layer({ host: "127.0.0.1", port })))
    assert.strictEqual(error._tag, "ServeError")
    assert.deepInclude(error.cause, { _tag: "BindError", reason: "AddressInUse", address: `http://127.0.0.1:${port}` })
  }))
