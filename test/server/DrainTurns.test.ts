/**
 * A stop tells each session once that no more requests may follow: all at once, or in turn over a time.
 *
 * The family: sessions that are there when the stop begins, that are admitted before, at and after the end of that time, and that
 * end before their turn; whatever HTTP/1 makes of it: many answers or few, heads that are given again.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { DrainTurns } from "../../src/server/DrainTurns.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { serve } from "./engine.js"

/** Notes when it is told, and how often. */
class Session {
  readonly toldAt: Array<number> = []

  constructor(private readonly clock: { now: number }) {}

  drain(): void {
    this.toldAt.push(this.clock.now)
  }
}

const begun = 1000

const scene = (count: number, spread: number) => {
  const clock = { now: begun }
  const sessions = Array.from({ length: count }, () => new Session(clock))
  const drainTurns = new DrainTurns<Session>(sessions, begun, spread)
  /** Lets time pass up to `until`, in the pauses that it asks for. */
  const pass = (until: number): void => {
    for (let pause = drainTurns.tell(clock.now); clock.now < begun + until; pause = drainTurns.tell(clock.now)) {
      clock.now = Math.min(clock.now + pause, begun + until)
    }
  }
  const told = (): number => sessions.filter(({ toldAt }) => toldAt.length > 0).length
  return { clock, sessions, drainTurns, pass, told }
}

describe("the sessions of a stop", () => {
  it("are all told at once without a spread, and so are those that come later", () => {
    const { clock, drainTurns, sessions } = scene(5, 0)
    assert.strictEqual(drainTurns.tell(begun), Infinity)
    const late = new Session(clock)
    drainTurns.add(late, begun)
    assert.deepStrictEqual([...sessions, late].map(({ toldAt }) => toldAt), Array.from({ length: 6 }, () => [begun]))
  })

  it.each([1, 2, 10, 1000, 65_536])("%i are told one after the other, each once", (count) => {
    const { pass, sessions, told } = scene(count, 1000)
    pass(0)
    assert.isAtMost(told(), 1)
    for (const tenth of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
      pass(tenth * 100)
      // a pause lasts ten milliseconds at least, in which others have their turn
      assert.closeTo(told(), count * tenth / 10, Math.max(1, count / 100))
    }
    assert.isTrue(sessions.every(({ toldAt }) => toldAt.length === 1))
  })

  it.each([0, 300, 999, 1000, 5000])(
    "one that is admitted after %i ms is told within the spread, or at once",
    (after) => {
      const { clock, drainTurns, pass, sessions } = scene(3, 1000)
      pass(after)
      const late = new Session(clock)
      drainTurns.add(late, clock.now)
      pass(10_000)
      assert.lengthOf(late.toldAt, 1)
      assert.isAtMost(late.toldAt[0], begun + Math.max(1000, after))
      assert.isTrue(sessions.every(({ toldAt }) => toldAt.length === 1))
    }
  )

  it("that end before their turn are not told", () => {
    const { drainTurns, pass, sessions } = scene(4, 1000)
    pass(0)
    for (const session of sessions.slice(2)) drainTurns.delete(session)
    pass(1000)
    assert.deepStrictEqual(sessions.map(({ toldAt }) => toldAt.length), [1, 1, 0, 0])
  })
})

const pass = Effect.promise(() => turns(20))

/** Asks on those of ten connections six times, in pauses of 100 ms, while they are told to close over 500 ms. */
const lastAnswers = (asking: ReadonlyArray<number>, handler: (exchange: Exchange) => void) =>
  Effect.gen(function*() {
    const { connect, running } = yield* serve(handler)
    const clients = Array.from({ length: 10 }, () => connect())
    const ask = async (client: WireClient) => {
      client.send(get())
      return (await client.response()).get("connection") === "close"
    }
    for (const client of clients) yield* Effect.promise(() => ask(client))
    const stopping = yield* Effect.fork(running.stop({ settle: 1000, spread: 500, grace: 0 }))
    yield* pass
    const found: Array<number> = []
    for (let time = 0; time < 600; time += 100) {
      let last = 0
      for (const i of asking) {
        if (clients[i].ended || !(yield* Effect.promise(() => ask(clients[i])))) continue
        last++
        clients[i].close()
      }
      found.push(last)
      yield* pass
      yield* TestClock.adjust(100)
      yield* pass
    }
    for (const client of clients) client.close()
    yield* pass
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(stopping)
    return found
  })

const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

describe("in a spread stop, connections of HTTP/1 are told by their next answer", () => {
  it.scoped("that each leaves in its turn", () =>
    Effect.gen(function*() {
      const found = yield* lastAnswers(all, (exchange) => void exchange.respond({ status: 200, fields: [] }, ""))
      assert.deepStrictEqual(found, [0, 2, 2, 2, 2, 2])
    }))

  it.scoped("also if few of them ask", () =>
    Effect.gen(function*() {
      const found = yield* lastAnswers([0, 5], (exchange) => void exchange.respond({ status: 200, fields: [] }, ""))
      assert.deepStrictEqual(found, [0, 1, 0, 1, 0, 0])
    }))

  it.scoped("also if a head is given several times", () =>
    Effect.gen(function*() {
      const found = yield* lastAnswers(all, (exchange) => {
        for (let i = 0; i < 5; i++) {
          exchange.start({ status: 200, fields: [] })
          exchange.withdraw()
        }
        exchange.respond({ status: 200, fields: [] }, "")
      })
      assert.deepStrictEqual(found, [0, 2, 2, 2, 2, 2])
    }))
})
