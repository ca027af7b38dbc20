/**
 * A body that the application does not read ends too, by `timeouts.request`.
 *
 * The family: a body of known length, chunks, chunk extensions and trailers, which stall or drip, with HTTP/1.0 and 1.1, before
 * the answer and within it; and those for which the client is not to blame: all has arrived, the server does not read on, or a
 * 100 is owed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Duplex } from "node:stream"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { ResponseError } from "../../src/exchange/ServerError.js"
import type { PartialConfig } from "../../src/server/Config.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, head as lines, postChunked, request } from "../utils/requests.js"
import { named, readBody, serve } from "./engine.js"

const head = { status: 200, fields: [] }

interface Scene {
  readonly client: WireClient
  readonly journal: Journal<string>
  /** The exchange whose application is working. */
  readonly exchange: Exchange
  /** Moves the clock. */
  readonly pass: (seconds: number) => Effect.Effect<void>
}

/** Serves an application that reads nothing and answers nothing until the test lets it. */
const scene = (request: string, use: (scene: Scene) => Effect.Effect<void>, config: PartialConfig = {}) =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const exchanges = new Journal<Exchange>()
    const { connect } = yield* serve(
      (exchange) => {
        exchange.postHook((outcome) => journal.push(`hook ${named(outcome)}`))
        if (exchange.request.target === "/again") return void exchange.respond(head, "again")
        exchange.running((reason, ended) => {
          journal.push(`told ${reason}`)
          ended()
        })
        exchanges.push(exchange)
      },
      journal,
      { ...config, timeouts: { request: 100_000, ...config.timeouts } }
    )
    const client = connect()
    client.send(request)
    const [exchange] = yield* Effect.promise(() => exchanges.first(1))
    const pass = (seconds: number) =>
      Effect.promise(() => turns(5)).pipe(
        Effect.zipRight(TestClock.adjust(seconds * 1000)),
        Effect.zipRight(Effect.promise(() => turns(5)))
      )
    const leave = Effect.promise(() => {
      client.close()
      return turns(20)
    })
    yield* Effect.ensuring(use({ client, journal, exchange, pass }), leave)
  })

const response = (client: WireClient) => Effect.promise(() => client.response())

const length = (bytes: number, version = "1.1"): string =>
  lines(`POST / HTTP/${version}`, "Host: a", `Content-Length: ${bytes}`)
const chunked = postChunked("/", "")
const expecting = (bytes: number): string => request("POST", "/", ["Expect: 100-continue", `Content-Length: ${bytes}`])

const late: Record<string, readonly [begin: string, piece: string]> = {
  "a body of known length": [length(100_000), "a"],
  "a body of known length, of HTTP/1.0": [length(100_000, "1.0"), "a"],
  "a chunked body": [chunked, "1\r\na\r\n"],
  "the data of a chunk": [`${chunked}ffff\r\n`, "a"],
  "a chunk extension": [`${chunked}1;`, "a"],
  "a chunk size": [`${chunked}1\r\na\r\n`, "0"],
  "trailers": [`${chunked}0\r\n`, "a: b\r\n"],
  "a body for which a 100 is owed": [expecting(100_000), "a"]
}

const ended = ["told ReadTimeout", "hook Aborted ReadTimeout", "access Aborted ReadTimeout", "socket closed"]

describe.each(["stalls", "drips"])("a body that nobody reads, and that %s", (how) => {
  for (const [what, [begin, piece]] of Object.entries(late)) {
    it.scoped(`${what}: 408, and the application is interrupted`, () =>
      scene(begin, ({ client, journal, pass }) =>
        Effect.gen(function*() {
          client.send(piece)
          for (let seconds = 0; seconds < 90; seconds += 10) {
            yield* pass(10)
            if (how === "drips") client.send(piece)
          }
          assert.deepStrictEqual(journal.entries, [])
          yield* pass(15)
          const answer = yield* response(client)
          assert.deepStrictEqual([answer.status, answer.get("connection")], [408, "close"])
          client.end()
          yield* Effect.promise(() => journal.first(ended.length))
          assert.sameMembers([...journal.entries], ended)
        })))
  }
})

it.scoped("an application that is between two reads is interrupted like one that does not read", () =>
  scene(length(10), ({ client, exchange, journal, pass }) =>
    Effect.gen(function*() {
      client.send("abc")
      yield* pass(1)
      assert.instanceOf(exchange.body.take(), Uint8Array)
      yield* pass(110)
      assert.strictEqual((yield* response(client)).status, 408)
      client.end()
      yield* Effect.promise(() => journal.first(ended.length))
      assert.sameMembers([...journal.entries], ended)
    })))

describe("the client is not late", () => {
  const whole: Record<string, string> = {
    "with a length": `${length(3)}abc`,
    "with a length, of HTTP/1.0": `${length(3, "1.0")}abc`,
    "in chunks": `${chunked}1;x\r\na\r\n2\r\nbc\r\n0\r\n\r\n`,
    "in chunks with trailers": `${chunked}3\r\nabc\r\n0\r\na: b\r\n\r\n`
  }
  for (const [how, request] of Object.entries(whole)) {
    it.scoped(`with a body that has come whole, ${how}`, () =>
      scene(request, ({ client, exchange, journal, pass }) =>
        Effect.gen(function*() {
          yield* pass(1000)
          assert.deepStrictEqual(journal.entries, [])
          readBody(exchange)
          exchange.ended()
          assert.strictEqual(String((yield* response(client)).body), "3")
          if (request.includes("1.0")) return
          client.send(get("/again"))
          assert.strictEqual(String((yield* response(client)).body), "again")
        })))

    it.scoped(`with a body that has come whole, ${how}, and is never read`, () =>
      scene(request, ({ client, exchange, pass }) =>
        Effect.gen(function*() {
          yield* pass(1000)
          exchange.respond(head, "unread")
          exchange.ended()
          assert.strictEqual(String((yield* response(client)).body), "unread")
          if (request.includes("1.0")) return
          client.send(get("/again"))
          assert.strictEqual(String((yield* response(client)).body), "again")
        })))
  }

  it.scoped("while a 100 is owed: its time begins with the 100", () =>
    scene(
      expecting(3),
      ({ client, exchange, journal, pass }) =>
        Effect.gen(function*() {
          yield* pass(350)
          assert.deepStrictEqual(journal.entries, [])
          readBody(exchange)
          exchange.ended()
          assert.strictEqual((yield* Effect.promise(() => client.head())).status, 100)
          for (const byte of "abc") {
            yield* pass(29)
            client.send(byte)
          }
          assert.strictEqual(String((yield* response(client)).body), "3")
        }),
      { rates: { body: 0 } }
    ))

  it.scoped("while the server leaves it no room, and the application reads", () =>
    scene(length(1_000_000), ({ client, exchange, journal, pass }) =>
      Effect.gen(function*() {
        client.send("a".repeat(1_000_000))
        yield* pass(1)
        for (let i = 0; i < 4; i++) {
          yield* pass(90)
          assert.instanceOf(exchange.body.take(), Uint8Array)
        }
        assert.deepStrictEqual(journal.entries, [])
        readBody(exchange)
        exchange.ended()
        assert.strictEqual(String((yield* response(client)).body), "1000000")
      })))

  it.scoped("on a connection that was taken over", () =>
    scene(length(100), ({ client, exchange, journal, pass }) =>
      Effect.gen(function*() {
        client.send("abc")
        yield* pass(1)
        const taken = exchange.takeOver()
        if (taken instanceof ResponseError || !(taken.stream instanceof Duplex)) throw new Error("no stream")
        yield* pass(1000)
        assert.deepStrictEqual(journal.entries, [])
        taken.stream.resume().end("mine")
        yield* Effect.promise(() => client.until("mine"))
      })))
})

it.scoped("a 100 that was owed for long, and paid without a read, does not take the end away", () =>
  scene(
    expecting(3),
    ({ client, exchange, journal, pass }) =>
      Effect.gen(function*() {
        yield* pass(150)
        exchange.sendContinue()
        assert.strictEqual((yield* Effect.promise(() => client.head())).status, 100)
        client.send("a")
        yield* pass(150)
        assert.strictEqual((yield* response(client)).status, 408)
        assert.include(journal.entries, "hook Aborted ReadTimeout")
      })
  ))

it.scoped("an application that leaves the client no room to send is late itself: 503", () =>
  scene(length(10_000_000), ({ client, journal, pass }) =>
    Effect.gen(function*() {
      client.send("a".repeat(10_000_000))
      yield* pass(90)
      assert.deepStrictEqual(journal.entries, [])
      yield* pass(15)
      const answer = yield* response(client)
      assert.deepStrictEqual([answer.status, answer.get("connection")], [503, "close"])
      client.end()
      yield* Effect.promise(() => journal.first(4))
      assert.sameMembers([...journal.entries], ["told HandlerTimeout", "hook Failed", "access Failed", "socket closed"])
    })))

describe("once the answer has begun", () => {
  for (const [what, [begin, piece]] of Object.entries(late)) {
    it.scoped(`${what} is given up: the answer goes on, and no request follows`, () =>
      scene(begin, ({ client, exchange, journal, pass }) =>
        Effect.gen(function*() {
          client.send(piece)
          exchange.start(head, 6)
          exchange.addPart("one")
          exchange.flush()
          for (let i = 0; i < 30; i++) yield* pass(10)
          assert.deepStrictEqual(journal.entries, [])
          exchange.addPart("two")
          exchange.finish()
          exchange.ended()
          assert.strictEqual(String((yield* response(client)).body), "onetwo")
          // this is at once, and not after the wait for more bytes
          yield* Effect.promise(() => journal.first(2))
          client.send(get("/again"))
          client.end()
          yield* Effect.promise(() => client.whenEnded())
          yield* Effect.promise(() => journal.find((entry) => entry === "socket closed"))
          assert.deepStrictEqual(journal.entries, ["hook Sent", "access Sent", "socket closed"])
        })))
  }
})

for (const request of [0, Infinity]) {
  it.scoped(`timeouts.request: ${request} switches the end off`, () =>
    scene(length(10), ({ client, journal, pass }) =>
      Effect.gen(function*() {
        client.send("abc")
        yield* pass(100_000)
        assert.deepStrictEqual(journal.entries, [])
        client.reset()
        yield* Effect.promise(() => journal.find((entry) => entry === "hook Aborted ClientGone"))
      }), { timeouts: { request } }))
}

it.scoped("another body after a 100 has a total of its own", () =>
  scene(`${chunked}1\r\na\r\n0\r\n\r\n`, ({ client, exchange, journal, pass }) =>
    Effect.gen(function*() {
      for (let taken = exchange.body.take(); taken instanceof Uint8Array; taken = exchange.body.take());
      assert.isTrue(exchange.body.complete)
      yield* pass(1000)
      exchange.interim(100, [])
      readBody(exchange)
      exchange.ended()
      assert.strictEqual((yield* Effect.promise(() => client.head())).status, 100)
      for (let i = 0; i < 15 && !journal.entries.includes("socket closed"); i++) {
        client.send("1\r\na\r\n")
        yield* pass(10)
      }
      assert.strictEqual((yield* response(client)).status, 408)
    }), { multiPhaseBody: true, rates: { body: 0 } }))
