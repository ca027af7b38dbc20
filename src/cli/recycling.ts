/**
 * Decides when a serving worker is replaced for its age or its memory.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Reason, Recycling, WorkerLimits } from "./Plan.js"
import { describeSize, describeTime } from "./values.js"
import type { Worker } from "./WorkerLife.js"

/**
 * @since 0.2.0
 * @category constructors
 */
export const limitsOf = ({ jitter, maxAge, maxRequests }: Recycling): Effect.Effect<WorkerLimits> =>
  Effect.map(Random.next, (random) => ({
    requests: Math.floor(maxRequests * (1 + jitter * random)),
    age: maxAge === 0 ? Infinity : maxAge * (1 + jitter * random)
  }))

/**
 * Milliseconds that a worker lives before it is replaced for its memory. Without this bound, an app that always needs more would
 * restart for ever.
 */
const youngest = 60_000
const betweenSamples = 5000

/**
 * The reason why a worker is too old or too large, with the figures; `undefined` if it is not.
 *
 * @param now milliseconds of the monotonic clock
 *
 * @since 0.2.0
 * @category accessors
 */
export const overdue = (
  worker: Worker,
  recycling: Recycling,
  now: number
): { readonly reason: Reason; readonly why: string } | undefined => {
  const age = now - worker.begun
  if (age > worker.limits.age) {
    return { reason: "age", why: `it is ${describeTime(age)} old, with --max-age ${describeTime(recycling.maxAge)}` }
  }
  const { maxMemory } = recycling
  const largeFor = worker.aboveFor(maxMemory === 0 ? Infinity : maxMemory, now)
  if (largeFor === undefined || largeFor < betweenSamples || age < youngest) return undefined
  return {
    reason: "memory",
    why: `${describeSize(worker.beat.rss)} is more than --max-memory ${describeSize(maxMemory)}, twice`
  }
}
