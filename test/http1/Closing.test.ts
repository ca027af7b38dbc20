/**
 * The debug log has the reason for the end of each connection, once.
 *
 * The family: everything that ends a connection (client, application, a deadline, a stop), whatever its last answer has promised.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/TestClock"
import type { Exchange } from "../../src/exchange/Exchange.js"
import type * as Config from "../../src/server/Config.js"
import type { Running } from "../../src/server/Server.js"
import { type Peer, servePeers, told } from "../server/Peer.js"
import { turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"

interface Scene {
  readonly config?: Config.PartialConfig
  readonly handler?: (exchange: Exchange) => void
  readonly act: (peer: Peer, running: Running, connect: () => Peer) => Effect.Effect<unknown>
  readonly why: string
}

const ok = { status: 200, fields: [] }
const answer = (exchange: Exchange): void => void exchange.respond(ok, "ok")
const send = (...texts: ReadonlyArray<string>) => (peer: Peer) =>
  Effect.sync(() => {
    for (const text of texts) peer.events.data(told(text))
  })
const leaves = ({ events }: Peer): void => {
  events.end()
  events.closed(undefined)
}
const lingers = TestClock.adjust("1 minute")

const scenes: Readonly<Record<string, Scene>> = {
  "the client asks for it": { act: send(get("/", "Connection: close")), why: "the client asked for it" },
  "HTTP/1.0": {
    act: send("GET / HTTP/1.0\r\n\r\n"),
    why: "the client speaks HTTP/1.0 without keep-alive"
  },
  "the application asks for it": {
    handler: (exchange) => void exchange.respond({ status: 200, fields: [["Connection", "close"]] }, "ok"),
    act: send(get("/")),
    why: "the application asked for it"
  },
  "keep-alive is off": { config: { keepAlive: false }, act: send(get("/")), why: "keep-alive is off" },
  "the last request that it may send": {
    config: { limits: { requestsPerConnection: 1 } },
    act: send(get("/")),
    why: "limits.requestsPerConnection is reached"
  },
  "a malformed request": { act: send("GET\r\n\r\n"), why: "the request was refused" },
  "a body that is left": {
    config: { limits: { leftoverBody: 1 } },
    act: send(request("POST", "/", ["Content-Length: 100"])),
    why: "the rest of the body is too long"
  },
  "a body that is left and malformed": {
    act: send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "x\r\n"),
    why: "the rest of the body is malformed"
  },
  "a body that is left and does not come": {
    act: (peer) =>
      Effect.zipRight(
        send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")(peer),
        TestClock.adjust("6 seconds")
      ),
    why: "the rest of the body is late"
  },
  "a client that closes its sending half within a body that is left": {
    act: (peer) =>
      Effect.zipRight(
        send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")(peer),
        Effect.sync(() => peer.events.end())
      ),
    why: "the rest of the body will not come"
  },
  "another that needs its place": {
    config: { limits: { connections: 1 } },
    act: (peer, _, connect) =>
      send(get("/"))(peer).pipe(
        Effect.zipRight(TestClock.adjust("1 second")),
        Effect.zipRight(Effect.suspend(() => send(get("/"))(connect()))),
        Effect.zipRight(TestClock.adjust("1 second"))
      ),
    why: "others wait for a place"
  },
  "an application that fails": {
    handler: () => {
      throw new Error("fails")
    },
    act: send(get("/")),
    why: "the application failed"
  },
  "an application that fails after its head": {
    handler: (exchange) => {
      exchange.start(ok)
      exchange.addPart("a")
      exchange.fail(new Error("fails"))
    },
    act: send(get("/")),
    why: "the application failed"
  },
  "a client that sends nothing": { act: () => TestClock.adjust("10 minutes"), why: "timed out" },
  "a client that sends nothing more": {
    act: (peer) => Effect.zipRight(send(get("/"))(peer), TestClock.adjust("10 minutes")),
    why: "timed out"
  },
  "a client that closes its sending half": {
    act: (peer) => Effect.zipRight(send(get("/"))(peer), Effect.sync(() => peer.events.end())),
    why: "the client has closed its sending half"
  },
  "a client that leaves": {
    act: (peer) =>
      Effect.zipRight(
        send(get("/"))(peer),
        Effect.sync(() => {
          peer.events.closed(undefined)
        })
      ),
    why: "the client has left"
  },
  "a client that leaves while an application runs": {
    handler: (exchange) => exchange.running((_, ended) => ended()),
    act: (peer) => Effect.zipRight(send(get("/"))(peer), Effect.sync(() => leaves(peer))),
    why: "the client has left"
  },
  // its answer was sent before its hook, and has promised that the connection stays
  "a client that leaves while a hook runs": {
    handler: (exchange) => {
      exchange.postHook(() => Effect.yieldNow())
      answer(exchange)
    },
    act: (peer) => Effect.zipRight(send(get("/"))(peer), Effect.sync(() => leaves(peer))),
    why: "the client has left"
  },
  "a stop": {
    act: (peer, running) => Effect.zipRight(send(get("/"))(peer), running.stop({ grace: 0, settle: 0 })),
    why: "the server stops"
  },
  "a stop while an application runs": {
    handler: (exchange) => exchange.running((_, ended) => ended()),
    act: (peer, running) => Effect.zipRight(send(get("/"))(peer), running.stop({ grace: 0, settle: 0 })),
    why: "Stopped"
  }
}

describe("a connection that closes says why", () => {
  it.scoped.each(Object.entries(scenes))("%s", ([, { act, config = {}, handler = answer, why }]) => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
    return Effect.gen(function*() {
      const { connect, running } = yield* servePeers(handler, config)
      const peer = connect()
      yield* Effect.promise(() => turns(1))
      yield* act(peer, running, connect)
      yield* Effect.promise(() => turns(3))
      yield* lingers
      yield* Effect.promise(() => turns(3))
      assert.deepStrictEqual(lines.filter((line) => line.startsWith("closing ")), [`closing (127.0.0.1:50000): ${why}`])
      assert.isTrue(peer.destroyed)
    }).pipe(Effect.provide(Layer.mergeAll(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.Debug)
    )))
  })
})
