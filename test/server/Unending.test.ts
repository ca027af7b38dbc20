/**
 * A post hook or finalizer that never ends does not keep the place of its connection, however that ends, nor its socket for
 * longer than `timeouts.hooks`. It runs on: hooks run in order, and a stop waits for it.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { serve } from "./engine.js"

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

const finalize = (exchange: Exchange, finalizer: Effect.Effect<unknown>): void =>
  Effect.runSync(Scope.addFinalizer(exchange.socketScope, finalizer))

/** Fails if there is no answer yet, because it may never arrive. */
const answered = (client: WireClient) =>
  Effect.gen(function*() {
    expect(client.received).toBeGreaterThan(0)
    expect((yield* Effect.promise(() => client.response())).status).toBe(200)
  })

/** Hooks and finalizers that do not end before `end` does. */
const unending: Readonly<Record<string, (exchange: Exchange, end: Effect.Effect<unknown>) => void>> = {
  "a post hook": (exchange, end) => exchange.postHook(() => end),
  "a finalizer of the socket's scope": (exchange, end) => finalize(exchange, end),
  "both, and others after them": (exchange, end) => {
    exchange.postHook(() => end)
    exchange.postHook(() => Effect.void)
    finalize(exchange, Effect.void)
    finalize(exchange, end)
  }
}

/** The ways in which a connection ends, or no longer needs its place. */
const ways: Readonly<Record<string, (client: WireClient, exchange: Exchange) => Effect.Effect<unknown>>> = {
  "its client ends it": (client) => Effect.sync(() => client.end()),
  "its client resets it": (client) => Effect.sync(() => client.reset()),
  "its scope is closed": (_, { socketScope }) => Effect.forkDaemon(Scope.close(socketScope, Exit.void)),
  "others wait for its place": () => Effect.void,
  "it has been idle for long": () => pass(1000)
}

const config: ServerConfig.PartialConfig = { limits: { connections: 1 }, timeouts: { hooks: 3000, idle: 1000 } }

/** Serves, with a first connection whose hook or finalizer does not end. */
const scene = (
  [unended, way]: readonly [string, string],
  path = "/left"
) =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const end = yield* Deferred.make<void>()
    const exchanges: Array<Exchange> = []
    const { connect, running } = yield* serve(
      (exchange) => {
        exchanges.push(exchange)
        if (exchange.request.target !== "/") unending[unended](exchange, Deferred.await(end))
        if (exchange.request.target === "/running") exchange.running((_, ended) => ended())
        else exchange.respond({ status: 200, fields: [] }, "hello")
      },
      journal,
      config
    )
    const client = connect()
    client.send(get(path))
    if (path === "/left") expect((yield* Effect.promise(() => client.response())).status).toBe(200)
    else yield* settled
    yield* ways[way](client, exchanges[0])
    yield* settled
    return { client, connect, end, journal, running }
  })

const cases = Object.keys(unending).flatMap((unended) => Object.keys(ways).map((way) => [unended, way] as const))

type Scene = Effect.Effect.Success<ReturnType<typeof scene>>

/** Both sockets are closed; a stop has bounds of its own, for each and for all that has not ended. */
const bothClosed = (journal: Scene["journal"], running: Scene["running"]) =>
  Effect.gen(function*() {
    expect(journal.entries.filter((entry) => entry === "socket closed")).toHaveLength(2)
    expect(yield* running.connections).toEqual({ open: 0, waiting: 0 })
    const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
    yield* pass(3500)
    yield* pass(3500)
    expect((yield* Fiber.join(stopping)).left).toBeGreaterThan(0)
  })

describe.each(cases)("%s that does not end, of a connection: %s", (...which) => {
  it.scoped("holds no place, and no socket for longer than timeouts.hooks", () =>
    Effect.gen(function*() {
      const { connect, journal, running } = yield* scene(which)
      const next = connect()
      next.send(get())
      // others wait for a second at most before an unused place is taken
      yield* pass(1500)
      yield* answered(next)
      next.close()
      yield* pass(3500)
      yield* bothClosed(journal, running)
    }))

  it.scoped("is awaited by a stop, and then the record is written", () =>
    Effect.gen(function*() {
      const { connect, end, journal, running } = yield* scene(which)
      const other = connect()
      other.send(get())
      yield* pass(5000)
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* pass(1000)
      expect(yield* Fiber.poll(stopping)).toMatchObject({ _tag: "None" })
      yield* Deferred.succeed(end, undefined)
      yield* settled
      expect(yield* Fiber.join(stopping)).toMatchObject({ left: 0, cut: 0 })
      expect(journal.entries.filter((entry) => entry === "access Sent")).toHaveLength(2)
      expect(journal.entries.filter((entry) => entry === "socket closed")).toHaveLength(2)
    }))
})

describe.each(Object.keys(unending))("%s that does not end, of a request that is cut short", (unended) => {
  it.scoped.each(["its client resets it", "its scope is closed"])(
    "%s: holds no place",
    (way) =>
      Effect.gen(function*() {
        const { connect, journal, running } = yield* scene([unended, way], "/running")
        const next = connect()
        next.send(get())
        yield* settled
        yield* answered(next)
        next.close()
        yield* pass(3500)
        yield* bothClosed(journal, running)
      })
  )
})

it.scoped("a post hook keeps the connection of a client that has sent another request, and no place", () =>
  Effect.gen(function*() {
    const { client, connect, end, running } = yield* scene(["a post hook", "others wait for its place"])
    client.send(get())
    const next = connect()
    next.send(get())
    yield* pass(1500)
    yield* answered(next)
    expect([client.ended, yield* running.connections]).toEqual([false, { open: 1, waiting: 1 }])
    yield* Deferred.succeed(end, undefined)
    yield* settled
    yield* answered(client)
    yield* running.stop({ grace: 0 })
  }))

it.scoped.each<readonly [string, () => Effect.Effect<unknown>]>([
  ["at once", () => Effect.forEach([1, 2], () => Effect.void)],
  ["later", () => Effect.yieldNow()]
])(
  "a post hook that ends %s, in a fiber, takes nothing of the time to read a last answer",
  ([, hook]) =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect, running } = yield* serve(
        (exchange) => {
          exchange.postHook(hook)
          exchange.respond({ status: 200, fields: [["Connection", "close"]] }, "hello")
        },
        journal,
        { timeouts: { hooks: 500, linger: 2000 } }
      )
      const client = connect()
      client.send(get("/"))
      yield* pass(1500)
      expect(journal.entries).toEqual(["access Sent"])
      yield* pass(600)
      expect(journal.entries).toEqual(["access Sent", "socket closed"])
      client.close()
      expect(yield* running.stop({ grace: 0 })).toMatchObject({ left: 0, cut: 0 })
    })
)
