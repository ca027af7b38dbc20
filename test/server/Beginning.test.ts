/**
 * An application of the engine that ends its own connection before its handler has returned, and runs on: it is interrupted as at
 * any other time, its hooks run when it has ended, the socket closes after them, and a stop waits for all of it.
 *
 * The family: the scope is closed, the answer is cut, the connection is taken over and destroyed, or the server is stopped, by an
 * application that then ends, asks for a delay, or never ends.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { Duplex } from "node:stream"
import type { Delay } from "../../src/exchange/Application.js"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { ResponseError } from "../../src/exchange/ServerError.js"
import { Dispatcher } from "../../src/platform/Dispatcher.js"
import type * as Server from "../../src/server/Server.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { named, serve } from "./engine.js"

const wait = Effect.promise(() => turns(20))

const closeScope = (exchange: Exchange): void =>
  void Effect.runFork(Scope.close(exchange.socketScope, Exit.fail("enough")))

const cut = (exchange: Exchange): void => {
  exchange.start({ status: 200, fields: [] })
  exchange.addPart("a part")
  exchange.flush()
  exchange.fail(new Error("fails"))
}

const takeOver = (exchange: Exchange): void => {
  const taken = exchange.takeOver()
  if (taken instanceof ResponseError || !(taken.stream instanceof Duplex)) throw new Error("not taken over")
  taken.stream.destroy()
}

const stop = (_: Exchange, { stop }: Server.Running): void => void Effect.runFork(stop({ grace: 0, settle: 0 }))

type End = (exchange: Exchange, running: Server.Running) => void

/**
 * Serves an application that ends its connection so, and then runs on. It asks for these delays when it is interrupted, and then
 * takes a few turns to end; with `"never"` it does not end before the test ends it.
 */
const scene = (end: End, ...delays: ReadonlyArray<Delay | "never">) => sceneAt(calling, end, ...delays)

/** How a handler is given its exchange. */
type Give = (handler: (exchange: DoorExchange) => void) => (exchange: DoorExchange) => void

const calling: Give = (handler) => handler

/** The exchange waits for an app, as with a server that does not serve one yet. */
const waiting: Give = (handler) => {
  const dispatcher = new Dispatcher()
  return (exchange) => {
    dispatcher.take(exchange)
    void turns(3).then(() => dispatcher.serve(handler))
  }
}

const sceneAt = (give: Give, end: End, ...delays: ReadonlyArray<Delay | "never">) =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const asked = [...delays]
    const served: { running?: Server.Running; exchange?: Exchange } = {}
    const { connect, running } = yield* serve(
      give((exchange) => {
        served.exchange = exchange
        exchange.postHook((outcome) => void journal.push(`hook ${named(outcome)}`))
        journal.push("ends")
        if (served.running !== undefined) end(exchange, served.running)
        journal.push("goes on")
        exchange.running({
          awaited: true,
          interrupt: (reason, ended) => {
            journal.push(`told ${reason}`)
            const delay = asked.shift()
            if (delay === "never") return
            if (delay !== undefined) return delay
            void turns(3).then(() => {
              journal.push("application ended")
              ended()
            })
          }
        })
      }),
      journal
    )
    served.running = running
    connect().send(get())
    yield* Effect.promise(() => journal.first(2))
    return { journal, running, ended: () => served.exchange?.ended() }
  })

/** Stops the server. The journal notes when that has ended. */
const stopping = ({ stop }: Server.Running, journal: Journal<string>) =>
  Effect.fork(Effect.zipRight(stop({ grace: Infinity }), Effect.sync(() => journal.push("stopped"))))

/** The entries, without those of a socket, which may be destroyed before it is closed. */
const entriesOf = (journal: Journal<string>): ReadonlyArray<string> =>
  journal.entries.filter((entry) => entry !== "socket closed")

const ends: ReadonlyArray<readonly [name: string, end: End, reason: string, outcome: string]> = [
  ["closes its scope", closeScope, "Closed", "Aborted Closed"],
  ["has its answer cut", cut, "ClientGone", "Failed"],
  ["destroys the connection that it has taken over", takeOver, "ClientGone", "Sent"],
  ["stops the server", stop, "Stopped", "Aborted Stopped"]
]

describe.each(ends)("an application that %s before its handler has returned", (_, end, reason, outcome) => {
  const over = [`hook ${outcome}`, `access ${outcome}`]

  it.scoped.each([["", calling], [", also where it has waited for the app", waiting]] as const)(
    "is interrupted, then its hook runs, then the socket closes, and a stop waits for all%s",
    ([, give]) =>
      Effect.gen(function*() {
        const { journal, running } = yield* sceneAt(give, end)
        const stopped = yield* stopping(running, journal)
        yield* wait
        yield* TestClock.adjust(0)
        yield* Fiber.join(stopped)
        const all = ["ends", "goes on", `told ${reason}`, "application ended", ...over, "socket closed", "stopped"]
        assert.deepStrictEqual(journal.entries, all)
      })
  )

  it.scoped("is interrupted again if it asks for a delay, and a stop waits for it", () =>
    Effect.gen(function*() {
      const { journal, running } = yield* scene(end, "EndsByItself")
      yield* wait
      yield* TestClock.adjust(0)
      yield* wait
      const told = ["ends", "goes on", `told ${reason}`]
      assert.deepStrictEqual(entriesOf(journal), told)
      yield* TestClock.adjust("1600 millis")
      yield* wait
      assert.deepStrictEqual(entriesOf(journal), [...told, `told ${reason}`, "application ended", ...over])
      yield* Fiber.join(yield* stopping(running, journal))
    }))

  it.scoped("is abandoned if it does not end in time, and a stop waits for it", () =>
    Effect.gen(function*() {
      const { ended, journal, running } = yield* scene(end, "never")
      yield* wait
      yield* TestClock.adjust(0)
      yield* wait
      const told = ["ends", "goes on", `told ${reason}`]
      assert.deepStrictEqual(entriesOf(journal), told)
      yield* TestClock.adjust("1600 millis")
      yield* wait
      assert.deepStrictEqual(entriesOf(journal), [...told, ...over])
      const stopped = yield* stopping(running, journal)
      yield* wait
      yield* TestClock.adjust("1 minute")
      yield* wait
      assert.notInclude(journal.entries, "stopped")
      ended()
      yield* Fiber.join(stopped)
    }))
})

describe.each(ends.filter(([, end]) => end !== stop))(
  "an application that %s before its handler has returned",
  (_, end, reason, outcome) => {
    it.scoped("is interrupted by a stop if it is to outlive its client", () =>
      Effect.gen(function*() {
        const { journal, running } = yield* scene(end, "RunsOn")
        yield* wait
        yield* TestClock.adjust("10 minutes")
        yield* wait
        const told = ["ends", "goes on", `told ${reason}`]
        assert.deepStrictEqual(entriesOf(journal), told)
        const stopped = yield* Effect.fork(running.stop({ grace: 0 }))
        yield* wait
        yield* TestClock.adjust(0)
        yield* Fiber.join(stopped)
        const over = [`hook ${outcome}`, `access ${outcome}`]
        assert.deepStrictEqual(entriesOf(journal), [...told, "told Stopped", "application ended", ...over])
      }))
  }
)
