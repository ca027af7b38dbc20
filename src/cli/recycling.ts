/**
 * When a worker is replaced, though nothing is wrong with it yet.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Reason, Recycling, WorkerLimits } from "./Plan.js"
import { describeSize, describeTime } from "./values.js"
import type { Worker } from "./WorkerProcess.js"

/**
 * @since 0.2.0
 * @category constructors
 */
export const limitsOf = ({ jitter, maxAge, maxRequests }: Recycling): Effect.Effect<WorkerLimits> =>
  Effect.map(Random.next, (random) => ({
    requests: Math.floor(maxRequests * (1 + jitter * random)),
    age: maxAge === 0 ? Infinity : maxAge * (1 + jitter * random)
  }))

/** One that is younger is not replaced for its memory: an app that needs more than it may would be started for ever. */
const youngest = 60_000
const betweenSamples = 5000

/**
 * The reason and the figures where a worker is too old or too large.
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
  if (maxMemory === 0 || worker.beat.rss <= maxMemory) {
    worker.largeSince = undefined
    return undefined
  }
  worker.largeSince ??= now
  if (age < youngest || now - worker.largeSince < betweenSamples) return undefined
  return {
    reason: "memory",
    why: `${describeSize(worker.beat.rss)} is more than --max-memory ${describeSize(maxMemory)}, twice`
  }
}
