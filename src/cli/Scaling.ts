/**
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Facts, isLeaving } from "./Facts.js"
import { memoryWarning } from "./hints.js"
import type { Journal } from "./Journal.js"
import { Slot } from "./Slot.js"
import type { Slots } from "./Slots.js"
import { plural } from "./values.js"

/**
 * Changes the number of slots, to at least 1, and returns the new number.
 *
 * @since 0.2.0
 * @category models
 */
export type Scale = (workers: number) => Effect.Effect<number>

/**
 * @param memoryLimit the most bytes of all workers together
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  facts: Facts,
  slots: Slots,
  journal: Context.Tag.Service<Journal>,
  memoryLimit: () => number
): Effect.Effect<Scale> =>
  Effect.map(Effect.makeSemaphore(1), (oneAtATime) => (workers) =>
    oneAtATime.withPermits(1)(Effect.gen(function*() {
      const wanted = Math.max(1, workers)
      const { length } = facts.slots
      if (isLeaving(facts) || wanted === length) return length
      const largest = Math.max(0, ...[...facts.workers].map(({ beat }) => beat.rss))
      const warning = wanted > length ? memoryWarning(wanted, largest, memoryLimit()) : undefined
      if (warning !== undefined) yield* journal.warn("memory", warning)
      yield* journal.info("scale", `${plural(wanted, "worker")} instead of ${length}`, { workers: wanted })
      const added = Array.from({ length: Math.max(0, wanted - length) }, (_, i) => new Slot(length + i + 1))
      const removed = facts.slots.slice(wanted)
      facts.slots = [...facts.slots.slice(0, wanted), ...added]
      for (const slot of added) yield* slots.fork(slots.respawn(slot, 0))
      for (const slot of removed) yield* slots.remove(slot)
      return wanted
    })))
