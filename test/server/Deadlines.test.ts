/** The engine's deadlines, in memory and on a clock that the test moves. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type { MemoryOptions, WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { type AccessRecord, layerFunction } from "../../src/server/AccessLog.js"
import type * as Server from "../../src/server/Server.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { readBody, serve } from "./engine.js"

const head = { status: 200, fields: [] }

interface Scene {
  readonly client: WireClient
  readonly running: Server.Running
  readonly records: Journal<AccessRecord>
  /** The exchanges whose application is working. */
  readonly exchanges: Journal<Exchange>
  readonly interrupted: Journal<() => void>
  /** Moves the clock, after the bytes that are under way have arrived. */
  readonly pass: (seconds: number) => Effect.Effect<void>
}

interface Setting {
  readonly timeouts?: Partial<ServerConfig.Timeouts>
  readonly memory?: MemoryOptions
}

/** These are short enough that few sweeps are needed, and long enough that sweeps are as rare as can be. */
const timeouts = {
  handshake: 4000,
  firstRequest: 6000,
  head: 4000,
  idle: 8000,
  body: 4000,
  write: 6000,
  leftoverBody: 5000,
  linger: 4000,
  interrupt: 4000,
  grace: 10_000
}

const scene = (use: (scene: Scene) => Effect.Effect<void>, { memory = {}, timeouts: given = {} }: Setting = {}) => {
  const records = new Journal<AccessRecord>()
  const exchanges = new Journal<Exchange>()
  const interrupted = new Journal<() => void>()
  const handler = (exchange: Exchange): void => {
    switch (exchange.request.target) {
      case "/read":
        return readBody(exchange)
      case "/work":
        exchange.running((_, ended) => interrupted.push(ended))
        return exchanges.push(exchange)
      case "/later":
        return exchanges.push(exchange)
      default:
        exchange.respond(head, "x".repeat(Number(exchange.request.target.slice(1))))
    }
  }
  const settled = Effect.promise(() => turns(50))
  return Effect.gen(function*() {
    const noted = layerFunction((record) => records.push(record))
    const { connect, running } = yield* serve(handler, undefined, { timeouts: { ...timeouts, ...given } }, noted)
    const client = connect(memory)
    yield* settled
    yield* use({
      client,
      running,
      records,
      exchanges,
      interrupted,
      pass: (seconds) => settled.pipe(Effect.zipRight(TestClock.adjust(seconds * 1000)), Effect.zipRight(settled))
    })
    client.close()
  })
}

const post = (target: string, length: number): string => request("POST", target, [`Content-Length: ${length}`])

const response = (client: WireClient) => Effect.promise(() => client.response())

describe("deadlines", () => {
  it.scoped("a client that sends nothing is left after 6 seconds", () =>
    scene(({ client, pass }) =>
      Effect.gen(function*() {
        yield* pass(5.9)
        expect(client.ended).toBe(false)
        yield* pass(0.6)
        expect([client.ended, client.received]).toEqual([true, 0])
      })
    ))

  it.scoped("a head may take 4 seconds, however many bytes come meanwhile", () =>
    scene(({ client, pass, records }) =>
      Effect.gen(function*() {
        yield* pass(5)
        for (const part of ["GET /1 HTTP/1.1\r\n", "Host: ", "a\r\n"]) {
          client.send(part)
          yield* pass(1.3)
          expect(client.received).toBe(0)
        }
        client.send("x: y\r\n")
        yield* pass(0.6)
        expect((yield* response(client)).status).toBe(408)
        expect(client.ended).toBe(true)
        expect(records.entries).toMatchObject([{ status: 408, refused: { reason: "HeadTimeout" } }])
      })
    ))

  it.scoped("a connection may be idle for 8 seconds", () =>
    scene(({ client, pass }) =>
      Effect.gen(function*() {
        for (const _ of [1, 2]) {
          client.send(get("/1"))
          yield* response(client)
          yield* pass(7.9)
          expect(client.ended).toBe(false)
        }
        yield* pass(0.6)
        expect(client.ended).toBe(true)
      })
    ))

  for (const [name, last, status] of [["is not idle", get("/1"), 200], ["is not cut", "bad\r\n\r\n", 400]] as const) {
    it.scoped(`a client that takes its answers slowly ${name}`, () =>
      scene(({ client, pass }) =>
        Effect.gen(function*() {
          client.pause()
          client.send(get("/1000").repeat(20) + last)
          for (let i = 0; i < 3; i++) {
            yield* pass(5)
            client.resume()
            yield* Effect.promise(() => turns(2))
            client.pause()
          }
          client.resume()
          for (let i = 0; i < 20; i++) expect((yield* response(client)).body.length).toBe(1000)
          expect((yield* response(client)).status).toBe(status)
        }), { memory: { bufferSize: 1000 } }))
  }

  it.scoped("a body may pause for 4 seconds", () =>
    scene(({ client, pass, records }) =>
      Effect.gen(function*() {
        client.send(post("/read", 10))
        for (const byte of "abc") {
          client.send(byte)
          yield* pass(3.9)
          expect(client.received).toBe(0)
        }
        yield* pass(0.6)
        const answer = yield* response(client)
        expect([answer.status, answer.get("connection")]).toEqual([408, "close"])
        expect(records.entries).toMatchObject([{ status: 408, outcome: { _tag: "Aborted", reason: "ReadTimeout" } }])
      })
    ))

  it.scoped("a body that the application does not ask for may take any time", () =>
    scene(({ client, exchanges, pass }) =>
      Effect.gen(function*() {
        client.send(post("/later", 3))
        yield* pass(20)
        for (const exchange of exchanges.entries) readBody(exchange)
        yield* pass(3.9)
        client.send("abc")
        expect(String((yield* response(client)).body)).toBe("3")
      })
    ))

  it.scoped("a client may take nothing for 6 seconds", () =>
    scene(({ client, pass, records }) =>
      Effect.gen(function*() {
        client.pause()
        client.send(get("/300000"))
        for (let i = 0; i < 3; i++) {
          yield* pass(5.9)
          client.resume()
          yield* Effect.promise(() => turns(2))
          client.pause()
        }
        expect(records.entries).toEqual([])
        yield* pass(6.6)
        expect(records.entries).toMatchObject([{ status: 200, outcome: { _tag: "Aborted", reason: "WriteTimeout" } }])
        expect(records.entries[0].bodyBytes).toBeLessThan(10_000)
        client.resume()
        yield* Effect.promise(() => client.whenEnded())
        expect(client.received).toBe(records.entries[0].wireBytes)
      }), { memory: { bufferSize: 1000 } }))

  it.scoped("the rest of a body may take 5 seconds", () =>
    scene(({ client, pass, records }) =>
      Effect.gen(function*() {
        client.send(post("/1", 10))
        expect((yield* response(client)).get("connection")).toBe(undefined)
        for (const byte of "abcd") {
          client.send(byte)
          yield* pass(1.2)
        }
        expect([client.ended, records.entries.length]).toEqual([false, 0])
        yield* pass(1)
        expect([client.ended, records.entries.length]).toEqual([true, 1])
        expect(records.entries[0].outcome?._tag).toBe("Sent")
      })
    ))

  it.scoped("a client that was refused has 4 seconds to leave", () =>
    scene(({ client, pass, running }) =>
      Effect.gen(function*() {
        client.send("GET / HTTP/1.1\r\n\r\n")
        yield* response(client)
        yield* pass(3.9)
        expect(client.ended).toBe(true)
        expect((yield* running.connections).open).toBe(1)
        yield* pass(0.6)
        expect((yield* running.connections).open).toBe(0)
      })
    ))

  it.scoped("an application has 4 seconds to end when its client has left", () =>
    scene(({ client, exchanges, interrupted, pass, records, running }) =>
      Effect.gen(function*() {
        client.send(get("/work"))
        yield* pass(20)
        const hooks: Array<string> = []
        for (const exchange of exchanges.entries) exchange.postHook((outcome) => void hooks.push(outcome._tag))
        client.reset()
        yield* pass(3.9)
        expect([interrupted.entries.length, hooks, (yield* running.connections).open]).toEqual([1, [], 1])
        yield* pass(0.6)
        expect([hooks, (yield* running.connections).open]).toEqual([["Aborted"], 0])
        expect(records.entries).toMatchObject([{ status: 499, outcome: { reason: "ClientGone" } }])
        // this is too late, and does no harm
        for (const ended of interrupted.entries) ended()
        expect(hooks).toEqual(["Aborted"])
      })
    ))

  it.scoped("running exchanges have 10 seconds when the server stops, and then 4 seconds to end", () =>
    scene(({ client, interrupted, pass, records, running }) =>
      Effect.gen(function*() {
        client.send(get("/work"))
        yield* pass(1)
        const stopping = yield* Effect.fork(running.stop())
        yield* pass(9.9)
        expect(interrupted.entries.length).toBe(0)
        yield* pass(0.2)
        expect([interrupted.entries.length, client.ended]).toEqual([1, false])
        yield* pass(4.5)
        const report = yield* Fiber.join(stopping)
        expect(report).toMatchObject({ connections: 1, idle: 0, finished: 0, interrupted: 1, cut: 1 })
        expect(client.ended).toBe(true)
        expect(records.entries).toMatchObject([{ outcome: { _tag: "Aborted", reason: "Stopped" } }])
      })
    ))

  it.scoped("Infinity switches a deadline off", () =>
    scene(({ client, pass }) =>
      Effect.gen(function*() {
        yield* pass(20)
        client.send("GET /1 HTTP/1.1\r\n")
        yield* pass(20)
        client.send("Host: a\r\n\r\n")
        yield* response(client)
        yield* pass(20)
        client.send(get("/1"))
        expect((yield* response(client)).status).toBe(200)
      }), { timeouts: { firstRequest: Infinity, head: Infinity, idle: Infinity } }))
})
