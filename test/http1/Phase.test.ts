/**
 * The phase of an HTTP/1 connection makes every change of the table in src/README.md, and no other.
 *
 * The family: requests that arrive whole, in parts, pipelined, malformed, or without a free place; answers after which the
 * connection stays, closes, or is taken over.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { Http1Connection } from "../../src/http1/Http1Connection.js"
import type { Phase } from "../../src/http1/Phase.js"
import type * as Config from "../../src/server/Config.js"
import { type Peer, servePeers, told } from "../server/Peer.js"
import { changesWhile, tableOf } from "../utils/changes.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"

interface Scene {
  readonly config?: Config.PartialConfig
  readonly act: (connect: () => Peer) => Effect.Effect<unknown>
  readonly changes: string
}

const settled = Effect.promise(() => turns(3))

/** Gives a connection some bytes, one part in each tick. */
const send = (peer: Peer, ...parts: ReadonlyArray<string>) =>
  Effect.forEach(parts, (part) => Effect.zipRight(Effect.sync(() => peer.events.data(told(part))), settled))
const sends = (...parts: ReadonlyArray<string>) => (connect: () => Peer) => send(connect(), ...parts)

/** There is one place, for which the first connection asks before the second. */
const onePlace: Config.PartialConfig = { limits: { connections: 1 }, timeouts: { place: 1000 } }
const two = (
  request: string,
  second: ReadonlyArray<string>,
  rest: (first: Peer) => Effect.Effect<unknown> = () => Effect.void
): Pick<Scene, "act" | "config"> => ({
  config: onePlace,
  act: (connect) =>
    Effect.gen(function*() {
      const first = connect()
      yield* send(first, request)
      yield* send(connect(), ...second)
      yield* rest(first)
    })
})

const scenes: Readonly<Record<string, Scene>> = {
  "a request that comes whole": { act: sends(get("/")), changes: "Busy Idle" },
  "requests that are pipelined": { act: sends(get("/") + get("/")), changes: "Busy Idle Busy Idle" },
  "a request in parts": { act: sends("GET / HTTP/1.1\r\n", "Host: a\r\n\r\n"), changes: "Head Busy Idle" },
  "a malformed request": { act: sends("GET\r\n\r\n"), changes: "Lingering" },
  "a malformed request in parts": { act: sends("GET / HTTP/1.1\r\n", " a\r\n\r\n"), changes: "Head Lingering" },
  "a last request": { act: sends(get("/", "Connection: close")), changes: "Busy Lingering" },
  "a connection that is taken over": { act: sends(get("/taken")), changes: "Busy TakenOver" },
  "a place that is free at once": { ...two(get("/"), [get("/")]), changes: "Busy Idle Waiting Lingering Busy Idle" },
  "a place that becomes free": {
    ...two(get("/work"), [get("/")], ({ events }) => Effect.sync(() => events.closed(undefined))),
    changes: "Busy Waiting Idle Busy Idle"
  },
  "no place, for a request in parts": {
    ...two(get("/work"), ["GET / HTTP/1.1\r\n", "Host: a\r\n\r\n"]),
    changes: "Busy Head Waiting"
  },
  "a place that never becomes free": {
    ...two(get("/work"), [get("/")], () => TestClock.adjust("2 seconds")),
    changes: "Busy Waiting Lingering"
  }
}

const handler = (exchange: Exchange): void => {
  const { target } = exchange.request
  if (target === "/taken") exchange.takeOver()
  else if (target === "/work") exchange.running((_, ended) => ended())
  else exchange.respond({ status: 200, fields: [] }, "ok")
}

/** The changes of all connections, while the server runs. */
const changesIn = ({ act, config = {} }: Scene): Promise<ReadonlyArray<readonly [from: string, to: string]>> =>
  changesWhile<Phase>(Http1Connection.prototype, "currentPhase", (phase) => phase, (stop) =>
    Effect.gen(function*() {
      const { connect, running } = yield* servePeers(handler, config)
      yield* act(connect)
      yield* settled
      stop()
      yield* running.stop({ grace: 0, settle: 0 })
    }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext), Effect.runPromise))

describe("the phase of a connection", () => {
  it.each(Object.entries(scenes))("%s", async (_, scene) => {
    expect((await changesIn(scene)).map(([, to]) => to).join(" ")).toBe(scene.changes)
  })

  it("changes as the table says, and in no other way", async () => {
    const found = new Set<string>()
    for (const scene of Object.values(scenes)) {
      for (const [from, to] of await changesIn(scene)) found.add(`${from} to ${to}`)
    }
    expect([...found].sort()).toEqual(
      tableOf("What an HTTP/1 connection is doing").map(([from, to]) => `${from} to ${to}`).sort()
    )
  })
})
