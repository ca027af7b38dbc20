/** An invalid WebSocket handshake is refused while the application can still answer. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { request } from "../utils/requests.js"
import { type Handler, kinds, nothingSeen, serve, someKinds } from "./scene.js"

const upgrading: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, Effect.Effect.Context<Handler>> = Effect
  .gen(function*() {
    const socket = yield* HttpServerRequest.upgrade
    yield* socket.runRaw(() => Effect.void)
    return HttpServerResponse.empty()
  })

const head = (fields: Readonly<Record<string, string>>, method = "GET") =>
  request(
    method,
    "/",
    Object.entries({
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...fields
    }).map(([name, value]) => `${name}: ${value}`)
  )

const refused: ReadonlyArray<readonly [what: string, head: string]> = [
  ["no version", head({ "Sec-WebSocket-Version": "" })],
  ["version 12", head({ "Sec-WebSocket-Version": "12" })],
  ["a short key", head({ "Sec-WebSocket-Key": "c2hvcnQ=" })],
  ["another method", head({}, "POST")],
  ["several protocols to choose from", head({ Upgrade: "websocket, other" })],
  ["malformed extensions", head({ "Sec-WebSocket-Extensions": ";;" })],
  [
    "extensions that make no sense",
    head({ "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=1" })
  ],
  ["malformed subprotocols", head({ "Sec-WebSocket-Protocol": "," })],
  ["a subprotocol twice", head({ "Sec-WebSocket-Protocol": "a, a" })]
]

for (const kind of someKinds) {
  describe(kind, () => {
    for (const [what, sent] of refused) {
      it.scoped(`${what}: 400, and the log says so`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const scene = yield* serve(kinds[kind](Effect.orDie(upgrading)), seen, { memory: true })
          const client = yield* Effect.promise(scene.connect)
          client.send(sent)
          assert.strictEqual((yield* Effect.promise(() => client.response())).status, 400)
          const [record] = yield* Effect.promise(() => seen.records.first(1))
          assert.deepStrictEqual([record.status, record.outcome?.status], [400, 400])
        }))

      it.scoped(`${what}: the handler may answer as it likes`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const handler: Handler = Effect.catchAll(upgrading, () =>
            Effect.succeed(HttpServerResponse.empty({ status: 426 })))
          const scene = yield* serve(kinds[kind](handler), seen, { memory: true })
          const client = yield* Effect.promise(scene.connect)
          client.send(sent)
          assert.strictEqual(
            (yield* Effect.promise(() =>
              client.response()
            )).status,
            426
          )
        }))
    }

    for (
      const [what, fields] of [
        ["version 8, as ws does", { "Sec-WebSocket-Version": "8" }],
        ["extensions and subprotocols", {
          "Sec-WebSocket-Extensions": "other, permessage-deflate; client_max_window_bits",
          "Sec-WebSocket-Protocol": "one, two"
        }]
      ] as const
    ) {
      it.scoped(`takes ${what}`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const scene = yield* serve(kinds[kind](Effect.orDie(upgrading)), seen, { memory: true })
          const client = yield* Effect.promise(scene.connect)
          client.send(head(fields))
          const response = yield* Effect.promise(() => client.head())
          assert.strictEqual(response.status, 101)
          assert.strictEqual(
            response.get("sec-websocket-protocol"),
            "Sec-WebSocket-Protocol" in fields ? "one" : undefined
          )
          client.close()
        }))
    }
  })
}
