/**
 * A connection that was taken over has a deadline for the writes of its new owner: if the peer takes nothing, it is closed.
 *
 * The family: in memory and on a socket; the rest after the kernel has taken a part; one large write, many small ones, the last
 * one of `end`; the rest of an earlier answer; and peers that take something, or for which nothing waits.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Net from "node:net"
import { Duplex } from "node:stream"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { ResponseError } from "../../src/exchange/ServerError.js"
import { bytesTaken } from "../../src/node/bytesTaken.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { type NotingApp, withServer } from "../utils/serving.js"
import { named, serve } from "./engine.js"

const takeOver = (exchange: Exchange): Duplex => {
  const taken = exchange.takeOver()
  if (taken instanceof ResponseError || !(taken.stream instanceof Duplex)) throw new Error("no stream")
  return taken.stream
}

const scene = (use: (stream: Duplex) => void) =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect } = yield* serve((exchange) => {
      exchange.postHook((outcome) => journal.push(`hook ${named(outcome)}`))
      use(takeOver(exchange))
    }, journal)
    const client = connect()
    client.pause()
    client.send(get())
    yield* Effect.promise(() => turns(10))
    return { client, journal }
  })

const pass = (seconds: number) =>
  TestClock.adjust(`${seconds} seconds`).pipe(Effect.zipRight(Effect.promise(() => turns(10))))

const given: Record<string, (stream: Duplex) => void> = {
  "one large write": (stream) => void stream.write(new Uint8Array(1_000_000)),
  "many small ones": (stream) => {
    for (let i = 0; i < 1_000; i++) stream.write("x".repeat(100))
  },
  "a last one": (stream) => void stream.end(new Uint8Array(100_000))
}

describe("a peer that takes nothing", () => {
  for (const [what, use] of Object.entries(given)) {
    it.scoped(`of ${what} is let go, and the outcome says so`, () =>
      Effect.gen(function*() {
        const { journal } = yield* scene(use)
        yield* pass(59)
        assert.deepStrictEqual(journal.entries, [])
        yield* pass(1)
        assert.sameMembers(journal.entries, [
          "hook Aborted WriteTimeout",
          "socket closed",
          "access Aborted WriteTimeout"
        ])
      }))
  }

  it.scoped("of what is written late has as long as of what was written first", () =>
    Effect.gen(function*() {
      const journal = new Journal<Duplex>()
      const { client, journal: told } = yield* scene((stream) => journal.push(stream))
      const [stream] = yield* Effect.promise(() => journal.first(1))
      yield* pass(1_000)
      stream.write(new Uint8Array(100_000))
      yield* pass(59)
      client.resume()
      yield* Effect.promise(() => turns(10))
      client.pause()
      yield* pass(1_000)
      assert.deepStrictEqual(told.entries, [])
      stream.write(new Uint8Array(100_000))
      yield* pass(59)
      assert.deepStrictEqual(told.entries, [])
      yield* pass(61)
      assert.include(told.entries, "hook Aborted WriteTimeout")
    }))
})

it.scoped("a peer that takes a little each minute stays", () =>
  Effect.gen(function*() {
    const { client, journal } = yield* scene((stream) => void stream.write(new Uint8Array(1_000_000)))
    for (let i = 0; i < 10; i++) {
      yield* pass(50)
      // the buffer between both takes 64 KiB at a time
      client.resume()
      yield* Effect.promise(() => turns(2))
      client.pause()
      assert.deepStrictEqual(journal.entries, [])
    }
    client.close()
    yield* Effect.promise(() => journal.first(1))
  }))

it.scoped("where nothing is owed, nothing wakes", () =>
  Effect.gen(function*() {
    const { client, journal } = yield* scene((stream) => void stream.write("hello"))
    yield* pass(1_000)
    assert.isTrue(Chunk.isEmpty(yield* TestClock.sleeps()))
    assert.deepStrictEqual(journal.entries, [])
    client.close()
    yield* Effect.promise(() => journal.first(1))
  }))

it("on a socket, at the plain door", () => {
  const app: NotingApp = (env, _, journal) => {
    env["eventlet.posthooks"].push([() => journal.push(env["tsgi.outcome"]?._tag ?? "no outcome")])
    env["wsgi.input"].getSocket().write(new Uint8Array(20_000_000))
    return ""
  }
  return withServer(app, { timeouts: { write: 100 } }, async ({ connect, journal }) => {
    const client = await connect()
    client.pause()
    client.send(get())
    assert.deepStrictEqual(await journal.first(1), ["Aborted"])
  })
})

it("within a large write, what the kernel takes is counted", async () => {
  const accepted = new Journal<Net.Socket>()
  const listener = Net.createServer((socket) => accepted.push(socket.pause()))
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const address = listener.address()
  const client = Net.connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1")
  await new Promise((resolve) => client.once("connect", resolve))
  const [peer] = await accepted.first(1)
  client.write(new Uint8Array(20_000_000))
  client.write("behind it")
  const before = bytesTaken(client)
  assert.isAbove(before, 0)
  assert.isBelow(before, 20_000_000)
  let within = 0
  peer.resume()
  while (bytesTaken(client) < 20_000_009) {
    await turns(1)
    if (client.writableLength > 20_000_000 && bytesTaken(client) > before) within = bytesTaken(client)
  }
  assert.isAbove(within, before)
  client.destroy()
  peer.destroy()
  await new Promise((resolve) => listener.close(resolve))
})
