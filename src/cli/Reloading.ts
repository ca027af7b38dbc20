/**
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type BootError, failureLine } from "./BootError.js"
import { type Facts, isLeaving, type ReloadResult } from "./Facts.js"
import type { Journal } from "./Journal.js"
import { monotonic } from "./monotonic.js"
import type { Plan, PlanError } from "./Plan.js"
import type { Scale } from "./Scaling.js"
import type { Slot } from "./Slot.js"
import type { Slots } from "./Slots.js"
import type { Systemd } from "./Systemd.js"
import { describeTime } from "./values.js"

/**
 * What a reload acts on.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reloading {
  readonly facts: Facts
  readonly slots: Slots
  readonly scale: Scale
  readonly journal: Context.Tag.Service<Journal>
  /** Reads the settings again. */
  readonly plan: Effect.Effect<Plan, PlanError>
  /** The reason why a reload is refused; `undefined` if there is none. */
  readonly hindrance: () => string | undefined
  /** The service manager. It is not told once a stop has begun. */
  readonly manager: Pick<Systemd, "reloading" | "ready">
}

/**
 * Makes the reload, which starts new workers, one slot after the other. Reloads run one at a time, in the supervisor's Scope. So
 * a stop ends a reload, and an interrupted caller does not. Callers that ask during a reload share the next one, which only then
 * reads the settings.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (reloading: Reloading): Effect.Effect<Effect.Effect<ReloadResult>> =>
  Effect.map(Effect.makeSemaphore(1), (oneAtATime) => {
    let running = 0
    /** The answer of the reload that has not begun yet. */
    let next: Deferred.Deferred<ReloadResult> | undefined = undefined
    return Effect.gen(function*() {
      const { facts, slots } = reloading
      if (isLeaving(facts)) return yield* refuse(reloading, "the server stops")
      if (facts.slots.length === 0) return yield* refuse(reloading, "the server is starting")
      if (next !== undefined) return yield* Deferred.await(next)
      const answer = yield* Deferred.make<ReloadResult>()
      if (running++ > 0) next = answer
      const run = Effect.suspend(() => {
        if (next === answer) next = undefined
        return once(reloading)
      })
      yield* slots.fork(
        oneAtATime.withPermits(1)(run).pipe(
          Effect.onExit((exit) => {
            running--
            return Exit.isSuccess(exit)
              ? Deferred.succeed(answer, exit.value)
              : Effect.flatMap(giveUp(reloading), (result) => Deferred.succeed(answer, result))
          }),
          Effect.asVoid
        )
      )
      return yield* Deferred.await(answer)
    })
  })

const refused = (error: string, took = 0): ReloadResult => ({ result: "refused", took, error })

const refuse = ({ journal }: Reloading, why: string): Effect.Effect<ReloadResult> =>
  Effect.as(journal.warn("reload", `reload refused: ${why}`), refused(why))

const giveUp = ({ journal }: Reloading): Effect.Effect<ReloadResult> =>
  Effect.as(journal.warn("reload", "reload given up: the server stops"), refused("the server stops"))

const once = (reloading: Reloading): Effect.Effect<ReloadResult> =>
  Effect.gen(function*() {
    const { facts, hindrance, journal, manager, slots } = reloading
    const why = hindrance()
    if (!isLeaving(facts)) yield* manager.reloading
    if (why !== undefined && !isLeaving(facts)) {
      yield* slots.fork(manager.ready)
      return yield* Effect.as(journal.error("reload", `reload refused: ${why}`), refused(why))
    }
    if (isLeaving(facts)) return yield* refuse(reloading, "the server stops")
    const at = yield* Clock.currentTimeMillis
    const begun = yield* monotonic
    facts.state = "reloading"
    const failed = yield* Effect.match(renew(reloading), {
      onSuccess: () => undefined,
      onFailure: (failure) => failure
    })
    const took = Math.round((yield* monotonic) - begun)
    // a stop may have begun meanwhile
    if (!isLeaving(facts)) {
      facts.state = "serving"
      yield* slots.fork(manager.ready)
    }
    const left = slotsLeftBy(facts, begun)
    const outcome = failed === undefined
      ? { result: "done" as const, took, generation: facts.generation }
      : refused(`${failed.message}${left.fresh}`, took)
    facts.lastReload = { at, outcome }
    facts.reloads[outcome.result]++
    yield* failed === undefined
      ? journal.info("reload", `reloaded in ${describeTime(took)}, generation ${facts.generation}`, { ...outcome })
      : journal.error("reload", `reload refused, the old workers stay${left.old}: ${failed.message}`, {
        ...outcome,
        details: failed.details
      })
    return outcome
  })

/** The slots in which a refused reload has left old and new workers, as text. The text is empty if all are old. */
const slotsLeftBy = ({ generation, slots }: Facts, begun: number): { readonly old: string; readonly fresh: string } => {
  const isNew = ({ current }: Slot): boolean =>
    current !== undefined && current.generation > generation && current.begun >= begun
  const fresh = slots.filter(isNew)
  return fresh.length === 0
    ? { old: "", fresh: "" }
    : {
      old: ` in ${namesOf(slots.filter((slot) => !isNew(slot)))}`,
      fresh: `; ${namesOf(fresh)} ${fresh.length === 1 ? "has a new worker" : "have new workers"}`
    }
}

const namesOf = (slots: ReadonlyArray<Slot>): string =>
  `slot${slots.length === 1 ? "" : "s"} ${slots.map(({ number }) => number).join(", ")}`

interface Failure {
  readonly message: string
  readonly details?: string | undefined
}

// The first worker that does not become ready ends the reload, and the old workers stay.
const renew = ({ facts, plan, scale, slots }: Reloading): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const fresh = yield* Effect.mapError(plan, ({ message }): Failure => ({ message }))
    const before = { plan: facts.plan, generation: facts.generation }
    const after = { plan: fresh, generation: ++facts.newestGeneration }
    yield* eachSlot(facts, (slot) => slots.replace(slot, after.plan, after.generation))
    adopt(facts, after)
    // slots that were added meanwhile, and those whose new worker did not stay, get a worker of the plan before
    yield* Effect.tapError(eachSlot(facts, (slot) => slots.fill(slot)), () => Effect.sync(() => adopt(facts, before)))
    if (fresh.workers !== before.plan.workers) {
      yield* scale(fresh.workers)
    }
  })

const adopt = (facts: Facts, { generation, plan }: Pick<Facts, "plan" | "generation">): void => {
  facts.plan = plan
  facts.generation = generation
}

const eachSlot = (
  { slots }: Facts,
  renewed: (slot: Slot) => Effect.Effect<void, BootError>
): Effect.Effect<void, Failure> =>
  Effect.forEach(slots, (slot) =>
    Effect.mapError(renewed(slot), (error): Failure => ({
      message: failureLine(slot.number, error),
      details: error.details
    })), { discard: true })
