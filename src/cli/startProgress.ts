/**
 * What is awaited while a server starts, told when the start takes long.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type { Facts } from "./Facts.js"
import { Journal } from "./Journal.js"
import { monotonic } from "./monotonic.js"
import { describeTime, plural } from "./values.js"

/** Milliseconds. */
const firstAfter = 2000
const nextAfter = 10_000

/**
 * Logs a line after two seconds, and then every ten seconds, until it is interrupted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const startProgress = (facts: Facts): Effect.Effect<never, never, Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const begun = yield* monotonic
    const tell = Effect.suspend(() =>
      Effect.flatMap(monotonic, (now) =>
        journal.info("starting", `still starting after ${describeTime(now - begun)}: ${awaited(facts)}`))
    )
    yield* Effect.delay(tell, firstAfter)
    return yield* Effect.forever(Effect.delay(tell, nextAfter))
  })

// `1 of 3 workers is ready, 1 loads app.ts, 1 starts it`
const awaited = ({ plan, workers }: Facts): string => {
  const booting = [...workers].filter(({ isReady }) => !isReady)
  const ready = workers.size - booting.length
  const doing = [
    { verb: "load", who: booting.filter(({ isLoaded }) => !isLoaded) },
    { verb: "start", who: booting.filter(({ isLoaded }) => isLoaded) }
  ].filter(({ who }) => who.length > 0)
  const subject = (count: number, i: number): string =>
    plan.here
      ? "this process"
      : plan.workers === 1
      ? "worker 1"
      : ready === 0 && i === 0
      ? plural(count, "worker")
      : String(count)
  const words = doing.map(({ verb, who: { length } }, i) =>
    `${subject(length, i)} ${verb}${length === 1 ? "s" : ""} ${i === 0 ? plan.assignment.app.name : "it"}`
  )
  const count = ready === 0 ? [] : [`${ready} of ${plural(plan.workers, "worker")} ${ready === 1 ? "is" : "are"} ready`]
  return [...count, ...words].join(", ")
}
