/**
 * The report of a stop counts each connection once, however long its end takes.
 *
 * The family: every connection that a stop closes, by what still runs for it when the stop looks at it again, with and without
 * the end of the grace time meanwhile.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { serve } from "./engine.js"

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

/** The connections, by what a stop takes them for. */
const kinds: Readonly<Record<string, "idle" | "interrupted">> = {
  "/answered": "idle",
  "/taken/idle": "idle",
  "/taken/idle/running": "idle",
  "/taken": "interrupted",
  "/running": "interrupted"
}

const graces = [["ends later", 60_000], ["ends meanwhile", 500]] as const
const cases = Object.entries(kinds).flatMap(([kind, counted]) =>
  graces.map(([when, grace]) => [kind, when, counted, grace] as const)
)

describe("a stop counts once a connection whose hooks and finalizers take long:", () => {
  it.scoped.each(cases)("%s, as the grace time %s", ([target, , counted, grace]) =>
    Effect.gen(function*() {
      const over = yield* Deferred.make<void>()
      const ends: Array<() => void> = []
      const { connect, running } = yield* serve(
        (exchange) => {
          Effect.runSync(Scope.addFinalizer(exchange.socketScope, Deferred.await(over)))
          if (target === "/answered") return void exchange.respond({ status: 200, fields: [] }, "ok")
          exchange.postHook(() => Deferred.await(over))
          if (target.endsWith("running")) exchange.running((_, ended) => void ends.push(ended))
          if (target.startsWith("/taken")) exchange.takeOver()
          if (target.startsWith("/taken/idle")) exchange.markIdle()
        },
        new Journal(),
        { timeouts: { hooks: 60_000, interrupt: 60_000 } }
      )
      connect().send(get(target))
      yield* settled
      const stopping = yield* Effect.fork(running.stop({ grace }))
      // a stop looks at all connections four times a second
      for (let looks = 0; looks < 8; looks++) yield* pass(250)
      if (counted === "interrupted" && grace > 2000) yield* pass(grace)
      for (const end of ends) end()
      yield* Deferred.succeed(over, undefined)
      yield* settled
      const report = yield* Fiber.join(stopping)
      expect(report).toMatchObject({
        connections: 1,
        idle: counted === "idle" ? 1 : 0,
        finished: 0,
        interrupted: counted === "idle" ? 0 : 1
      })
    }))
})
