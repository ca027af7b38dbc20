/** The times in records when the system's clock is set. Deadlines are not affected. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import { afterEach, describe, expect, it, vi } from "vitest"
import * as Time from "../../src/server/Time.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"

const start = Date.UTC(2026, 10, 22, 10, 15, 0)

/** A machine, with the milliseconds since it began and those by which its clock was set. */
const machine = () => {
  const its = { elapsed: 0, set: 0 }
  const time = Time.make(Clock.make(), {
    monotonic: () => start + its.elapsed,
    wall: () => Math.floor(start + its.elapsed + its.set)
  })
  return { its, time, date: () => time.date(time.now()) }
}

describe("when the clock is set", () => {
  it.each([["forward", 3_600_000], ["back", -3_600_000]])("%s, dates follow at the next sweep", (_, by) => {
    const { date, its, time } = machine()
    expect(date()).toBe("Sun, 22 Nov 2026 10:15:00 GMT")
    its.elapsed = 1500
    its.set = by
    time.follow()
    expect(date()).toBe(new Date(start + 1000 + by).toUTCString())
    expect(time.shown(time.now())).toBe(start + 1500 + by)
    its.elapsed = 2600
    expect(date()).toBe(new Date(start + 2000 + by).toUTCString())
    its.set = 0
    time.follow()
    expect(date()).toBe("Sun, 22 Nov 2026 10:15:02 GMT")
  })

  it("what deadlines are measured by goes on", () => {
    const { its, time } = machine()
    its.elapsed = 1500
    its.set = -3_600_000
    time.follow()
    expect(time.now()).toBe(start + 1500)
  })

  it("a server that starts later knows", () => {
    const time = Time.make(Clock.make(), { monotonic: () => start, wall: () => start + 60_000 })
    expect(time.date(time.now())).toBe("Sun, 22 Nov 2026 10:16:00 GMT")
  })
})

it("the clock's whole milliseconds are no reason to change anything", () => {
  const { its, time } = machine()
  for (let i = 0; i < 100; i++) {
    its.elapsed += 0.7
    time.follow()
    expect(time.shown(time.now())).toBe(time.now())
  }
})

it("a clock that is no live one is followed as it is", () =>
  Effect.gen(function*() {
    const time = Time.make(yield* Effect.clock)
    yield* TestClock.adjust(5000)
    time.follow()
    expect([time.now(), time.shown(time.now()), time.date(time.now())])
      .toEqual([5000, 5000, "Thu, 01 Jan 1970 00:00:05 GMT"])
  }).pipe(Effect.provide(TestContext.TestContext), Effect.runPromise))

describe("a server whose machine's clock is set", () => {
  afterEach(() => void vi.restoreAllMocks())

  it("dates its answers and its log by it, and counts on", async () => {
    const real = Date.now
    await withServer(hello, { memory: true, noteAccess: true }, async ({ connect, records }) => {
      const client = await connect()
      vi.spyOn(Date, "now").mockImplementation(() => real() + 86_400_000)
      await vi.waitFor(async () => {
        client.send(get("/"))
        const date = Date.parse((await client.response()).get("date") ?? "")
        expect(Math.abs(date - real() - 86_400_000)).toBeLessThan(5000)
      })
      const last = records.entries.length
      const { endTime, outcome, startTime } = (await records.first(last))[last - 1]
      expect(Math.abs(endTime - real() - 86_400_000)).toBeLessThan(5000)
      // the exchange has not taken an hour, although the clock was set by one
      expect(endTime - startTime).toBeLessThan(5000)
      expect(Math.abs((outcome?.endTime ?? 0) - real())).toBeLessThan(5000)
    })
  })
})
