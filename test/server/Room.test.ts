/** If there is no place for a connection: which one is evicted, how long others wait, and the lines of the log about it. */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import type { WireClient } from "tsgi/testing"
import * as TrustedProxies from "../../src/node/TrustedProxies.js"
import type * as Server from "../../src/server/Server.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import { turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { serve } from "./engine.js"

interface Scene {
  /** Connects, and waits until the server has it. */
  readonly connect: Effect.Effect<WireClient>
  readonly connectNow: Effect.Effect<WireClient>
  readonly connectFrom: (host: string) => Effect.Effect<WireClient>
  readonly running: Server.Running
  /** The lines about places and capacity, each with its level. */
  readonly log: Array<string>
  /** Moves the clock, after the bytes that are under way have arrived. */
  readonly pass: (seconds: number) => Effect.Effect<void>
  /** Lets the applications at `/work` answer. */
  readonly finish: () => void
}

const scene = (limits: Partial<ServerConfig.ServerLimits>, use: (scene: Scene) => Effect.Effect<void>) =>
  sceneOf({ limits }, use)

const sceneOf = (config: ServerConfig.PartialConfig, use: (scene: Scene) => Effect.Effect<void>) => {
  const log: Array<string> = []
  const working: Array<() => void> = []
  const settled = Effect.promise(() => turns(50))
  return Effect.gen(function*() {
    const { connect, running } = yield* serve(
      (exchange) => {
        const answer = (): void => void exchange.respond({ status: 200, fields: [] }, "hello")
        if (exchange.request.target === "/work") working.push(answer)
        else if (exchange.request.target === "/taken") exchange.takeOver()
        else if (exchange.request.target === "/upload") exchange.body.wait(answer)
        else answer()
      },
      undefined,
      { ...config, timeouts: { idle: 100_000 } }
    )
    yield* use({
      connect: Effect.tap(Effect.sync(connect), settled),
      connectNow: Effect.sync(connect),
      connectFrom: (host) =>
        Effect.tap(Effect.sync(() => connect({ remote: { _tag: "Tcp", host, port: 1 } })), settled),
      running,
      log,
      pass: (seconds) => settled.pipe(Effect.zipRight(TestClock.adjust(seconds * 1000)), Effect.zipRight(settled)),
      finish: () => {
        for (const answer of working.splice(0)) answer()
      }
    })
    yield* running.stop({ grace: 0 })
  }).pipe(
    Effect.provide(
      Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ logLevel, message }) => {
          const line = `${logLevel.label} ${String(message)}`
          if (/room|capacity/.test(line)) log.push(line.replace(/\(127.*\)/, "(peer)"))
        })
      )
    )
  )
}

const answered = (client: WireClient, path = "/") =>
  Effect.gen(function*() {
    client.send(get(path))
    expect((yield* Effect.promise(() => client.response())).status).toBe(200)
  })

const begun = "INFO at capacity: connections wait (limits.connections is 2)"
const over = "INFO no longer at capacity"

it.live("a scene that fails ends, and says why", () =>
  Effect.gen(function*() {
    const failing = scene({ connections: 1 }, ({ connect, pass }) =>
      Effect.gen(function*() {
        const [busy, waiting] = [yield* connect, yield* connect]
        for (const client of [busy, waiting]) client.send(get("/work"))
        yield* pass(1)
        throw new Error("a failing assertion")
      }))
    const exit = yield* Effect.exit(Effect.scoped(failing)).pipe(Effect.provide(TestContext.TestContext))
    expect(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "").toContain("a failing assertion")
  }))

describe("when there is no room", () => {
  it.scoped("one line says that connections wait, and one that none does any more", () =>
    scene({ connections: 2 }, ({ connect, finish, log, pass, running }) =>
      Effect.gen(function*() {
        const busy = [yield* connect, yield* connect]
        for (const client of busy) client.send(get("/work"))
        const waiting = [yield* connect, yield* connect]
        for (const client of waiting) client.send(get())
        expect(yield* running.connections).toEqual({ open: 2, waiting: 2 })
        yield* pass(5)
        expect(log).toEqual([begun])
        finish()
        for (const client of busy) client.close()
        for (const client of waiting) expect((yield* Effect.promise(() => client.response())).status).toBe(200)
        expect(log).toEqual([begun])
        yield* pass(2)
        expect(log).toEqual([begun, over])
      })))

  it.scoped("nothing is logged where a connection is let in at once, because another was idle", () =>
    scene({ connections: 2 }, ({ connect, log, pass }) =>
      Effect.gen(function*() {
        for (let i = 0; i < 5; i++) yield* answered(yield* connect)
        yield* pass(5)
        expect(log).toEqual([])
      })))

  it.scopedLive("each of those that come in one turn is refused if none can be made room for", () =>
    scene({ connections: 2, waitingConnections: 0 }, ({ connect, connectNow }) =>
      Effect.gen(function*() {
        for (const client of [yield* connect, yield* connect]) client.send(get("/work"))
        const all = yield* Effect.replicateEffect(connectNow, 5)
        for (const client of all) client.send(get())
        for (const client of all) expect((yield* Effect.promise(() => client.response())).status).toBe(503)
      })))

  it.scoped("each of two requests that come at once is made room for", () =>
    scene({ connections: 2 }, ({ connect, connectNow, log, pass }) =>
      Effect.gen(function*() {
        const idle = [yield* connect, yield* connect]
        for (const client of idle) yield* answered(client)
        const both = [yield* connectNow, yield* connectNow]
        for (const client of both) client.send(get())
        yield* pass(0)
        expect(idle.map(({ ended }) => ended)).toEqual([true, true])
        for (const client of both) expect((yield* Effect.promise(() => client.response())).status).toBe(200)
        expect(log).toEqual([])
      })))

  it.scoped("a connection that has asked nothing for a second makes some, the oldest first", () =>
    scene({ connections: 2 }, ({ connect, pass }) =>
      Effect.gen(function*() {
        const silent = [yield* connect, yield* connect]
        const client = yield* connect
        client.send(get("/work"))
        yield* pass(0.4)
        // they may be about to send a request
        expect([silent.map(({ ended }) => ended), client.received]).toEqual([[false, false], 0])
        yield* pass(1.2)
        expect(silent.map(({ ended }) => ended)).toEqual([true, false])
        yield* answered(yield* connect)
        expect(silent.map(({ ended }) => ended)).toEqual([true, true])
      })))

  it.scoped("one that has asked before goes first", () =>
    scene({ connections: 2 }, ({ connect, pass }) =>
      Effect.gen(function*() {
        const silent = yield* connect
        const idle = yield* connect
        yield* answered(idle)
        yield* pass(5)
        yield* answered(yield* connect)
        expect([silent.ended, idle.ended]).toEqual([false, true])
      })))

  it.scoped("no request waits for a place for longer than 10 seconds", () =>
    scene({ connections: 1 }, ({ connect, log, pass }) =>
      Effect.gen(function*() {
        const busy = yield* connect
        busy.send(get("/work"))
        yield* pass(1)
        const waiting = yield* connect
        waiting.send(get())
        yield* pass(9)
        expect(waiting.ended).toBe(false)
        yield* pass(1.6)
        const refused = yield* Effect.promise(() => waiting.response())
        expect([refused.status, refused.get("retry-after"), busy.ended]).toEqual([503, "1", false])
        expect(log[1]).toBe("INFO refused (peer) NoRoom: the server is at capacity: see limits.connections")
      })))

  it.scoped("and no place to wait: refused at once", () =>
    scene({ connections: 1, waitingConnections: 1 }, ({ connect, log, pass }) =>
      Effect.gen(function*() {
        ;(yield* connect).send(get("/work"))
        const second = yield* connect
        second.send(get("/work"))
        yield* pass(0)
        const third = yield* connect
        third.send(get())
        expect((yield* Effect.promise(() => third.response())).status).toBe(503)
        expect([second.ended, log[1]]).toEqual([
          false,
          "INFO refused (peer) NoRoom: the server is at capacity: see limits.connections"
        ])
      })))

  it.scoped("a new connection is not ended for the next one: its request may be on its way", () =>
    scene({ connections: 1, waitingConnections: 1 }, ({ connect, finish, pass }) =>
      Effect.gen(function*() {
        ;(yield* connect).send(get("/work"))
        const second = yield* connect
        yield* pass(0.04)
        const third = yield* connect
        third.send(get())
        expect((yield* Effect.promise(() => third.response())).status).toBe(503)
        second.send(get())
        finish()
        expect((yield* Effect.promise(() => second.response())).status).toBe(200)
      })))

  it.scoped("a waiting connection without a request is closed for a new one", () =>
    scene({ connections: 1, waitingConnections: 1 }, ({ connect, finish, pass }) =>
      Effect.gen(function*() {
        ;(yield* connect).send(get("/work"))
        const silent = yield* connect
        yield* pass(0.05)
        const third = yield* connect
        third.send(get())
        expect(silent.ended).toBe(true)
        finish()
        expect((yield* Effect.promise(() => third.response())).status).toBe(200)
      })))

  it.scoped("an unfinished head makes some, the longest first, and is answered 408", () =>
    scene({ connections: 2 }, ({ connect, pass }) =>
      Effect.gen(function*() {
        const slow = [yield* connect, yield* connect]
        slow[1].send("GET / HTTP/1.1\r\nHost: a\r\n")
        yield* pass(0.3)
        slow[0].send("GET / HTTP/1.1\r\n")
        yield* pass(0.8)
        yield* answered(yield* connect)
        expect((yield* Effect.promise(() => slow[1].response())).status).toBe(408)
        expect(slow[0].received).toBe(0)
      })))

  it.scoped("a request that waits is served as soon as there is a place, before those that have asked nothing", () =>
    scene({ connections: 1 }, ({ connect, finish, pass }) =>
      Effect.gen(function*() {
        const busy = yield* connect
        busy.send(get("/work"))
        yield* pass(0)
        const silent = yield* connect
        const asking = yield* connect
        asking.send(get())
        yield* pass(0)
        expect(asking.received).toBe(0)
        finish()
        busy.close()
        expect((yield* Effect.promise(() => asking.response())).status).toBe(200)
        expect(silent.ended).toBe(false)
      })))

  it.scoped("one whose body has come is served before those whose bodies are awaited", () =>
    scene({ connections: 1 }, ({ connect, finish, pass }) =>
      Effect.gen(function*() {
        const busy = yield* connect
        busy.send(get("/work"))
        yield* pass(0)
        const post = request("POST", "/work", ["Content-Length: 5"])
        const uploads = [yield* connect, yield* connect]
        for (const client of uploads) client.send(post)
        yield* pass(0)
        uploads[1].send("12345")
        yield* pass(0)
        finish()
        yield* pass(0)
        expect(uploads.map(({ received }) => received)).toEqual([0, 0])
        finish()
        expect((yield* Effect.promise(() => uploads[1].response())).status).toBe(200)
        expect(uploads[0].received).toBe(0)
        yield* pass(0)
        finish()
      })))

  it.scoped("requests whose bodies are awaited are given the places of others like them one after the other", () =>
    scene({ connections: 60 }, ({ connectNow, pass }) =>
      Effect.gen(function*() {
        const upload = request("POST", "/upload", ["Content-Length: 5"])
        const stalled = yield* Effect.replicateEffect(connectNow, 60)
        for (const client of stalled) client.send(upload)
        yield* pass(2)
        const counts: Array<number> = []
        const count = (): unknown => counts.push(stalled.filter(({ received }) => received > 0).length)
        const uploads = yield* Effect.replicateEffect(connectNow, 50)
        for (const client of uploads) client.send(upload)
        yield* pass(0)
        count()
        // a client that has sent its whole request does not wait for them
        const whole = yield* Effect.replicateEffect(connectNow, 5)
        for (const client of whole) client.send(get("/work"))
        yield* pass(0)
        count()
        yield* pass(1)
        count()
        for (const client of [...uploads, ...whole]) client.reset()
        expect(counts).toEqual([8, 13, 55])
      })))

  it.scoped("requests whose bodies are awaited are given all places where nothing is under way", () =>
    scene({ connections: 60 }, ({ connectNow, pass }) =>
      Effect.gen(function*() {
        const idle = yield* Effect.replicateEffect(connectNow, 60)
        for (const client of idle) client.send(get())
        yield* pass(0)
        const uploads = yield* Effect.replicateEffect(connectNow, 50)
        for (const client of uploads) client.send(request("POST", "/upload", ["Content-Length: 5"]))
        yield* pass(0)
        for (const client of uploads) client.reset()
        expect(idle.filter(({ ended }) => ended).length).toBe(50)
      })))

  it.scoped("connections that were taken over keep their places: new ones are answered so in time", () =>
    scene({ connections: 2 }, ({ connect, pass }) =>
      Effect.gen(function*() {
        const taken = [yield* connect, yield* connect]
        for (const client of taken) client.send(get("/taken"))
        yield* pass(60)
        const waiting = yield* connect
        waiting.send(get())
        yield* pass(11)
        const refused = yield* Effect.promise(() => waiting.response())
        expect([refused.status, refused.get("retry-after"), taken.some(({ ended }) => ended)]).toEqual([
          503,
          "1",
          false
        ])
        for (const client of taken) client.close()
      })))

  describe("an address that has more than its share of the places", () => {
    const places = { connections: 4, addressShare: 0.5 }

    it.scoped("has all places while no other address asks for one", () =>
      scene(places, ({ connect, running }) =>
        Effect.gen(function*() {
          for (let i = 0; i < 4; i++) (yield* connect).send(get("/work"))
          expect(yield* running.connections).toEqual({ open: 4, waiting: 0 })
        })))

    it.scoped("makes room for another address, though a third one wastes more", () =>
      scene(places, ({ connect, connectFrom, pass }) =>
        Effect.gen(function*() {
          const other = yield* connectFrom("192.0.2.1")
          const own = [yield* connect, yield* connect, yield* connect]
          yield* pass(1)
          for (const client of own) client.send("GET / HTTP/1.1\r\n")
          yield* pass(1)
          yield* answered(yield* connectFrom("192.0.2.2"))
          expect([other.ended, own.map(({ received }) => received > 0)]).toEqual([false, [true, false, false]])
        })))

    it.scoped("is given a place behind those that have less", () =>
      scene(places, ({ connect, connectFrom, finish, pass }) =>
        Effect.gen(function*() {
          const busy = [yield* connect, yield* connect, yield* connect, yield* connect]
          for (const client of busy) client.send(get("/work"))
          yield* pass(0)
          const own = yield* connect
          own.send(get("/work"))
          const other = yield* connectFrom("192.0.2.1")
          other.send(get())
          yield* pass(0)
          busy[0].reset()
          yield* pass(0)
          expect((yield* Effect.promise(() => other.response())).status).toBe(200)
          finish()
        })))

    const without: Readonly<Record<string, ServerConfig.PartialConfig>> = {
      "where addressShare is 1": { limits: { ...places, addressShare: 1 } },
      "where it is that of a trusted proxy": { limits: places, trustedProxies: TrustedProxies.make(["192.0.2.7"]) }
    }

    it.scoped.each(Object.entries(without))(
      "is not the first to give some up %s",
      ([, config]) =>
        sceneOf(config, ({ connectFrom, pass }) =>
          Effect.gen(function*() {
            const other = yield* connectFrom("192.0.2.1")
            const own = yield* Effect.replicateEffect(connectFrom("192.0.2.7"), 3)
            yield* pass(1)
            for (const client of own) client.send("GET / HTTP/1.1\r\n")
            yield* pass(1)
            yield* answered(yield* connectFrom("192.0.2.2"))
            expect([other.ended, own.map(({ received }) => received > 0)]).toEqual([true, [false, false, false]])
          }))
    )
  })
})
