/**
 * A connection gives its place back as soon as it can serve nothing more, although a post hook still runs for it and its client
 * has sent bytes that are no further request.
 *
 * The family: every reason why a connection carries no further request, every kind of bytes that come in spite of it, before and
 * after the answer. A further request that is still to be served keeps the place.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { serve } from "./engine.js"

const settled = Effect.promise(() => turns(20))

/** Bytes after the last request that are none that could be served. */
const surplus: Readonly<Record<string, string>> = {
  "nothing": "",
  "a further request": get("/further"),
  "some of them": get("/further") + get("/further") + "GET / HT",
  "half a head": "GET / HTTP/1.1\r\n",
  "empty lines": "\r\n\r\n",
  "garbage": "\0\0\0\0"
}

interface Way {
  readonly sent: string
  readonly config?: ServerConfig.PartialConfig
  /** Whether the client sends FIN after the bytes. */
  readonly ends?: boolean
  /** The kinds of bytes that can be served after it. */
  readonly served?: ReadonlyArray<string>
}

const further = ["a further request", "some of them"]

/** The reasons why a request is the last one. */
const ways: Readonly<Record<string, Way>> = {
  "the client asks for it": { sent: get("/", "Connection: close") },
  "HTTP/1.0": { sent: "GET / HTTP/1.0\r\n\r\n" },
  "the application asks for it": { sent: get("/close") },
  "the application asks for it, and ends later": { sent: get("/close/later") },
  "the last one that is allowed": { sent: get("/"), config: { limits: { requestsPerConnection: 1 } } },
  "a body that is left": {
    sent: request("POST", "/", ["Content-Length: 100000"]),
    config: { limits: { leftoverBody: 10 } }
  },
  "the client closes its sending half": { sent: get("/"), ends: true, served: further },
  "the client closes its sending half, and the application ends later": {
    sent: get("/later"),
    ends: true,
    served: further
  },
  "the client closes its sending half behind a body": {
    sent: request("POST", "/", ["Content-Length: 4"], "abcd"),
    ends: true,
    served: further
  },
  "the client closes its sending half behind a body in chunks": {
    sent: request("POST", "/", ["Transfer-Encoding: chunked"], "4\r\nabcd\r\n0\r\n\r\n"),
    ends: true,
    served: further
  }
}

const cases = Object.keys(ways).flatMap((way) =>
  Object.keys(surplus).flatMap((bytes) => (["before", "after"] as const).map((when) => [way, bytes, when] as const))
)

/** A server with one place, whose hooks of requests for other targets than these two end when the test lets them. */
const scene = (config?: ServerConfig.PartialConfig) =>
  Effect.gen(function*() {
    const over = yield* Deferred.make<void>()
    const begun: Array<string> = []
    const journal = new Journal<string>()
    let finish = (): void => undefined
    const handler = (exchange: DoorExchange): void => {
      const { target } = exchange.request
      begun.push(target)
      if (target === "/other" || target === "/further") {
        return void exchange.respond({ status: 200, fields: [["Connection", "close"]] }, target)
      }
      exchange.postHook(() => Deferred.await(over))
      if (target.endsWith("/later")) exchange.running(() => undefined)
      exchange.respond({ status: 200, fields: target.startsWith("/close") ? [["Connection", "close"]] : [] }, target)
      finish = () => exchange.ended()
    }
    const { connect, running } = yield* serve(handler, journal, {
      timeouts: { hooks: 60_000 },
      ...config,
      limits: { ...config?.limits, connections: 1 }
    })
    return { begun, connect, finish: () => finish(), journal, over, running }
  })

const bodyOf = (client: WireClient) => Effect.promise(async () => (await client.response()).body.toString())

describe("a last request, whose post hook does not end:", () => {
  it.scoped.each(cases)("%s; with %s behind it, %s the answer", ([way, bytes, when]) =>
    Effect.gen(function*() {
      const { config, ends = false, sent, served = [] } = ways[way]
      const { begun, connect, finish, journal, over, running } = yield* scene(config)
      const client = connect()
      const sendsRest = (): void => {
        if (surplus[bytes] !== "") client.send(surplus[bytes])
        if (ends) client.end()
      }
      client.send(sent)
      if (when === "before") sendsRest()
      yield* settled
      if (when === "after") sendsRest()
      yield* settled
      finish()
      yield* settled
      const other = connect()
      other.send(get("/other"))
      yield* settled
      const isServed = served.includes(bytes)
      expect([other.received > 0, begun.includes("/other")]).toEqual([!isServed, !isServed])
      yield* Deferred.succeed(over, undefined)
      yield* settled
      yield* settled
      expect(yield* bodyOf(other)).toBe("/other")
      expect(begun.filter((target) => target === "/further")).toHaveLength(isServed ? 1 : 0)
      // a client that awaits no answer to these bytes has said so
      const isRefused = ends && (bytes === "half a head" || bytes === "garbage")
      expect(journal.entries.filter((entry) => entry === "refused 400")).toHaveLength(isRefused ? 1 : 0)
      for (const each of [other, client]) each.close()
      yield* TestClock.adjust("1 minute")
      yield* settled
      expect(yield* running.stop({ grace: 0 })).toMatchObject({ left: 0, cut: 0 })
    }))
})

describe("a further request of a client that sends no more", () => {
  const waiting = Effect.gen(function*() {
    const served = yield* scene()
    const client = served.connect()
    client.send(get("/") + get("/further"))
    client.end()
    yield* settled
    return { ...served, client }
  })

  it.scoped("is answered after the hooks, although the server stops", () =>
    Effect.gen(function*() {
      const { client, over, running } = yield* waiting
      expect(yield* bodyOf(client)).toBe("/")
      const stopping = yield* Effect.fork(running.stop())
      yield* settled
      yield* Deferred.succeed(over, undefined)
      expect(yield* bodyOf(client)).toBe("/further")
      client.close()
      expect(yield* Fiber.join(stopping)).toMatchObject({ finished: 1 })
    }))

  it.scoped("is answered after the hooks, although another has taken its place meanwhile", () =>
    Effect.gen(function*() {
      const { begun, client, connect, journal, over, running } = yield* waiting
      const other = connect()
      other.send(get("/other"))
      yield* settled
      expect(other.received).toBe(0)
      // a connection that is finishing has a second until its place is taken
      yield* TestClock.adjust("2 seconds")
      yield* settled
      expect(yield* bodyOf(other)).toBe("/other")
      // the place has been given back, but the hook still runs
      expect(begun).toEqual(["/", "/other"])
      yield* Deferred.succeed(over, undefined)
      yield* settled
      expect([yield* bodyOf(client), yield* bodyOf(client)]).toEqual(["/", "/further"])
      expect(journal.entries.filter((entry) => entry === "access Sent")).toHaveLength(3)
      for (const each of [client, other]) each.close()
      yield* settled
      yield* running.stop({ grace: 0 })
    }))

  it.scoped("is not begun when the client resets, and nothing is refused", () =>
    Effect.gen(function*() {
      const { begun, client, journal, over, running } = yield* waiting
      client.reset()
      yield* settled
      yield* Deferred.succeed(over, undefined)
      yield* settled
      expect([begun, journal.entries]).toEqual([["/"], ["access Sent", "socket closed"]])
      yield* running.stop({ grace: 0 })
    }))
})
