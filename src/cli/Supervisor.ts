/**
 * Keeps workers running: slots, each with a worker; generations of them, one for each reload.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Facts from "./Facts.js"
import type { ReloadResult } from "./Facts.js"
import { memoryLimit, memoryWarning } from "./hints.js"
import { Journal } from "./Journal.js"
import { lookAfter } from "./lookAfter.js"
import type { Plan, PlanError } from "./Plan.js"
import * as Slots from "./Slots.js"
import type { Spawner } from "./Spawner.js"
import { isLeaving } from "./Status.js"
import * as TicketKeys from "./TicketKeys.js"
import { describeTime, plural } from "./values.js"
import * as WorkerProcess from "./WorkerProcess.js"
import type { BootError } from "./WorkerProcess.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Supervisor {
  readonly facts: Facts.Facts
  /** Starts all workers, in the Scope that it is run in: closing that ends them. The first that does not get ready fails it. */
  readonly start: Effect.Effect<void, { readonly slot: number; readonly error: BootError }, Scope.Scope>
  /** Fails when no worker gets ready any more. */
  readonly lost: Effect.Effect<never, Slots.CrashLoop>
  /** New workers, one slot after the other. Asked for while one runs, it is one more afterwards. */
  readonly reload: Effect.Effect<ReloadResult>
  /** So many workers from here on, at least 1. */
  readonly scale: (workers: number) => Effect.Effect<number, Alone>
  /** A new worker for a slot, or for each. `false` where there is no such slot. */
  readonly recycle: (slot?: number) => Effect.Effect<boolean, Alone>
  readonly reopen: Effect.Effect<void>
  /** The stop has begun; workers end when the Scope closes. */
  readonly leaving: (state: "unready" | "stopping") => Effect.Effect<void>
  /** Ends all workers at once. */
  readonly killAll: Effect.Effect<void>
}

/**
 * The only worker runs in this process, so it cannot be replaced.
 *
 * @since 0.2.0
 * @category errors
 */
export class Alone extends Data.TaggedError("Alone")<{}> {
  override get message(): string {
    return "--workers 0 serves in this process, and nobody can take its place: start it with --workers 1"
  }
}

/**
 * @param plan read at the start and again at each reload
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  plan: Effect.Effect<Plan, PlanError>,
  first: Plan
): Effect.Effect<Supervisor, never, Spawner | Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const reloading = yield* Effect.makeSemaphore(1)
    const scaling = yield* Effect.makeSemaphore(1)
    const facts = Facts.make(
      first,
      TicketKeys.random(),
      yield* Clock.currentTimeMillis,
      yield* WorkerProcess.monotonic
    )
    const slots = yield* Slots.make(facts)
    const ending = (): boolean => isLeaving(facts)

    const withWorkers = <A>(effect: Effect.Effect<A>): Effect.Effect<A, Alone> =>
      Effect.suspend(() => facts.plan.here ? new Alone() : effect)

    const scale = (wanted: number): Effect.Effect<number> =>
      scaling.withPermits(1)(Effect.gen(function*() {
        const most = Math.max(1, wanted)
        const { length } = facts.slots
        if (ending() || most === length) return length
        const largest = Math.max(0, ...[...facts.workers].map(({ beat }) => beat.rss))
        const warning = most > length ? memoryWarning(most, largest, memoryLimit()) : undefined
        if (warning !== undefined) yield* journal.warn("memory", warning)
        yield* journal.info("scale", `${plural(most, "worker")} instead of ${length}`, { workers: most })
        const added = Array.from({ length: Math.max(0, most - length) }, (_, i) => Slots.empty(length + i + 1))
        const removed = facts.slots.slice(most)
        facts.slots = [...facts.slots.slice(0, most), ...added]
        for (const slot of added) yield* slots.fork(slots.respawn(slot, 0))
        for (const slot of removed) yield* slots.remove(slot)
        return most
      }))

    const reloadOnce: Effect.Effect<ReloadResult> = Effect.gen(function*() {
      if (ending()) return stops
      if (facts.plan.here) return yield* refused
      const begun = yield* WorkerProcess.monotonic
      const at = yield* Clock.currentTimeMillis
      facts.state = "reloading"
      const generation = facts.generation + 1
      const work = Effect.gen(function*() {
        const fresh = yield* Effect.mapError(plan, ({ message }) => ({ message, details: undefined }))
        for (const slot of facts.slots) {
          yield* Effect.mapError(slots.replace(slot, fresh, generation), (error) => ({
            message: Slots.failedWords(slot.number, error),
            details: error.details
          }))
        }
        const { workers } = facts.plan
        facts.plan = fresh
        facts.generation = generation
        if (fresh.workers !== workers) yield* scale(fresh.workers)
      })
      const failed = yield* Effect.match(work, { onSuccess: () => undefined, onFailure: (error) => error })
      const took = Math.round((yield* WorkerProcess.monotonic) - begun)
      if (facts.state === "reloading") facts.state = "serving"
      const outcome: ReloadResult = failed === undefined
        ? { result: "done", took, generation }
        : { result: "refused", took, error: failed.message }
      facts.lastReload = { at, outcome }
      facts.reloads[outcome.result]++
      yield* failed === undefined
        ? journal.info("reload", `reloaded in ${describeTime(took)}, generation ${generation}`, { ...outcome })
        : journal.error("reload", `reload refused, the old workers stay: ${failed.message}`, {
          ...outcome,
          details: failed.details
        })
      return outcome
    })

    const refused = Effect.suspend(() => {
      const { message } = new Alone()
      return Effect.as(journal.error("reload", `reload refused: ${message}`), { ...stops, error: message })
    })

    // Runs in the supervisor's scope: a stop ends it, and an interrupted caller does not.
    const reload: Effect.Effect<ReloadResult> = Effect.gen(function*() {
      if (facts.slots.length === 0) return stops
      const answer = yield* Deferred.make<ReloadResult>()
      yield* slots.fork(
        reloading.withPermits(1)(reloadOnce).pipe(
          Effect.onExit((exit) => Deferred.succeed(answer, Exit.isSuccess(exit) ? exit.value : stops)),
          Effect.asVoid
        )
      )
      return yield* Deferred.await(answer)
    })

    const recycle = (number?: number): Effect.Effect<boolean> =>
      Effect.gen(function*() {
        const meant = facts.slots.filter((slot) => number === undefined || slot.number === number)
        for (const slot of meant) {
          if (slot.current !== undefined) yield* slots.replaceIf(slot, slot.current, "told", "asked for")
        }
        return meant.length > 0
      })

    return {
      facts,
      start: Effect.gen(function*() {
        yield* slots.open
        yield* Effect.addFinalizer(() => Effect.sync(() => facts.state = "stopping"))
        facts.slots = Array.from({ length: facts.plan.workers }, (_, i) => Slots.empty(i + 1))
        yield* Effect.forEach(
          facts.slots,
          (slot) =>
            Effect.mapError(slots.replace(slot, facts.plan, facts.generation), (error) => ({
              slot: slot.number,
              error
            })),
          { concurrency: "unbounded", discard: true }
        )
        facts.state = "serving"
        facts.lackingSince = undefined
        yield* slots.fork(Effect.provideService(lookAfter(facts, slots), Journal, journal))
        yield* slots.fork(TicketKeys.renewing(facts))
      }),
      lost: slots.lost,
      reload,
      scale: (workers) => withWorkers(scale(workers)),
      recycle: (slot) => withWorkers(recycle(slot)),
      reopen: Effect.suspend(() => WorkerProcess.tellAll(facts.workers, { type: "reopen" })),
      leaving: (state) => Effect.sync(() => facts.state = state),
      killAll: Effect.suspend(() => Effect.forEach(facts.workers, WorkerProcess.kill, { discard: true }))
    }
  })

const stops = { result: "refused", took: 0, error: "the server stops" } satisfies ReloadResult
