/**
 * A defect in the work for one connection ends that connection, and nothing else.
 *
 * The family: everything that may throw in the middle of a connection's own work, in a replaced service or in the engine itself;
 * alone, together with others in a turn, by a deadline, when it is accepted, and when its application or a hook has ended later.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import * as RequestParser from "../../src/server/RequestParser.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import * as engine from "./engine.js"

const config = { timeouts: { idle: 1000 } }

/** Starts a server whose parser throws if `breaks` returns true for the requests that it has read. */
const serve = (
  breaks: (target: string) => boolean,
  handler: (exchange: Exchange) => void,
  journal = new Journal<string>()
) => {
  const parser = RequestParser.make(ServerConfig.make(config))
  const broken = Layer.succeed(RequestParser.RequestParser, {
    make: () => {
      const reader = parser.make()
      const next = reader.next.bind(reader)
      return Object.assign(reader, {
        next: () => {
          const message = next()
          if (message?._tag === "RequestStart" && breaks(message.head.target)) throw new Error("a broken parser")
          return message
        }
      })
    }
  })
  return Effect.map(engine.serve(handler, journal, config, broken), ({ connect }) => connect)
}

const ok = (exchange: Exchange): void => void exchange.respond({ status: 200, fields: [] }, exchange.request.target)

const bodyOf = (client: WireClient) => Effect.promise(async () => (await client.response()).body.toString())

describe("a defect in the work for a connection", () => {
  it.scoped("closes it, and others are answered", () =>
    Effect.gen(function*() {
      const connect = yield* serve((target) => target === "/broken", ok)
      const [other, broken] = [connect(), connect()]
      broken.send(get("/broken"))
      assert.strictEqual((yield* Effect.promise(() => broken.all())).length, 0)
      other.send(get("/other"))
      assert.strictEqual(yield* bodyOf(other), "/other")
    }))

  it.scoped("that is answered together with others", () =>
    Effect.gen(function*() {
      const connect = yield* serve((target) => target === "/broken", ok)
      const clients = Array.from({ length: 12 }, () => connect())
      for (let i = 0; i < 40; i++) {
        for (const client of clients) client.send(get("/ok"))
        for (const client of clients) assert.strictEqual(yield* bodyOf(client), "/ok")
      }
      for (const [i, client] of clients.entries()) client.send(get(i % 3 === 0 ? "/broken" : "/ok"))
      for (const [i, client] of clients.entries()) {
        if (i % 3 === 0) assert.strictEqual((yield* Effect.promise(() => client.all())).length, 0)
        else assert.strictEqual(yield* bodyOf(client), "/ok")
      }
    }))

  it.scoped("runs the hooks of its exchange, and its outcome is a failure", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const connect = yield* serve(
        () => false,
        (exchange) => {
          exchange.postHook((outcome) => journal.push(`hook ${engine.named(outcome)}`))
          // the function that waits for the body's first bytes throws
          exchange.body.wait(() => {
            throw new Error("a broken reader")
          })
        },
        journal
      )
      const client = connect()
      client.send(request("POST", "/", ["Content-Length: 5"]))
      yield* Effect.promise(() => turns(1))
      client.send("abcde")
      assert.strictEqual((yield* Effect.promise(() => client.all())).length, 0)
      assert.deepStrictEqual(yield* Effect.promise(() => journal.first(2)), ["hook Failed", "access Failed"])
    }))

  it.scoped("by a deadline: the deadlines of others still hold", () =>
    Effect.gen(function*() {
      const connect = yield* serve(
        () => false,
        (exchange) => {
          if (exchange.request.target === "/ok") return ok(exchange)
          exchange.body.wait(() => {
            throw new Error("a broken reader")
          })
        }
      )
      const [broken, idle] = [connect(), connect()]
      broken.send(request("POST", "/", ["Content-Length: 5"]))
      idle.send(get("/ok"))
      assert.strictEqual(yield* bodyOf(idle), "/ok")
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual((yield* Effect.promise(() => broken.all())).length, 0)
      assert.strictEqual((yield* Effect.promise(() => idle.all())).length, 0)
    }))

  it.scoped("runs the hooks in its own async context, although the server ends it", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<string>()
      const journal = new Journal<string>()
      const { connect, running } = yield* engine.serve((exchange) => {
        exchange.postHook(() => journal.push(`hook of ${storage.getStore() ?? "nobody"}`))
        exchange.running(() => {
          throw new Error("a broken application")
        })
      })
      storage.run("broken", () => connect()).send(get("/"))
      yield* Effect.promise(() => turns(5))
      yield* running.stop({ grace: 0 })
      assert.deepStrictEqual(journal.entries, ["hook of broken"])
    }))

  it.scoped("whose hook has ended in a fiber: nothing escapes", () =>
    Effect.gen(function*() {
      const connect = yield* serve((target) => target === "/broken", (exchange) => {
        if (exchange.request.target === "/first") exchange.postHook(() => Effect.sleep("1 second"))
        ok(exchange)
      })
      const [broken, other] = [connect(), connect()]
      broken.send(get("/first") + get("/broken"))
      other.send(get("/other"))
      assert.strictEqual(yield* bodyOf(broken), "/first")
      assert.strictEqual(yield* bodyOf(other), "/other")
      yield* Effect.promise(() => turns(5))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Effect.promise(() => broken.all())).length, 0)
      const next = connect()
      next.send(get("/next"))
      assert.strictEqual(yield* bodyOf(next), "/next")
    }))

  it.scoped("whose application answers later: it is not thrown at that", () =>
    Effect.gen(function*() {
      const answers: Array<() => void> = []
      const connect = yield* serve(
        (target) => target === "/broken",
        (exchange) => void answers.push(() => ok(exchange))
      )
      const broken = connect()
      broken.send(get("/first") + get("/broken"))
      yield* Effect.promise(() => turns(5))
      for (const answer of answers) answer()
      assert.strictEqual(yield* bodyOf(broken), "/first")
      assert.strictEqual((yield* Effect.promise(() => broken.all())).length, 0)
    }))

  it.scoped("whose application ends later, and has left a body: it is not thrown at that", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { make } = RequestParser.make(ServerConfig.make(config))
      let isBroken = false
      let end = (): void => undefined
      const parser = Layer.succeed(RequestParser.RequestParser, {
        make: () => {
          const reader = make()
          const next = reader.next.bind(reader)
          return Object.assign(reader, {
            next: () => {
              if (isBroken) throw new Error("a broken parser")
              return next()
            }
          })
        }
      })
      const { connect } = yield* engine.serve(
        (exchange) => {
          exchange.postHook((outcome) => journal.push(`hook ${engine.named(outcome)}`))
          exchange.running(() => undefined)
          ok(exchange)
          end = () => exchange.ended()
        },
        journal,
        config,
        parser
      )
      const broken = connect()
      broken.send(request("POST", "/", ["Content-Length: 5"], "ab"))
      assert.strictEqual(yield* bodyOf(broken), "/")
      isBroken = true
      end()
      assert.strictEqual((yield* Effect.promise(() => broken.all())).length, 0)
      yield* Effect.promise(() => turns(5))
      assert.deepStrictEqual(journal.entries, ["hook Sent", "access Sent", "socket closed"])
    }))
})

/** Serves with a parser that cannot be made for the second connection. */
const serveWithout = (limits: Partial<ServerConfig.ServerLimits>) => {
  const { make } = RequestParser.make(ServerConfig.make(config))
  let count = 0
  const broken = Layer.succeed(RequestParser.RequestParser, {
    make: () => {
      if (++count === 2) throw new Error("a broken parser")
      return make()
    }
  })
  return engine.serve(ok, new Journal(), { ...config, limits }, broken)
}

describe("a connection that cannot be begun", () => {
  const cases: Readonly<Record<string, Partial<ServerConfig.ServerLimits>>> = {
    "is closed, and others are served": {},
    "is closed, and others are served that came with it while no more could wait": {
      connections: 1,
      waitingConnections: 0
    }
  }
  it.scoped.each(Object.entries(cases))("%s", ([, limits]) =>
    Effect.gen(function*() {
      const { connect, running } = yield* serveWithout(limits)
      const first = connect()
      first.send(get("/first", "Connection: close"))
      assert.strictEqual(yield* bodyOf(first), "/first")
      const clients = [connect(), connect(), connect()]
      for (const client of clients) client.send(get("/ok", "Connection: close"))
      yield* Effect.promise(() => turns(20))
      const [broken, ...others] = clients
      assert.deepStrictEqual([broken.ended, broken.received], [true, 0])
      for (const other of others) assert.isAbove(other.received, 0)
      for (const client of [first, ...others]) client.close()
      yield* Effect.promise(() => turns(20))
      assert.deepStrictEqual(yield* running.connections, { open: 0, waiting: 0 })
      assert.deepInclude(yield* running.stop({ grace: 0 }), { connections: 0 })
    }))
})
