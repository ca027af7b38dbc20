/**
 * What is left of a request after its answer holds no place that others wait for, and no socket of a connection that carries no
 * further request for longer than `timeouts.hooks`.
 *
 * The family: everything that may be left after an answer, whether it was the last one; how much has come of a further request,
 * with the request before or after its answer; and a client that stays, stops sending, or leaves. An application that works is
 * not left over: it keeps its place while its client stays.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, post, request } from "../utils/requests.js"
import { thorough } from "../utils/runs.js"
import { serve } from "./engine.js"

const config: ServerConfig.PartialConfig = {
  limits: { connections: 1 },
  timeouts: { hooks: 3000, interrupt: 500, linger: 500, lingerTotal: 500, place: 60_000 }
}

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

const answer = (exchange: DoorExchange): void => void exchange.respond({ status: 200, fields: [] }, "hello")
const runsUntil = (exchange: DoorExchange, end: Effect.Effect<unknown>): void => {
  exchange.running({ awaited: true, interrupt: () => undefined })
  Effect.runFork(Effect.zipRight(end, Effect.sync(() => exchange.ended())))
}

/** What is left after an answer until `end` has ended. */
const left: Readonly<Record<string, (exchange: DoorExchange, end: Effect.Effect<unknown>) => void>> = {
  "a post hook": (exchange, end) => {
    exchange.postHook(() => end)
    answer(exchange)
  },
  "a finalizer of the request": (exchange, end) => {
    runsUntil(exchange, end)
    exchange.whenConcluded(() => exchange.finalizing())
    answer(exchange)
  },
  "a finalizer of the request, and then a post hook": (exchange, end) => {
    exchange.postHook(() => end)
    runsUntil(exchange, end)
    exchange.whenConcluded(() => exchange.finalizing())
    answer(exchange)
  },
  "a finalizer of the request, whose application has run on": (exchange, end) => {
    runsUntil(exchange, end)
    answer(exchange)
    setImmediate(() => exchange.finalizing())
  },
  "a finalizer of the socket": (exchange, end) => {
    Effect.runSync(Scope.addFinalizer(exchange.socketScope, end))
    answer(exchange)
  },
  "an application that runs on": (exchange, end) => {
    runsUntil(exchange, end)
    answer(exchange)
  }
}

/** What has come of a further request. */
const further: Readonly<Record<string, string>> = {
  "nothing": "",
  "a byte": "G",
  "half a head": "GET / HTTP/1.1\r\nHost: a\r\nX: ",
  "a whole head": get("/further"),
  "a head and half of its body": request("POST", "/further", ["Content-Length: 4"], "ab"),
  "a whole request": post("/further", "abcd"),
  "what is no request": "\0\r\n\r\n"
}

const clients: Readonly<Record<string, (client: WireClient) => void>> = {
  "stays": () => undefined,
  "sends FIN": (client) => client.end(),
  "resets": (client) => client.reset()
}

interface Case {
  readonly left: string
  readonly further: string
  readonly client: string
  /** Whether the answer says that the connection closes. */
  readonly last: boolean
  /** Whether the further request comes with the first one, or after its answer. */
  readonly pipelined: boolean
}

const all: ReadonlyArray<Case> = Object.keys(left).flatMap((left) =>
  Object.keys(further).flatMap((further) =>
    Object.keys(clients).flatMap((client) =>
      [false, true].flatMap((last) => [false, true].map((pipelined) => ({ left, further, client, last, pipelined })))
    )
  )
)
// no number of values is a multiple of five, so each value of one is tried with most of another
const cases = thorough ? all : all.filter((_, at) => at % 5 === 0)

const title = ({ client, further, last, left, pipelined }: Case): string =>
  `${left} after ${last ? "the last" : "an"} answer, with ${further} of another request ` +
  `${pipelined ? "before" : "after"} it, whose client ${client}`

describe("what is left", () => {
  it.scoped.each(cases.map((each) => [title(each), each] as const))("%s", ([, scene]) =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const end = yield* Deferred.make<void>()
      let begun = 0
      const { connect, running } = yield* serve(
        (exchange) => {
          begun++
          if (exchange.request.target === "/left") left[scene.left](exchange, Deferred.await(end))
          else answer(exchange)
        },
        journal,
        config
      )
      const client = connect()
      const first = get("/left", ...(scene.last ? ["Connection: close"] : []))
      if (scene.pipelined) client.send(first + further[scene.further])
      else {
        client.send(first)
        yield* settled
        if (further[scene.further] !== "") client.send(further[scene.further])
      }
      yield* settled
      expect((yield* Effect.promise(() => client.response())).status).toBe(200)
      clients[scene.client](client)
      yield* settled
      const next = connect()
      next.send(get("/"))
      // an unused place is taken within a second, and an application has half a second to end
      yield* pass(1100)
      yield* pass(600)
      const works = scene.left === "an application that runs on" && scene.client !== "resets"
      expect(next.received > 0).toBe(!works)
      if (scene.last && !works) {
        // its answer may linger for half a second before the time for hooks begins
        yield* pass(600)
        yield* pass(3400)
        expect(journal.entries).toContain("socket closed")
      }
      const leaves = Effect.gen(function*() {
        expect((yield* Effect.promise(() => next.response())).status).toBe(200)
        next.close()
        yield* settled
      })
      // a connection that has the place again goes on only after what is left
      const before = begun
      if (!works) yield* leaves
      expect(begun).toBe(before)
      yield* Deferred.succeed(end, undefined)
      yield* pass(1500)
      if (works) yield* leaves
      // whoever has sent a whole request, and still waits, is answered
      const waits = !scene.last && scene.client !== "resets" && /a whole/.test(scene.further)
      if (waits) expect((yield* Effect.promise(() => client.response())).status).toBe(200)
      client.close()
      yield* settled
      expect(yield* running.connections).toEqual({ open: 0, waiting: 0 })
      expect(journal.entries.filter((entry) => entry.startsWith("access"))).toHaveLength(begun)
      expect(yield* running.stop({ grace: 0 })).toMatchObject({ left: 0 })
    }))
})
