/** A WebSocket whose peer has vanished without a word is cut, and one with a silent peer is not. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Journal, turns } from "../utils/Journal.js"
import { dial } from "../utils/webSockets.js"
import { exitName, kinds, nothingSeen, serve } from "./scene.js"

/** Serves a WebSocket that writes some bytes first, and then echoes. Notes how its Socket ends. */
const scene = (
  { atFirst = 0, autoPong = true, idle = 1_000 }: { atFirst?: number; autoPong?: boolean; idle?: number } = {}
) =>
  Effect.gen(function*() {
    const ends = new Journal<string>()
    const app = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const socket = yield* request.upgrade
      const write = yield* socket.writer
      if (atFirst > 0) yield* Effect.forkScoped(write(new Uint8Array(atFirst)))
      yield* socket.run((message) => write(message)).pipe(
        Effect.onExit((exit) => Effect.sync(() => ends.push(exitName(exit))))
      )
      return HttpServerResponse.empty()
    }).pipe(Effect.scoped, Effect.orDie)
    const { address } = yield* serve(kinds["HttpApp"](app), nothingSeen(), { door: { websocket: { idle } } })
    // without compression, what it is sent keeps its length
    const { client, heard } = yield* Effect.promise(() => dial(address, { autoPong, perMessageDeflate: false }))
    yield* Effect.addFinalizer(() => Effect.sync(() => client.terminate()))
    return { client, ends, heard }
  })

const pass = (milliseconds: number) =>
  Effect.promise(() => turns(50)).pipe(
    Effect.zipRight(TestClock.adjust(milliseconds)),
    Effect.zipRight(Effect.promise(() => turns(50)))
  )

const first = <A>(journal: Journal<A>, count: number) => Effect.promise(() => journal.first(count))

describe("websocket.idle", () => {
  it.scoped("a peer that is silent for so long is pinged, and cut off when it is silent for as long again", () =>
    Effect.gen(function*() {
      const { ends, heard } = yield* scene({ autoPong: false })
      yield* pass(900)
      assert.deepStrictEqual(heard.entries, [])
      yield* pass(100)
      assert.deepStrictEqual(yield* first(heard, 1), ["ping"])
      yield* pass(900)
      assert.deepStrictEqual(heard.entries, ["ping"])
      yield* pass(100)
      assert.deepStrictEqual(yield* first(heard, 2), ["ping", "closed 1006"])
      assert.deepStrictEqual(yield* first(ends, 1), ["ClientGone"])
    }))

  it.scoped("a peer that answers pings stays, and every second time is asked again", () =>
    Effect.gen(function*() {
      const { client, heard } = yield* scene()
      for (let pings = 1; pings <= 10; pings++) {
        yield* pass(1_000)
        assert.deepStrictEqual((yield* first(heard, pings)).length, pings)
        yield* pass(1_000)
      }
      assert.deepStrictEqual(heard.entries, Array(10).fill("ping"))
      assert.strictEqual(client.readyState, client.OPEN)
    }))

  it.scoped("a peer that speaks is not pinged, though it answers no pings", () =>
    Effect.gen(function*() {
      const { client, heard } = yield* scene({ autoPong: false })
      for (let said = 1; said <= 5; said++) {
        client.send("x")
        assert.deepStrictEqual(yield* first(heard, said), Array(said).fill("x"))
        yield* pass(1_000)
      }
      assert.deepStrictEqual(heard.entries, Array(5).fill("x"))
    }))

  it.scoped("a peer that takes nothing of what it is sent is cut off, before it could see a ping", () =>
    Effect.gen(function*() {
      const { client, ends } = yield* scene({ atFirst: 12_000_000 })
      client.pause()
      // the kernels of both sides may take their time for what they hold
      for (let seconds = 0; seconds < 5 && ends.entries.length === 0; seconds++) yield* pass(1_000)
      assert.deepStrictEqual(ends.entries, ["ClientGone"])
    }))

  it.scoped("a peer that takes what stands before the ping is not silent", () =>
    Effect.gen(function*() {
      const { client, heard } = yield* scene({ atFirst: 12_000_000 })
      client.pause()
      yield* pass(1_000)
      client.resume()
      assert.deepStrictEqual((yield* first(heard, 2)).map((entry) => entry.length), [12_000_000, "ping".length])
      yield* pass(1_000)
      assert.strictEqual(client.readyState, client.OPEN)
    }))

  for (const idle of [0, Infinity]) {
    it.scoped(`${idle} pings no peer`, () =>
      Effect.gen(function*() {
        const { client, heard } = yield* scene({ autoPong: false, idle })
        yield* pass(5_000)
        assert.deepStrictEqual(heard.entries, [])
        assert.strictEqual(client.readyState, client.OPEN)
      }))
  }

  it.scoped("a Socket that has ended pings no peer", () =>
    Effect.gen(function*() {
      const { client, ends, heard } = yield* scene()
      client.close(1000)
      yield* first(ends, 1)
      yield* pass(5_000)
      assert.deepStrictEqual(heard.entries, ["closed 1000"])
    }))
})
