/** Deadlines that pass in the same moment. */
import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Config from "../../src/server/Config.js"
import { leastInterval } from "../../src/server/Sweep.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { readBody, serve } from "./engine.js"

it.scoped("all connections whose time is over are closed in one sweep", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect } = yield* serve(() => undefined, journal, { timeouts: { firstRequest: 1000 } })
    for (let i = 0; i < 5; i++) connect()
    yield* Effect.promise(() => turns(3))
    yield* TestClock.adjust(999)
    assert.deepStrictEqual(journal.entries, [])
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(journal.entries, Array.from({ length: 5 }, () => "socket closed"))
  }))

const post = request("POST", "/", ["Content-Length: 3"], "a")
const short: Record<string, readonly [config: Config.PartialConfig, request: string, half: boolean]> = {
  "timeouts.head": [{ timeouts: { head: 100 } }, "GET / HTTP/1.1\r\n", false],
  "timeouts.request": [{ timeouts: { request: 100 } }, post, false],
  "timeouts.body": [{ timeouts: { body: 100 } }, post, false],
  "timeouts.handler": [{ timeouts: { handler: 100 } }, post, false],
  "timeouts.halfClose": [{ timeouts: { halfClose: 100 } }, get("/work"), true],
  "timeouts.lingerTotal": [{ timeouts: { lingerTotal: 100 } }, "bad\r\n\r\n", false],
  "timeouts.hooks": [{ timeouts: { hooks: 100 } }, get("/hook", "Connection: close"), false],
  "rates.window": [{ rates: { window: 100 } }, post, false]
}

for (const [option, [given, request, half]] of Object.entries(short)) {
  it.scoped(`${option} is met in its time, shortly after another one`, () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const hooksEnd = yield* Deferred.make<void>()
      const { connect } = yield* serve(
        (exchange) => {
          if (exchange.request.target === "/hook") {
            exchange.postHook(() => Deferred.await(hooksEnd))
            return void exchange.respond({ status: 200, fields: [] }, "")
          }
          exchange.postHook((outcome) => journal.push(outcome._tag))
          if (exchange.hasBody) readBody(exchange)
          else exchange.running((_, ended) => ended())
        },
        journal,
        { ...given, timeouts: { interrupt: 60_000, linger: 60_000, hooks: 60_000, grace: 0, ...given.timeouts } }
      )
      const send = Effect.promise(() => {
        const client = connect()
        client.send(request)
        if (half) client.end()
        return turns(5).then(() => client)
      })
      const over = (client: { readonly ended: boolean }) =>
        Effect.promise(() => turns(5)).pipe(Effect.map(() => client.ended))
      const before = yield* send
      yield* TestClock.adjust(60)
      const client = yield* send
      yield* TestClock.adjust(60)
      const closes = option === "timeouts.lingerTotal" || option === "timeouts.hooks"
      if (!closes) assert.isTrue(yield* over(before))
      // deadlines are late by at most an eighth
      yield* TestClock.adjust(60)
      yield* Effect.promise(() => turns(5))
      if (closes) {
        assert.strictEqual(journal.entries.filter((entry) => entry === "socket closed").length, 2)
      } else assert.isTrue(yield* over(client))
      yield* Deferred.succeed(hooksEnd, undefined)
      before.close()
      client.close()
      yield* Effect.promise(() => turns(20))
    }))
}

it("no deadline that is swept for is left out", () => {
  const elsewhere = ["handshake", "settle", "farewell", "grace"]
  for (const name of Object.keys(Config.defaults.timeouts).filter((name) => !elsewhere.includes(name))) {
    const { rates, timeouts } = Config.defaults
    assert.strictEqual(leastInterval({ rates, timeouts: { ...timeouts, [name]: 80 } }), 10, name)
  }
  assert.strictEqual(leastInterval(Config.make({ rates: { window: 80 } })), 10)
  assert.strictEqual(leastInterval(Config.make({ timeouts: { request: 0 } })), leastInterval(Config.defaults))
})
