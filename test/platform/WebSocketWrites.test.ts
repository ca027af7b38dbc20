/**
 * A client that reads nothing: the high-water mark bounds the writes to its WebSocket, whatever makes them, and all of them
 * arrive in order once the client reads.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Socket from "@effect/platform/Socket"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { atRest, Journal, turns } from "../utils/Journal.js"
import { dial } from "../utils/webSockets.js"
import { type Handler, kinds, nothingSeen, serve } from "./scene.js"

const size = 65_536

const dialHandler = (handler: Handler, options: { readonly perMessageDeflate: boolean }) =>
  Effect.gen(function*() {
    const seen = nothingSeen()
    const { address } = yield* serve(kinds.HttpApp(handler), seen, {
      door: { websocket: { highWaterMark: 1_048_576, ...options } }
    })
    const { client } = yield* Effect.promise(() => dial(address, options))
    yield* Effect.addFinalizer(() => Effect.sync(() => client.terminate()))
    return client
  })

const numbered = (index: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  new DataView(bytes.buffer).setUint32(0, index)
  return bytes
}

const handler = (
  use: (
    socket: Socket.Socket,
    write: Effect.Effect.Success<Socket.Socket["writer"]>
  ) => Effect.Effect<void, Socket.SocketError>
): Handler =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const socket = yield* request.upgrade
    const write = yield* socket.writer
    yield* Effect.catchTag(use(socket, write), "SocketError", () => Effect.void)
    return HttpServerResponse.empty()
  }).pipe(Effect.scoped, Effect.orDie)

for (const perMessageDeflate of [false, true]) {
  // compression takes time
  const count = perMessageDeflate ? 100 : 500

  describe(perMessageDeflate ? "compressed" : "plain", () => {
    it.scoped("a writer waits for its client", () =>
      Effect.gen(function*() {
        let written = 0
        const client = yield* dialHandler(
          handler((socket, write) =>
            Effect.raceFirst(
              socket.runRaw(() => Effect.void),
              Effect.gen(function*() {
                for (; written < count; written++) yield* write(crypto.getRandomValues(numbered(written)))
                yield* Effect.never
              })
            )
          ),
          { perMessageDeflate }
        )
        client.pause()
        const stuck = yield* Effect.promise(() => atRest(() => written))
        // the bound is the mark and what the kernel keeps on both sides
        assert.isBelow(stuck * size, 1_048_576 + 12_000_000)
        const heard = new Journal<number>()
        client.on("message", (data: Buffer) => heard.push(data.length))
        client.resume()
        yield* Effect.promise(() => heard.first(count))
        assert.strictEqual(written, count)
      }))

    it.scoped("an echo takes no more from a client that reads nothing, and gives all of it back in order", () =>
      Effect.gen(function*() {
        let received = 0
        const client = yield* dialHandler(
          handler((socket, write) =>
            socket.runRaw((message) => {
              received++
              return write(message)
            })
          ),
          { perMessageDeflate }
        )
        client.pause()
        for (let i = 0; i < count; i++) client.send(numbered(i))
        const stuck = yield* Effect.promise(() => atRest(() => received))
        if (!perMessageDeflate) assert.isBelow(stuck * size, 1_048_576 + 12_000_000)
        const heard = new Journal<number>()
        client.on("message", (data: Buffer) => heard.push(data.readUInt32BE(0)))
        client.resume()
        assert.deepStrictEqual(
          yield* Effect.promise(() => heard.first(count)),
          Array.from({ length: count }, (_, i) => i)
        )
      }))

    it.scoped("a close does not wait behind them", () =>
      Effect.gen(function*() {
        const closing = new Journal<string>()
        const client = yield* dialHandler(
          handler((socket, write) =>
            Effect.raceFirst(
              socket.runRaw(() => Effect.void),
              Effect.gen(function*() {
                const writing = yield* Effect.fork(Effect.forever(write(numbered(0))))
                yield* Effect.promise(() => turns(200))
                yield* write(new Socket.CloseEvent(1001, "enough"))
                closing.push("closed")
                yield* Effect.fromFiber(writing)
              })
            )
          ),
          { perMessageDeflate }
        )
        client.pause()
        yield* Effect.promise(() => closing.first(1))
        const code = new Promise<number>((resolve) => client.once("close", resolve))
        client.resume()
        assert.strictEqual(yield* Effect.promise(() => code), 1001)
      }))
  })
}

it.scoped("a writer that waits is over with its client", () =>
  Effect.gen(function*() {
    const over = new Journal<string>()
    const client = yield* dialHandler(
      handler((socket, write) =>
        Effect.raceFirst(
          Effect.ensuring(socket.runRaw(() => Effect.void), Effect.sync(() => over.push("run over"))),
          Effect.ensuring(Effect.forever(write(numbered(0))), Effect.sync(() => over.push("writer over")))
        )
      ),
      { perMessageDeflate: false }
    )
    client.pause()
    yield* Effect.promise(() => turns(200))
    client.terminate()
    yield* Effect.promise(() => over.first(2))
  }))
