/**
 * Looks after the workers that serve: one that hangs is killed, one that is too old or too large is replaced.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Facts } from "./Facts.js"
import { Journal } from "./Journal.js"
import { overdue } from "./recycling.js"
import type { Slots } from "./Slots.js"
import { describeTime } from "./values.js"
import * as WorkerProcess from "./WorkerProcess.js"

const lookEvery = 500
/** A worker beats each second. */
const hungAfter = 2500

/**
 * Looks twice a second, for as long as it runs.
 *
 * @since 0.2.0
 * @category constructors
 */
export const lookAfter = (facts: Facts, slots: Pick<Slots, "replaceIf">): Effect.Effect<void, never, Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    let looked = facts.begun
    const look: Effect.Effect<void> = Effect.gen(function*() {
      const now = yield* WorkerProcess.monotonic
      // after the machine slept, no late beat counts
      const slept = now - looked > 4 * lookEvery ? now - looked : 0
      looked = now
      if (facts.slots.some(({ current }) => current?.isReady)) facts.lackingSince = undefined
      else facts.lackingSince ??= now
      const { recycling } = facts.plan
      for (const slot of facts.slots) {
        const worker = slot.current
        if (worker?.isReady !== true) continue
        worker.lastBeat += slept
        const silent = now - worker.lastBeat
        worker.hung = silent > hungAfter
        if (recycling.hangTimeout > 0 && silent > recycling.hangTimeout && worker.reason !== "hang") {
          worker.reason = "hang"
          yield* journal.error(
            "hang",
            `${worker.name} hangs: no beat of its event loop for ${describeTime(silent)}: SIGKILL (--hang-timeout)`,
            { slot: slot.number, pid: worker.pid }
          )
          yield* WorkerProcess.kill(worker)
          continue
        }
        const due = overdue(worker, recycling, now)
        if (due !== undefined) yield* slots.replaceIf(slot, worker, due.reason, due.why)
      }
    })
    yield* Effect.repeat(look, Schedule.spaced(lookEvery))
  })
