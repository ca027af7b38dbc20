/**
 * Keeps workers running. Each slot has a worker, and each reload brings a generation of workers.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { BootError } from "./BootError.js"
import * as Facts from "./Facts.js"
import type { ReloadResult } from "./Facts.js"
import { memoryLimit } from "./hints.js"
import { Journal } from "./Journal.js"
import { lookAfter } from "./lookAfter.js"
import { monotonic } from "./monotonic.js"
import type { Plan, PlanError } from "./Plan.js"
import * as Reloading from "./Reloading.js"
import * as Scaling from "./Scaling.js"
import { Slot } from "./Slot.js"
import * as Slots from "./Slots.js"
import type { Spawner } from "./Spawner.js"
import { startProgress } from "./startProgress.js"
import type { Systemd } from "./Systemd.js"
import * as TicketKeys from "./TicketKeys.js"
import { plural } from "./values.js"
import * as WorkerProcess from "./WorkerProcess.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Supervisor {
  readonly facts: Facts.Facts
  /** Starts all workers in its Scope, whose close ends them. Fails with the first worker that does not become ready. */
  readonly start: Effect.Effect<void, { readonly slot: number; readonly error: BootError }, Scope.Scope>
  /** Fails when no worker becomes ready any more. */
  readonly lost: Effect.Effect<never, Slots.CrashLoop>
  /** Starts new workers, one slot after the other. A reload that is asked for during another one runs after it. */
  readonly reload: Effect.Effect<ReloadResult>
  /** Changes the number of workers, to at least 1, and returns the new number. */
  readonly scale: (workers: number) => Effect.Effect<number, Refused>
  /** Starts a new worker for one slot, or for each. Returns `false` if there is no such slot. */
  readonly recycle: (slot?: number) => Effect.Effect<boolean, Refused>
  readonly reopen: Effect.Effect<void>
  /** Called when the stop has begun. The workers end when the Scope closes. */
  readonly leaving: (state: "unready" | "stopping") => Effect.Effect<void>
  /** Ends all workers at once. */
  readonly killAll: Effect.Effect<void>
}

/**
 * The error where the only worker runs in this process, and therefore cannot be replaced.
 *
 * @since 0.2.0
 * @category errors
 */
export class Alone extends Data.TaggedError("Alone")<{}> {
  override get message(): string {
    return "--workers 0 serves in this process, which cannot be replaced: start it with --workers 1"
  }
}

/**
 * The error for a change of workers after the stop has begun, because no worker is started any more.
 *
 * @since 0.2.0
 * @category errors
 */
export class Leaving extends Data.TaggedError("Leaving")<{}> {
  override get message(): string {
    return "the server stops"
  }
}

/**
 * The reasons why workers are not changed.
 *
 * @since 0.2.0
 * @category errors
 */
export type Refused = Alone | Leaving

/**
 * @param plan read again at each reload
 * @param first the plan at the start
 * @param manager told of each reload
 * @param most the most bytes of all workers together; default: the limit of the control group
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  plan: Effect.Effect<Plan, PlanError>,
  first: Plan,
  manager: Pick<Systemd, "reloading" | "ready">,
  most: () => number = memoryLimit
): Effect.Effect<Supervisor, never, Spawner | Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const facts = Facts.make(first, TicketKeys.random(), yield* Clock.currentTimeMillis, yield* monotonic)
    const slots = yield* Slots.make(facts)
    const scale = yield* Scaling.make(facts, slots, journal, most)
    const hindrance = (): string | undefined => facts.plan.here ? new Alone().message : undefined
    const reload = yield* Reloading.make({ facts, slots, scale, journal, plan, hindrance, manager })
    const mayChange = <A>(event: string, verb: string, change: Effect.Effect<A>): Effect.Effect<A, Refused> =>
      Effect.suspend((): Effect.Effect<A, Refused> =>
        facts.plan.here ? new Alone() : Facts.isLeaving(facts) ? new Leaving() : change
      ).pipe(Effect.tapError(({ message }) => journal.warn(event, `${verb} refused: ${message}`)))
    return {
      facts,
      start: start(facts, slots, journal),
      lost: slots.lost,
      reload,
      scale: (workers) => mayChange("scale", "scale", scale(workers)),
      recycle: (slot) => mayChange("replace", "recycle", recycle(facts, slots, slot)),
      reopen: Effect.suspend(() => WorkerProcess.tellAll(facts.workers, { type: "reopen" })),
      leaving: (state) => Effect.sync(() => facts.state = state),
      killAll: Effect.suspend(() =>
        Effect.zipRight(
          facts.workers.size === 0 ? Effect.void : journal.warn("kill", killLine(facts)),
          Effect.forEach(facts.workers, WorkerProcess.kill, { discard: true })
        )
      )
    }
  })

// Requests are those of the workers' last beats.
const killLine = ({ plan, workers }: Facts.Facts): string => {
  const active = [...workers].reduce((sum, { beat }) => sum + beat.metrics.connections.active, 0)
  const who = plan.here
    ? "the server ends"
    : `${plural(workers.size, "worker")} ${workers.size === 1 ? "is" : "are"} killed`
  return `${who} at once${active === 0 ? "" : `, with ${plural(active, "request")} under way`}`
}

const start = (
  facts: Facts.Facts,
  slots: Slots.Slots,
  journal: Context.Tag.Service<Journal>
): Supervisor["start"] =>
  Effect.gen(function*() {
    yield* slots.open
    yield* Effect.addFinalizer(() => Effect.sync(() => facts.state = "stopping"))
    facts.slots = Array.from({ length: facts.plan.workers }, (_, i) => new Slot(i + 1))
    const telling = yield* Effect.fork(Effect.provideService(startProgress(facts), Journal, journal))
    yield* Effect.forEach(
      facts.slots,
      (slot) =>
        Effect.mapError(slots.replace(slot, facts.plan, facts.generation), (error) => ({ slot: slot.number, error })),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.ensuring(Fiber.interrupt(telling)))
    facts.state = "serving"
    facts.lackingSince = undefined
    yield* slots.fork(Effect.provideService(lookAfter(facts, slots), Journal, journal))
    yield* slots.fork(TicketKeys.renewing(facts))
  })

const recycle = (facts: Facts.Facts, slots: Slots.Slots, number: number | undefined): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const chosen = facts.slots.filter((slot) => number === undefined || slot.number === number)
    for (const slot of chosen) {
      if (slot.current !== undefined) yield* slots.replaceIf(slot, slot.current, "told", "asked for")
    }
    return chosen.length > 0
  })
