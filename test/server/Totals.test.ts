/**
 * Everything that a client does has an end: every phase of a request has a total time or a least rate.
 *
 * The family: a byte now and then, just in time for each deadline on silence, in a body, in chunk sizes and their extensions, in
 * trailers, and of a download; a body that is not read; a client that has closed its sending half; an application that does not
 * begin its answer.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import type { PartialConfig } from "../../src/server/Config.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { named, readBody, serve } from "./engine.js"

const head = { status: 200, fields: [] }

const handler = (exchange: Exchange, journal: Journal<string>): void => {
  exchange.postHook((outcome) => journal.push(`hook ${named(outcome)}`))
  if (exchange.request.target === "/read") return readBody(exchange)
  if (exchange.request.target === "/large") return void exchange.respond(head, "x".repeat(20_000_000))
  exchange.running((reason, ended) => {
    journal.push(`told ${reason}`)
    ended()
  })
}

/** Sends a piece every eight seconds for ten minutes. Returns the seconds after which the server has given up. */
const drip = (client: WireClient, piece: string, until: () => boolean) =>
  Effect.gen(function*() {
    for (let seconds = 0; seconds < 600; seconds += 8) {
      if (until()) return seconds
      client.send(piece)
      yield* Effect.promise(() => turns(4))
      yield* TestClock.adjust("8 seconds")
      yield* Effect.promise(() => turns(4))
    }
    return Infinity
  })

const chunked = request("POST", "/read", ["Transfer-Encoding: chunked"])
const drips: Record<string, readonly [begin: string, piece: string]> = {
  "a body of known length": [request("POST", "/read", ["Content-Length: 100000"]), "a"],
  "a chunked body": [chunked, "1\r\na\r\n"],
  "the data of a chunk": [`${chunked}ffff\r\n`, "a"],
  "a chunk extension": [`${chunked}1;`, "a"],
  "a chunk size": [`${chunked}`, "0"],
  "trailers": [`${chunked}0\r\n`, "a: b\r\n"],
  "a field name in trailers": [`${chunked}0\r\n`, "a"]
}

describe("a byte now and then", () => {
  const settings: Record<string, readonly [config: PartialConfig, within: number]> = {
    "with a least rate": [{}, 70],
    "with a total": [{ rates: { body: 0 }, timeouts: { request: 100_000 } }, 110]
  }
  for (const [setting, [config, within]] of Object.entries(settings)) {
    for (const [what, [begin, piece]] of Object.entries(drips)) {
      it.scoped(`in ${what}, ${setting}: 408, or refused`, () =>
        Effect.gen(function*() {
          const journal = new Journal<string>()
          const { connect } = yield* serve(handler, journal, config)
          const client = connect()
          client.send(begin)
          const seconds = yield* drip(client, piece, () => journal.entries.includes("socket closed"))
          assert.isAtMost(seconds, within)
          assert.match((yield* Effect.promise(() => client.all())).toString("latin1"), /^HTTP\/1\.1 4\d\d /)
        }))
    }
  }

  it.scoped("in a head: 408", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(handler, journal, { timeouts: { head: Infinity, request: 100_000 } })
      const client = connect()
      client.send("GET / HTTP/1.1\r\n")
      assert.isAtMost(yield* drip(client, "a: b\r\n", () => journal.entries.includes("socket closed")), 110)
      assert.match((yield* Effect.promise(() => client.all())).toString("latin1"), /^HTTP\/1\.1 408 /)
    }))
})

describe("a client that is slow for its own reasons passes", () => {
  it.scoped("an upload at 600 bytes a second, within the total", () =>
    Effect.gen(function*() {
      const { connect } = yield* serve(handler, new Journal(), {})
      const client = connect()
      client.send(request("POST", "/read", ["Content-Length: 96000"]))
      for (let i = 0; i < 20; i++) {
        client.send("a".repeat(4800))
        yield* Effect.promise(() => turns(10))
        yield* TestClock.adjust("8 seconds")
      }
      assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "96000")
    }))

  it.scoped("an application that takes its time between reads is not its client's pace", () =>
    Effect.gen(function*() {
      const journal = new Journal<Exchange>()
      const { connect } = yield* serve((exchange) => journal.push(exchange), new Journal(), {
        timeouts: { request: Infinity }
      })
      const client = connect()
      client.send(request("POST", "/later", ["Content-Length: 2"], "a"))
      const [exchange] = yield* Effect.promise(() => journal.first(1))
      exchange.body.take()
      for (let i = 0; i < 20; i++) {
        const takeBack = exchange.body.wait(() => undefined)
        yield* TestClock.adjust("1 seconds")
        takeBack()
        yield* TestClock.adjust("20 seconds")
      }
      client.send("b")
      readBody(exchange)
      assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "2")
    }))
})

describe("a download", () => {
  for (const [pace, ends] of [[1000, true], [10_000, false]] as const) {
    it.scoped(`of which ${pace} bytes a second are read ${ends ? "is cut" : "goes on"}`, () =>
      Effect.gen(function*() {
        const journal = new Journal<string>()
        const { connect } = yield* serve(handler, journal, {})
        const client = connect()
        client.pause()
        client.send(get("/large"))
        yield* Effect.promise(() => turns(20))
        let taken = 0
        for (let seconds = 0; seconds < 200 && !journal.entries.includes("socket closed"); seconds += 10) {
          // the buffer between both takes 64 KiB at a time
          taken += pace * 10
          if (taken >= 65_536) {
            taken -= 65_536
            client.resume()
            yield* Effect.promise(() => turns(2))
            client.pause()
          }
          yield* TestClock.adjust("10 seconds")
          yield* Effect.promise(() => turns(5))
        }
        assert.strictEqual(journal.entries.includes("hook Aborted WriteTimeout"), ends)
        client.close()
      }))
  }
})

describe("a client that has closed its sending half", () => {
  for (const [option, seconds] of [[5000, 6], [Infinity, undefined]] as const) {
    it.scoped(`is taken for gone when it has no answer within ${option}`, () =>
      Effect.gen(function*() {
        const journal = new Journal<string>()
        const { connect } = yield* serve(handler, journal, { timeouts: { halfClose: option, grace: 0 } })
        const client = connect()
        client.send(get("/work"))
        client.end()
        yield* Effect.promise(() => turns(20))
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(journal.entries, [])
        yield* TestClock.adjust("100 seconds")
        yield* Effect.promise(() => turns(20))
        assert.strictEqual(journal.entries.includes("told ClientGone"), seconds !== undefined)
        client.close()
      }))
  }
})

describe("an application that does not begin its answer", () => {
  it.scoped("is told to end, and its client is answered 503", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(handler, journal, { timeouts: { handler: 3000 } })
      const client = connect()
      client.send(get("/work"))
      yield* Effect.promise(() => turns(20))
      yield* TestClock.adjust("4 seconds")
      const response = yield* Effect.promise(() => client.response())
      assert.deepStrictEqual([response.status, response.get("connection")], [503, "close"])
      client.end()
      assert.deepStrictEqual(
        yield* Effect.promise(() => journal.first(3)),
        ["told HandlerTimeout", "hook Failed", "access Failed"]
      )
    }))

  it.scoped("has all the time where nothing is said", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(handler, journal, { timeouts: { grace: 0 } })
      connect().send(get("/work"))
      yield* Effect.promise(() => turns(20))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(journal.entries, [])
    }))
})
