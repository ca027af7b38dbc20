/**
 * A defect in the work for one connection ends that connection, and nothing else.
 *
 * The family: everything that may throw in the middle of a connection's own work, in a replaced service or in the engine itself;
 * alone, together with others in a turn, by a deadline.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
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
})
