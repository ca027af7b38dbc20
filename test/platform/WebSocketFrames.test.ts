/**
 * The messages of a WebSocket do not depend on how its frames arrive: with the handshake in one packet, in pieces, or before the
 * application listens.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Journal, turns } from "../utils/Journal.js"
import { upgrade } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { frame } from "../utils/webSockets.js"
import { type Handler, kinds, nothingSeen, serve } from "./scene.js"

const handshake = upgrade()

const close = frame(Buffer.from([0x03, 0xe8]), 0x88)

const scene = (onOpen?: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const heard = new Journal<string>()
    const handler: Handler = Effect.gen(function*() {
      const socket = yield* HttpServerRequest.upgrade
      const write = yield* socket.writer
      const exit = yield* Effect.exit(socket.runRaw((message) => {
        heard.push(message.toString())
        return write(message)
      }, { onOpen }))
      heard.push(exit._tag === "Success" ? "closed" : "failed")
      return HttpServerResponse.empty()
    }).pipe(Effect.scoped, Effect.orDie)
    const { address } = yield* serve(kinds.HttpApp(handler), nothingSeen())
    const client = yield* Effect.promise(() => connect(address))
    yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
    return { client, heard }
  })

const messages = Array.from({ length: 20 }, (_, i) => `message ${i}`)
const all = Buffer.concat([Buffer.from(handshake), ...messages.map((message) => frame(message)), close])

const cuts: Record<string, ReadonlyArray<Buffer>> = {
  "in one packet": [all],
  "cut within a frame": [all.subarray(0, handshake.length + 3), all.subarray(handshake.length + 3)],
  "cut behind a frame": [all.subarray(0, handshake.length + 15), all.subarray(handshake.length + 15)],
  "cut within the handshake": [all.subarray(0, handshake.length - 2), all.subarray(handshake.length - 2)]
}

const opens: Record<string, Effect.Effect<void> | undefined> = {
  "": undefined,
  ", heard late": Effect.promise(() => turns(5))
}

describe("the handshake, messages and the close", () => {
  for (const [how, onOpen] of Object.entries(opens)) {
    for (const [what, packets] of Object.entries(cuts)) {
      it.scoped(`${what}${how}: every message is heard`, () =>
        Effect.gen(function*() {
          const { client, heard } = yield* scene(onOpen)
          for (const packet of packets) {
            client.send(packet)
            yield* Effect.promise(() => turns(3))
          }
          yield* Effect.promise(() => client.whenEnded())
          client.end()
          yield* Effect.promise(() => heard.find((entry) => entry === "closed"))
          assert.deepStrictEqual(heard.entries, [...messages, "closed"])
        }))
    }
  }
})
