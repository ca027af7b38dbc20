/** Deadlines that pass in the same moment. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Journal, turns } from "../utils/Journal.js"
import { serve } from "./fixture.js"

it.scoped("all connections whose time is over are closed in one sweep", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect } = yield* serve(() => undefined, journal, { timeouts: { firstRequest: 1000 } })
    for (let i = 0; i < 5; i++) connect()
    yield* Effect.promise(() => turns(3))
    yield* TestClock.adjust(999)
    assert.deepStrictEqual(journal.entries, [])
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(journal.entries, Array.from({ length: 5 }, () => "socket closed"))
  }))
