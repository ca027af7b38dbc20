/**
 * Post hooks and finalizers that never end hold the socket of a connection that carries no further request for no longer than
 * `timeouts.hooks`, and of what its client sends meanwhile no more is kept than is read ahead.
 *
 * The family: every phase in which a connection can come to that, except Waiting, in which it has neither hook nor finalizer;
 * and every way in which its client can go on.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import type { Reader } from "../../src/http1/Reader.js"
import * as RequestParser from "../../src/server/RequestParser.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { serve } from "./engine.js"

const config: ServerConfig.PartialConfig = {
  timeouts: { hooks: 3000, linger: 1000, lingerTotal: 2000, interrupt: 500 }
}
/** The most bytes that are read ahead, and one delivery more. */
const mostKept = 131_072

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

interface Stage {
  readonly client: WireClient
  readonly exchanges: ReadonlyArray<Exchange>
  /** Ends an application that runs, once it has answered. */
  readonly finish: () => void
}

const send = (...texts: ReadonlyArray<string>) => ({ client }: Stage) =>
  Effect.forEach(texts, (text) => Effect.zipRight(Effect.sync(() => client.send(text)), settled))
const ends = ({ client }: Stage) => Effect.zipRight(Effect.sync(() => client.end()), settled)
const closes = ({ exchanges }: Stage) =>
  Effect.zipRight(Effect.forkDaemon(Scope.close(exchanges[0].socketScope, Exit.void)), settled)
const finishes = ({ finish }: Stage) => Effect.zipRight(Effect.sync(finish), settled)
const all = (...steps: ReadonlyArray<(stage: Stage) => Effect.Effect<unknown>>) => (stage: Stage) =>
  Effect.forEach(steps, (step) => step(stage), { discard: true })
const part = request("POST", "/", ["Content-Length: 4"], "ab")

/** The ways in which a connection comes to carry no further request. */
const ended: Readonly<Record<string, (stage: Stage) => Effect.Effect<unknown>>> = {
  "idle, and its scope is closed": all(send(get("/finalizer")), closes),
  "idle with bytes that wait for the client, and its scope is closed": all(send(get("/finalizer/long")), closes),
  "within a head, and its scope is closed": all(send(get("/finalizer"), "GET / HTTP/1.1\r\n"), closes),
  "answered, and its scope is closed": all(send(get("/")), closes),
  "running, and its scope is closed": all(send(get("/running")), closes),
  "running after its answer, and its scope is closed": all(send(get("/running")), closes, finishes),
  "within a body that is left, and its scope is closed": all(send(part), closes),
  "taken over, and its scope is closed": all(send(get("/taken")), closes),
  "answered for the last time": send(get("/", "Connection: close")),
  "answered for the last time, with bytes that the client takes late": send(get("/long", "Connection: close")),
  "answered in HTTP/1.0": send("GET / HTTP/1.0\r\n\r\n"),
  "answered for the last time by an application that runs on": all(
    send(get("/running", "Connection: close")),
    finishes
  ),
  "answered for the last time, within a body": send(
    request("POST", "/", ["Content-Length: 4", "Connection: close"], "ab")
  ),
  "answered, and the client ends it": all(send(get("/")), ends),
  "answered, the client having ended it with its request": (stage) => {
    stage.client.send(get("/"))
    return ends(stage)
  },
  "answered, the client having ended it within a further head": all(send(get("/"), "GET / HTTP/1.1\r\n"), ends),
  "answered, the client having ended it after what is no request": all(send(get("/"), "\0\0\r\n\r\n"), ends),
  "answered, the client having ended it before the answer": all(send(get("/running")), ends, finishes),
  "answered, the client having ended it before it took the answer": all(send(get("/long")), ends),
  "answered, the client having ended it within a body that is left": all(send(part), ends),
  "answered, the client having ended it after a body that was left": all(send(part, "cd"), ends),
  "answered, the client having ended it after a whole body that is left": (stage) => {
    stage.client.send(request("POST", "/", ["Content-Length: 4"], "abcd"))
    return ends(stage)
  },
  "answered, the client having ended it before its body was read": (stage) => {
    stage.client.send(request("POST", "/streaming", ["Content-Length: 4"], "abcd"))
    return all(ends, finishes)(stage)
  },
  "lingering": all(send(get("/finalizer", "Connection: close")), () => pass(1500)),
  "lingering after a refusal": all(send(get("/finalizer"), "bad\r\n\r\n"), () => pass(1500))
}

const each = (milliseconds: number, times: number, act: () => void) =>
  Effect.forEach(Array.from({ length: times }), () => Effect.zipRight(Effect.sync(act), pass(milliseconds)))

/** What the client does then. It takes 3 seconds. */
const ways: Readonly<Record<string, (client: WireClient) => Effect.Effect<unknown>>> = {
  "stays": () => pass(3000),
  "takes what it is sent": (client) => Effect.zipRight(Effect.sync(() => client.resume()), pass(3000)),
  "sends a byte": (client) => each(3000, 1, () => client.send("x")),
  "sends a byte a second": (client) => each(1000, 3, () => client.send("x")),
  "sends much": (client) => each(1000, 3, () => client.send(new Uint8Array(1_000_000).fill(65))),
  "sends FIN": (client) => each(3000, 1, () => client.end()),
  "sends a byte and FIN": (client) =>
    each(3000, 1, () => {
      client.send("x")
      client.end()
    }),
  "closes": (client) => each(3000, 1, () => client.close()),
  "resets": (client) => each(3000, 1, () => client.reset())
}

const cases = Object.keys(ended).flatMap((end) => Object.keys(ways).map((way) => [end, way] as const))

describe("hooks and finalizers that never end", () => {
  it.scoped.each(cases)("of a connection that is %s, whose client %s", ([end, way]) =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const over = yield* Deferred.make<void>()
      const exchanges: Array<Exchange> = []
      const readers: Array<Reader> = []
      let finish = (): void => undefined
      const parser = RequestParser.make(ServerConfig.make(config))
      const watched = Layer.succeed(RequestParser.RequestParser, {
        make: () => {
          const reader = parser.make()
          readers.push(reader)
          return reader
        }
      })
      const { connect, running } = yield* serve(
        (exchange) => {
          const { target } = exchange.request
          exchanges.push(exchange)
          if (target.startsWith("/finalizer")) {
            Effect.runSync(Scope.addFinalizer(exchange.socketScope, Deferred.await(over)))
          } else exchange.postHook(() => Deferred.await(over))
          if (target === "/taken") return void exchange.takeOver()
          if (target === "/streaming") {
            exchange.running((_, ended) => ended())
            exchange.start({ status: 200, fields: [["Content-Length", "1"]] })
            finish = () => {
              while (exchange.body.take() instanceof Uint8Array);
              exchange.addPart("x")
              exchange.finish()
              exchange.ended()
            }
            return
          }
          if (target !== "/running") {
            return void exchange.respond(
              { status: 200, fields: [] },
              "x".repeat(target.endsWith("/long") ? 100_000 : 1)
            )
          }
          exchange.running((_, ended) => ended())
          finish = () => {
            exchange.respond({ status: 200, fields: [] }, "x")
            exchange.ended()
          }
        },
        journal,
        config,
        watched
      )
      const client = connect({ bufferSize: 4096, deliverAtMost: 65_536 })
      client.pause()
      const stage = { client, exchanges, finish: () => finish() }
      yield* ended[end](stage)
      const late = end.includes("took the answer") || end.includes("takes late")
      if (late) {
        client.resume()
        yield* Effect.promise(() => client.bytes(100_000))
        yield* settled
      }
      yield* ways[way](client)
      expect(Math.max(...readers.map((reader) => reader.buffered))).toBeLessThanOrEqual(mostKept)
      // an eighth of the time, by which a deadline may be late
      yield* pass(500)
      expect(journal.entries.filter((entry) => entry === "socket closed")).toHaveLength(1)
      expect(yield* running.connections).toEqual({ open: 0, waiting: 0 })
      yield* Deferred.succeed(over, undefined)
      yield* settled
      expect(journal.entries.filter((entry) => entry.startsWith("access"))).toHaveLength(1)
      expect(yield* running.stop({ grace: 0 })).toMatchObject({ left: 0 })
      client.close()
    }))
})
