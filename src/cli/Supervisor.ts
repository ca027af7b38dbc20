/**
 * Keeps workers running: slots, each with a worker; generations of them, one for each reload.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { sum, zero } from "../server/ServerMetrics.js"
import * as Facts from "./Facts.js"
import type { ReloadResult, Slot } from "./Facts.js"
import { Journal } from "./Journal.js"
import type { Plan, PlanError, Reason } from "./Plan.js"
import { limitsOf, overdue } from "./recycling.js"
import { type ChildExit, Spawner } from "./Spawner.js"
import { describeCount, describeTime, plural } from "./values.js"
import * as WorkerProcess from "./WorkerProcess.js"
import type { BootError, Worker } from "./WorkerProcess.js"

/**
 * The last worker is gone, and none gets ready.
 *
 * @since 0.2.0
 * @category errors
 */
export class CrashLoop extends Data.TaggedError("CrashLoop")<{ readonly message: string }> {}

/**
 * @since 0.2.0
 * @category models
 */
export interface Supervisor {
  readonly facts: Facts.Facts
  /** Starts all workers, in the Scope that it is run in: closing that ends them. The first that does not get ready fails it. */
  readonly start: Effect.Effect<void, { readonly slot: number; readonly error: BootError }, Scope.Scope>
  /** Fails when no worker gets ready any more. */
  readonly lost: Effect.Effect<never, CrashLoop>
  /** New workers, one slot after the other. Asked for while one runs, it is one more afterwards. */
  readonly reload: Effect.Effect<ReloadResult>
  /** So many workers from here on, at least 1. */
  readonly scale: (workers: number) => Effect.Effect<number>
  /** A new worker for a slot, or for each. `false` where there is no such slot. */
  readonly recycle: (slot?: number) => Effect.Effect<boolean>
  readonly reopen: Effect.Effect<void>
  /** The stop has begun; workers end when the Scope closes. */
  readonly leaving: (state: "unready" | "stopping") => Effect.Effect<void>
  /** Ends all workers at once. */
  readonly killAll: Effect.Effect<void>
}

/**
 * What is said of a worker that did not get ready.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failedWords = (slot: number, { message, reason }: BootError): string =>
  reason === "exit"
    ? `worker ${slot} ${message} before it was ready`
    : `worker ${slot} failed to ${reason === "load" ? "load" : "start"}: ${message}`

/** A worker that lives so long is no failure, whatever ends it. */
const longLife = 60_000
const mostFailures = 10
const lookEvery = 500

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
    const spawner = yield* Spawner
    const journal = yield* Journal
    const lost = yield* Deferred.make<never, CrashLoop>()
    const reloading = yield* Effect.makeSemaphore(1)
    const recycling = yield* Effect.makeSemaphore(1)
    const scaling = yield* Effect.makeSemaphore(1)
    const facts = Facts.make(yield* Clock.currentTimeMillis, yield* WorkerProcess.monotonic)
    let current = first
    let failuresOnEnd = 0
    let running:
      | { readonly workers: Scope.Scope; readonly fork: (effect: Effect.Effect<void>) => Effect.Effect<void> }
      | undefined

    const fork = (effect: Effect.Effect<void>): Effect.Effect<void> => running?.fork(effect) ?? Effect.void
    const ending = (): boolean => facts.state === "stopping"

    /** Starts a worker and waits until it is ready; it is not in its slot yet. */
    const start = (slot: Slot, plan: Plan, generation: number) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          if (running === undefined) return yield* Effect.dieMessage("not started")
          const scope = yield* Scope.fork(running.workers, ExecutionStrategy.sequential)
          const booting = Effect.gen(function*() {
            const limits = yield* limitsOf(plan.recycling)
            const worker = yield* WorkerProcess.make({
              slot: slot.number,
              generation,
              child: {
                ...plan.child,
                env: { ...plan.child.env, TSGI_SLOT: String(slot.number), TSGI_GENERATION: String(generation) }
              },
              assignment: plan.assignment,
              patience: plan.patience,
              tellAfter: limits.requests,
              asks: (worker, message) =>
                message.type === "leaving"
                  ? leaves(slot, worker)
                  : replaceIf(slot, worker, "requests", tooMany(message.requests, plan))
            })
            facts.workers.add(worker)
            worker.limits = limits
            yield* fork(watch(slot, worker))
            yield* WorkerProcess.ready(worker)
            return worker
          }).pipe(Effect.provideService(Spawner, spawner), Effect.provideService(Journal, journal), Scope.extend(scope))
          const worker = yield* restore(booting).pipe(
            Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
          )
          failuresOnEnd = 0
          yield* journal.info("ready", `${worker.name} ready in ${worker.readyIn} ms`, {
            slot: slot.number,
            pid: worker.pid,
            generation,
            ms: worker.readyIn
          })
          if (slot.number === 1) {
            yield* Effect.forEach(worker.warnings, (warning) => journal.warn("app", warning), { discard: true })
          }
          return { worker, scope }
        })
      )

    const take = (slot: Slot, { scope, worker }: { readonly worker: Worker; readonly scope: Scope.CloseableScope }) =>
      Effect.suspend(() => {
        if (slot.removed) return retire(scope)
        const old = slot.scope
        slot.current = worker
        slot.scope = scope
        return old === undefined ? Effect.void : retire(old)
      })

    // It is waited for beside, but for the end of the supervisor: the workers' scope has it.
    const retire = (scope: Scope.CloseableScope): Effect.Effect<void> =>
      Effect.asVoid(Effect.forkDaemon(Scope.close(scope, Exit.void)))

    /** The new one is ready before the old one settles. */
    const replace = (slot: Slot, plan: Plan, generation: number): Effect.Effect<void, BootError> =>
      slot.lock.withPermits(1)(
        Effect.flatMap(start(slot, plan, generation), (fresh) => take(slot, fresh))
      )

    const tooMany = (requests: number, { recycling }: Plan): string =>
      `${describeCount(requests)} requests, with --max-requests ${describeCount(recycling.maxRequests)}`

    /** Replaces a worker for a reason, unless it is no longer there, or one starts in its place. */
    const replaceIf = (slot: Slot, worker: Worker, reason: Reason, why: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (slot.current !== worker || worker.reason !== undefined || ending()) return Effect.void
        worker.reason = reason
        const replacing = Effect.gen(function*() {
          if (slot.removed || (slot.current !== undefined && slot.current !== worker)) return
          yield* journal.info("replace", `${worker.name} is replaced: ${why}`, {
            slot: slot.number,
            pid: worker.pid,
            reason
          })
          facts.restarts[reason]++
          yield* replace(slot, current, facts.generation)
        }).pipe(
          Effect.catchAll((error) => {
            worker.reason = undefined
            // the old one goes on, or the next try begins
            return Effect.flatMap(backOff(slot), (next) =>
              Effect.zipRight(
                bootFailed(slot, error, next),
                slot.current === undefined ? respawn(slot, next) : Effect.void
              ))
          })
        )
        return fork(recycling.withPermits(1)(replacing))
      })

    // Told to end by somebody else: it drains by itself already.
    const leaves = (slot: Slot, worker: Worker): Effect.Effect<void> =>
      Effect.gen(function*() {
        worker.drainedAt = yield* WorkerProcess.monotonic
        if (slot.current !== worker || worker.reason !== undefined || ending()) {
          return
        }
        worker.reason = "told"
        facts.restarts.told++
        yield* journal.info("told", `${worker.name} was told to end (SIGTERM), and is replaced`, {
          slot: slot.number,
          pid: worker.pid
        })
        yield* fork(respawn(slot, 0))
      })

    const bootFailed = (slot: Slot, error: BootError, next: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        facts.restarts.boot++
        failuresOnEnd++
        return journal.error("boot", `${failedWords(slot.number, error)};${nextTry(next)}`, {
          slot: slot.number,
          reason: error.reason,
          details: error.details
        })
      })

    const nextTry = (milliseconds: number): string => ` next try in ${describeTime(milliseconds)}`

    const backOff = (slot: Slot): Effect.Effect<number> =>
      Effect.map(Random.nextRange(0.8, 1.2), (jitter) => {
        const delay = Math.min(100 * 2 ** slot.failures++, 30_000)
        return Math.round(delay * jitter)
      })

    /** Tries until a worker is ready in the slot. */
    const respawn = (slot: Slot, delay: number): Effect.Effect<void> =>
      Effect.gen(function*() {
        if (delay > 0) yield* Effect.sleep(delay)
        if (slot.removed || ending()) return
        const failed = yield* slot.lock.withPermits(1)(Effect.gen(function*() {
          // a reload may have been quicker
          if (slot.current?.isReady === true) return undefined
          const fresh = yield* start(slot, current, facts.generation)
          yield* take(slot, fresh)
          return undefined
        })).pipe(Effect.catchAll((error) => Effect.succeed(error)))
        if (failed === undefined) return
        const next = yield* backOff(slot)
        yield* bootFailed(slot, failed, next)
        if (failuresOnEnd >= mostFailures && !facts.slots.some(({ current }) => current?.isReady)) {
          return yield* Deferred.fail(
            lost,
            new CrashLoop({ message: `no worker gets ready, ${failuresOnEnd} failures on end: ${failed.message}` })
          )
        }
        yield* respawn(slot, next)
      })

    /** Takes the worker out of its slot; what is left to close is its Scope. */
    const vacate = (slot: Slot): Scope.CloseableScope | undefined => {
      const { scope } = slot
      slot.current = undefined
      slot.scope = undefined
      return scope
    }

    /** Waits for the end of a worker, says why, and has another one started where it was not our doing. */
    const watch = (slot: Slot, worker: Worker): Effect.Effect<void> =>
      Effect.gen(function*() {
        const exit = yield* Deferred.await(worker.exited)
        facts.workers.delete(worker)
        facts.past = sum([facts.past, { ...worker.beat.metrics, connections: zero.connections }])
        if (worker.readyIn === undefined) return
        const now = yield* WorkerProcess.monotonic
        const lived = now - worker.begun
        const words = `${worker.name} ${WorkerProcess.diedOf(exit)} after ${describeTime(lived)}, ${
          plural(worker.requests, "request")
        }`
        const fields = { slot: slot.number, pid: worker.pid, ...exit, requests: worker.requests }
        if (slot.current !== worker || slot.removed || ending()) {
          return yield* journal.info("gone", words, fields)
        }
        const scope = vacate(slot)
        if (scope !== undefined) yield* Scope.close(scope, Exit.void)
        // somebody starts another already
        if (worker.reason !== undefined && worker.reason !== "hang") return yield* journal.info("gone", words, fields)
        facts.restarts[worker.reason ?? "crash"]++
        if (lived >= longLife) slot.failures = 0
        const next = yield* backOff(slot)
        yield* journal.error(worker.reason ?? "crash", `${words}${suspicion(worker, exit)}${nextTry(next)}`, fields)
        yield* respawn(slot, next)
      })

    const suspicion = (worker: Worker, { signal }: ChildExit): string =>
      worker.reason === "hang"
        ? "; its event loop had hung;"
        : signal === "SIGKILL"
        ? "; nobody here did it: out of memory?"
        : ";"

    const newSlot = (number: number): Slot => ({
      number,
      lock: Effect.unsafeMakeSemaphore(1),
      current: undefined,
      scope: undefined,
      failures: 0,
      removed: false
    })

    const scale = (wanted: number): Effect.Effect<number> =>
      scaling.withPermits(1)(Effect.gen(function*() {
        const most = Math.max(1, wanted)
        if (ending() || most === facts.slots.length) return facts.slots.length
        yield* journal.info("scale", `${plural(most, "worker")} instead of ${facts.slots.length}`, { workers: most })
        const added = Array.from(
          { length: Math.max(0, most - facts.slots.length) },
          (_, i) => newSlot(facts.slots.length + i + 1)
        )
        const leaving = facts.slots.slice(most)
        facts.slots = [...facts.slots.slice(0, most), ...added]
        for (const slot of added) {
          yield* fork(respawn(slot, 0))
        }
        for (const slot of leaving) {
          slot.removed = true
          const scope = vacate(slot)
          if (scope !== undefined) yield* retire(scope)
        }
        return most
      }))

    const reloadOnce: Effect.Effect<ReloadResult> = Effect.gen(function*() {
      const begun = yield* WorkerProcess.monotonic
      const at = yield* Clock.currentTimeMillis
      const took = Effect.map(WorkerProcess.monotonic, (now) => Math.round(now - begun))
      if (ending()) return { result: "refused", took: 0, error: "the server stops" } satisfies ReloadResult
      facts.state = "reloading"
      const generation = facts.generation + 1
      let details: string | undefined = undefined
      const work = Effect.gen(function*() {
        const fresh = yield* Effect.mapError(plan, ({ message }) => message)
        for (const slot of facts.slots) {
          yield* Effect.mapError(replace(slot, fresh, generation), (error) => {
            details = error.details
            return failedWords(slot.number, error)
          })
        }
        const { workers } = current
        current = fresh
        facts.generation = generation
        if (fresh.workers !== workers) yield* scale(fresh.workers)
      })
      const outcome: ReloadResult = yield* work.pipe(
        Effect.zipRight(Effect.map(took, (took) => ({ result: "done", took, generation } as const))),
        Effect.catchAll((error) => Effect.map(took, (took) => ({ result: "refused", took, error } as const)))
      )
      if (facts.state === "reloading") facts.state = "serving"
      facts.lastReload = { at, outcome }
      facts.reloads[outcome.result]++
      yield* outcome.result === "done"
        ? journal.info("reload", `reloaded in ${describeTime(outcome.took)}, generation ${generation}`, { ...outcome })
        : journal.error("reload", `reload refused, the old workers stay: ${outcome.error}`, { ...outcome, details })
      return outcome
    })

    // In a fiber of the supervisor's, so that a stop ends it and who asked for it may leave.
    const reload: Effect.Effect<ReloadResult> = Effect.gen(function*() {
      const answer = yield* Deferred.make<ReloadResult>()
      const stopped = { result: "refused", took: 0, error: "the server stops" } as const
      yield* fork(
        reloading.withPermits(1)(reloadOnce).pipe(
          Effect.onExit((exit) => Deferred.succeed(answer, Exit.isSuccess(exit) ? exit.value : stopped)),
          Effect.asVoid
        )
      )
      return running === undefined ? stopped : yield* Deferred.await(answer)
    })

    const recycle = (number?: number): Effect.Effect<boolean> =>
      Effect.gen(function*() {
        const slots = facts.slots.filter((slot) => number === undefined || slot.number === number)
        for (const slot of slots) {
          if (slot.current !== undefined) yield* replaceIf(slot, slot.current, "told", "asked for")
        }
        return slots.length > 0
      })

    // Looks after those that serve.
    let looked = facts.begun
    const look: Effect.Effect<void> = Effect.gen(function*() {
      const now = yield* WorkerProcess.monotonic
      // a machine that slept: nobody's beats are late but by that
      const slept = now - looked > 4 * lookEvery ? now - looked : 0
      looked = now
      if (facts.slots.some(({ current }) => current?.isReady)) facts.lackingSince = undefined
      else facts.lackingSince ??= now
      const { hangTimeout } = current.recycling
      for (const slot of facts.slots) {
        const worker = slot.current
        if (worker?.isReady !== true) continue
        worker.lastBeat += slept
        const silent = now - worker.lastBeat
        worker.hung = silent > 2500
        if (hangTimeout > 0 && silent > hangTimeout && worker.reason !== "hang") {
          worker.reason = "hang"
          yield* journal.error(
            "hang",
            `${worker.name} hangs: no beat of its event loop for ${describeTime(silent)}: SIGKILL`,
            {
              slot: slot.number,
              pid: worker.pid
            }
          )
          yield* WorkerProcess.kill(worker)
          continue
        }
        const due = overdue(worker, current.recycling, now)
        if (due !== undefined) yield* replaceIf(slot, worker, due.reason, due.why)
      }
    })

    return {
      facts,
      start: Effect.gen(function*() {
        const workers = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.parallel))
        // ended before the workers, so that nobody starts one then
        const fibers = yield* FiberSet.make<void>()
        running = { workers, fork: (effect) => Effect.asVoid(FiberSet.run(fibers, effect)) }
        yield* Effect.addFinalizer(() => Effect.sync(() => facts.state = "stopping"))
        facts.slots = Array.from({ length: current.workers }, (_, i) => newSlot(i + 1))
        yield* Effect.forEach(
          facts.slots,
          (slot) =>
            Effect.flatMap(start(slot, current, facts.generation), (fresh) => take(slot, fresh)).pipe(
              Effect.mapError((error) => ({ slot: slot.number, error }))
            ),
          { concurrency: "unbounded", discard: true }
        )
        facts.state = "serving"
        facts.lackingSince = undefined
        yield* fork(Effect.asVoid(Effect.repeat(look, Schedule.spaced(lookEvery))))
      }),
      lost: Deferred.await(lost),
      reload,
      scale,
      recycle,
      reopen: Effect.suspend(() =>
        Effect.forEach(facts.workers, (worker) => worker.child?.send({ type: "reopen" }) ?? Effect.void, {
          discard: true
        })
      ),
      leaving: (state) => Effect.sync(() => facts.state = state),
      killAll: Effect.suspend(() => Effect.forEach(facts.workers, WorkerProcess.kill, { discard: true }))
    }
  })
