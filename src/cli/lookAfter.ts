/**
 * Looks after the workers that serve: kills one that hangs, and replaces one that is too old or too large.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { type Facts, hasReady } from "./Facts.js"
import { Journal } from "./Journal.js"
import { monotonic } from "./monotonic.js"
import { overdue } from "./recycling.js"
import type { Slot } from "./Slot.js"
import type { Slots } from "./Slots.js"
import { describeTime } from "./values.js"
import type { Worker } from "./WorkerLife.js"
import * as WorkerProcess from "./WorkerProcess.js"

const lookInterval = 500

/**
 * Looks at all workers twice a second, until it is interrupted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const lookAfter = (facts: Facts, slots: Pick<Slots, "replaceIf">): Effect.Effect<void, never, Journal> =>
  Effect.suspend(() => {
    let looked = facts.begun
    const look = Effect.gen(function*() {
      const now = yield* monotonic
      // after the machine has slept, a late beat does not count
      const slept = now - looked > 4 * lookInterval ? now - looked : 0
      looked = now
      facts.lackingSince = hasReady(facts) ? undefined : facts.lackingSince ?? now
      for (const slot of facts.slots) {
        const worker = slot.current
        if (worker?.isReady === true) yield* lookAt(slot, worker, { facts, now, slept, slots })
      }
    })
    return Effect.asVoid(Effect.repeat(look, Schedule.spaced(lookInterval)))
  })

interface Look {
  readonly facts: Facts
  readonly now: number
  /** Milliseconds for which the machine slept. */
  readonly slept: number
  readonly slots: Pick<Slots, "replaceIf">
}

const lookAt = (
  slot: Slot,
  worker: Worker,
  { facts, now, slept, slots }: Look
): Effect.Effect<void, never, Journal> =>
  Effect.gen(function*() {
    const { recycling } = facts.plan
    const silence = worker.silenceAt(now, slept)
    if (recycling.hangTimeout > 0 && silence > recycling.hangTimeout && worker.reason !== "hang") {
      worker.retire("hang")
      const journal = yield* Journal
      yield* journal.error(
        "hang",
        `${worker.name} hangs: no beat of its event loop for ${describeTime(silence)}: SIGKILL (--hang-timeout)`,
        { slot: slot.number, pid: worker.pid }
      )
      return yield* WorkerProcess.kill(worker)
    }
    const due = overdue(worker, recycling, now)
    if (due !== undefined) yield* slots.replaceIf(slot, worker, due.reason, due.why)
  })
