/**
 * The alarm of deadlines wakes for the next one, and never without one. Bytes that arrived in time count as in time, however long
 * the event loop was blocked.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import type { App } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"
import { Alarm } from "../../src/exchange/Alarm.js"
import { turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { echo, hello, type NotingApp, withServer } from "../utils/serving.js"
import { serve } from "./engine.js"

describe("an alarm", () => {
  /** An alarm whose timers are recorded, and whose time the test moves. */
  const scripted = (ring: (now: number) => number) => {
    let now = 0
    let [made, takenBack] = [0, 0]
    let due: { readonly at: number; readonly callback: () => void } | undefined
    const alarm = new Alarm({
      time: {
        now: () => now,
        follow: () => undefined,
        afterReading: (callback) => callback()
      },
      schedule: (delay, callback) => {
        made++
        const mine = due = { at: now + delay, callback }
        return () => {
          takenBack++
          if (due === mine) due = undefined
        }
      },
      ring: () => ring(now),
      interval: 10
    })
    const pass = (milliseconds: number): void => {
      const end = now + milliseconds
      while (due !== undefined && due.at <= end) {
        const { at, callback } = due
        now = at
        due = undefined
        callback()
      }
      now = end
    }
    return { alarm, pass, timers: () => [made, takenBack], isSet: () => due !== undefined }
  }

  it("is not set without a deadline, nor behind the last one", () => {
    let rings = 0
    const { alarm, isSet, pass } = scripted(() => (rings++, Infinity))
    alarm.by(Infinity)
    assert.isFalse(isSet())
    alarm.by(1000)
    pass(3_600_000)
    assert.deepStrictEqual([rings, isSet()], [1, false])
  })

  it("is left as it is by a later deadline, and set anew by an earlier one", () => {
    const { alarm, timers } = scripted(() => Infinity)
    for (let i = 0; i < 1000; i++) alarm.by(1000 + i)
    assert.deepStrictEqual(timers(), [1, 0])
    alarm.by(500)
    assert.deepStrictEqual(timers(), [2, 1])
  })

  it("judges deadlines that pass one after another together", () => {
    const rings: Array<number> = []
    const { alarm, pass } = scripted((now) => {
      rings.push(now)
      return now < 100 ? now + 1 : Infinity
    })
    alarm.by(1)
    pass(1000)
    assert.isAtMost(rings.length, 11)
  })

  it("never rings when it is closed", () => {
    const { alarm, isSet, pass } = scripted(() => assert.fail("it rang"))
    alarm.by(10)
    alarm.close()
    alarm.by(20)
    assert.isFalse(isSet())
    pass(100)
  })
})

describe("an hour under TestClock", () => {
  it.scoped("nothing waits for the clock without connections", () =>
    Effect.gen(function*() {
      yield* Layer.build(
        HttpServer.serve(Effect.succeed(HttpServerResponse.text("hello"))).pipe(
          Layer.provideMerge(TsgiHttpServer.layerTest)
        )
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* TestClock.sleeps()), [])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* TestClock.sleeps()), [])
    }))

  it.scoped("one waits with a connection that is idle, for its deadline", () =>
    Effect.gen(function*() {
      const { connect } = yield* serve((exchange) => exchange.respond({ status: 200, fields: [] }, ""), undefined, {
        timeouts: { idle: 7_200_000 }
      })
      const client = connect()
      client.send(get())
      assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
      yield* TestClock.adjust("1 minute")
      yield* TestClock.adjust("1 minute")
      const waits = Chunk.toReadonlyArray(yield* TestClock.sleeps())
      assert.strictEqual(waits.length, 1)
      assert.isAbove(waits[0], 7_000_000)
      yield* TestClock.adjust("1 hour")
      client.send(get())
      assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
      yield* TestClock.adjust("3 hours")
      assert.strictEqual((yield* Effect.promise(() => client.all())).length, 0)
    }))
})

describe("after the event loop was held up", () => {
  const block = (milliseconds: number): void => {
    const end = performance.now() + milliseconds
    while (performance.now() < end);
  }

  it("a body whose bytes came meanwhile came in time", () => {
    const app: NotingApp = (env, startResponse, journal) => {
      journal.push("begun")
      return echo(env, startResponse)
    }
    return withServer(app, { timeouts: { body: 200 } }, async ({ connect, journal }) => {
      const client = await connect()
      client.send(request("POST", "/", ["Content-Length: 5"]))
      await journal.first(1)
      client.send("hello")
      block(600)
      const response = await client.response()
      assert.deepStrictEqual([response.status, response.body.toString()], [200, "hello"])
    })
  })

  it("so did a head, and a request on a connection that was idle", () =>
    withServer(hello, { timeouts: { head: 500, idle: 500 } }, async ({ connect }) => {
      const client = await connect()
      client.send("GET / HTTP/1.1\r\n")
      await turns(20)
      client.send("Host: a\r\n\r\n")
      block(1_000)
      assert.strictEqual((await client.response()).status, 200)
      client.send(get())
      block(1_000)
      assert.strictEqual((await client.response()).status, 200)
    }))
})

describe("a refusal reaches a client that reads only when it has sent everything", () => {
  it("and sends for longer than the linger", () => {
    const refuse: App = (_, startResponse) => {
      startResponse("403 Forbidden", [])
      return "no\n"
    }
    const options = { timeouts: { linger: 150 }, limits: { leftoverBody: 1000 } }
    return withServer(refuse, options, async ({ connect }) => {
      const client = await connect()
      client.pause()
      const length = 200
      client.send(request("POST", "/", [`Content-Length: ${length * 10_000}`]))
      for (let i = 0; i < length; i++) {
        client.send(Buffer.alloc(10_000))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      client.resume()
      assert.strictEqual((await client.response()).status, 403)
      await client.whenEnded()
    })
  })
})
