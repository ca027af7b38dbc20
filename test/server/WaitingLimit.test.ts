/**
 * However many connections come, no more than `limits.waitingConnections` wait, 256 further ones are refused or about to end, and
 * all others are told at once that there is no room: each is counted, and the log has their number.
 *
 * The family: limits from none to many, whatever the connections that come send, at once or one after the other, from one address
 * or from many.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { thorough } from "../utils/runs.js"
import { serve } from "./engine.js"

/** Connections beyond those that have a place or may wait for one. */
const mostLeaving = 256

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

const sent: Readonly<Record<string, (at: number) => string>> = {
  "nothing": () => "",
  "half a head": () => "GET / HTTP/1.1\r\n",
  "a request whose body does not come": () => request("POST", "/work", ["Content-Length: 5"]),
  "a request": () => get("/work"),
  "a last request": () => get("/work", "Connection: close"),
  "one or the other": (at) => ["", "GET / ", get("/work"), request("POST", "/work", ["Content-Length: 5"])][at % 4]
}

const from: Readonly<Record<string, (at: number) => string>> = {
  "one address": () => "192.0.2.1",
  "many": (at) => `192.0.2.${at % 200}`
}

/** One connection has the only place, and clients come. */
const scene = (waitingConnections: number, lines: Array<string> = []) =>
  Effect.gen(function*() {
    const { connect, running } = yield* serve(
      (exchange) => {
        if (exchange.request.target === "/work") exchange.running((_, ended) => ended())
        else exchange.respond({ status: 200, fields: [] }, "hello")
      },
      new Journal(),
      { limits: { connections: 1, waitingConnections } }
    )
    const clients: Array<WireClient> = []
    const come = (text: string, host = "192.0.2.1"): void => {
      const client = connect({ remote: { _tag: "Tcp", host, port: 1 } })
      if (text !== "") client.send(text)
      clients.push(client)
    }
    const busy = connect()
    busy.send(get("/work"))
    yield* Effect.addFinalizer(() => {
      for (const client of [busy, ...clients]) client.reset()
      return settled
    })
    yield* settled
    return { busy, clients, come, running }
  }).pipe(
    Effect.provide(
      Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(String(message))))
    )
  )

type Scene = Effect.Effect.Success<ReturnType<typeof scene>>

/** The numbers of connections are within their bounds, and no client waits but for those. */
const held = ({ clients, running }: Scene, limit: number) =>
  Effect.gen(function*() {
    const { open, waiting } = yield* running.connections
    expect(waiting).toBeLessThanOrEqual(limit)
    expect(open).toBeLessThanOrEqual(1 + mostLeaving)
    const untold = clients.filter(({ ended, received }) => !ended && received === 0)
    expect(untold.length).toBeLessThanOrEqual(limit)
  })

const all = [0, 1, 10, 100].flatMap((limit) =>
  Object.keys(sent).flatMap((text) => Object.keys(from).map((address) => [limit, text, address] as const))
)
// no number of values is a multiple of five, so that each value is tried
const cases = thorough ? all : all.filter((_, at) => at % 5 === 0)

describe("no more connections wait than", () => {
  it.scoped.each(cases)(
    "%i, although many come at once that send %s, from %s",
    ([limit, text, address]) =>
      Effect.gen(function*() {
        const of = yield* scene(limit)
        for (let at = 0; at < limit + 400; at++) of.come(sent[text](at), from[address](at))
        yield* settled
        yield* held(of, limit)
        const { lost, refused } = yield* of.running.metrics
        const unanswered = of.clients.filter(({ ended, received }) => ended && received === 0)
        expect(unanswered).toHaveLength(lost.NoRoom ?? 0)
        // all of them have come within the time in which a new connection is not closed for another
        const told = of.clients.filter(({ received }) => received > 0)
        expect([refused.NoRoom, told.length >= 200]).toEqual([told.length, true])
      })
  )

  it.scoped.each(cases)(
    "%i, although one after the other comes that sends %s, from %s",
    ([limit, text, address]) =>
      Effect.gen(function*() {
        const of = yield* scene(limit)
        for (let at = 0; at < limit + 20; at++) {
          of.come(sent[text](at), from[address](at))
          yield* TestClock.adjust(at % 5 === 0 ? 60 : 5)
          yield* Effect.promise(() => turns(3))
          yield* held(of, limit)
        }
        yield* settled
        yield* held(of, limit)
        expect((yield* of.running.metrics).lost).toEqual({})
      })
  )
})

describe("connections beyond those that can be refused", () => {
  const linesOf = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes("lost ("))

  it.scoped("are counted, and the log has their number within a second", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const of = yield* scene(0, lines)
      for (let at = 0; at < 1000; at++) of.come(get(), `192.0.2.${at % 200}`)
      yield* pass(0)
      expect([(yield* of.running.metrics).lost, linesOf(lines)]).toEqual([{ NoRoom: 1000 - mostLeaving }, []])
      yield* pass(1000)
      expect(linesOf(lines)).toEqual([
        "lost (192.0.2.56:1 and 743 others) NoRoom: more connections have come than can wait for a place or be refused: " +
        "see limits.connections"
      ])
      for (let at = 0; at < 257; at++) of.come(get(), `192.0.2.${at % 200}`)
      yield* pass(1000)
      expect([linesOf(lines).length, (yield* of.running.metrics).lost]).toEqual([2, { NoRoom: 1001 - mostLeaving }])
      expect(linesOf(lines)[1]).toMatch(/^lost \(192\.0\.2\.56:1\) NoRoom: /)
      // there is nothing more to tell
      yield* pass(5000)
      expect(linesOf(lines)).toHaveLength(2)
    }))

  it.scoped("are told of before the server has stopped", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const of = yield* scene(0, lines)
      for (let at = 0; at < 258; at++) of.come(get(), `192.0.2.${at}`)
      of.busy.reset()
      for (const client of of.clients) client.reset()
      yield* of.running.stop({ grace: 0 })
      expect(linesOf(lines).map((line) => line.slice(0, 40))).toEqual(["lost (192.0.2.256:1 and 1 other) NoRoom:"])
    }))

  it.scoped("take the turn of refused ones that have had time to read their answer", () =>
    Effect.gen(function*() {
      const of = yield* scene(0)
      for (let at = 0; at < 300; at++) of.come(get(), `192.0.2.${at % 200}`)
      yield* pass(600)
      const before = of.clients.length
      for (let at = 0; at < 100; at++) of.come(get(), `192.0.2.${at}`)
      yield* settled
      expect(of.clients.slice(before).every(({ received }) => received > 0)).toBe(true)
      expect((yield* of.running.metrics).lost).toEqual({ NoRoom: 300 - mostLeaving })
    }))

  it.scoped("are those of one address before it keeps others from being told", () =>
    Effect.gen(function*() {
      const of = yield* scene(0)
      for (let at = 0; at < 500; at++) of.come(get(), "192.0.2.1")
      const before = of.clients.length
      for (let at = 0; at < 20; at++) of.come(get(), "192.0.2.2")
      yield* settled
      expect(of.clients.slice(before).every(({ received }) => received > 0)).toBe(true)
    }))
})
