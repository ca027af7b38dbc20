/**
 * Slots, and the workers in them: each is started, gives its place to a successor that is ready, and is started again when it
 * dies.
 *
 * @since 0.2.0
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as MetricSeries from "../server/MetricSeries.js"
import { sum, zero } from "../server/ServerMetrics.js"
import { type Facts, restarted, type Slot } from "./Facts.js"
import { Journal } from "./Journal.js"
import type { Plan, Reason } from "./Plan.js"
import { limitsOf } from "./recycling.js"
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
export interface Slots {
  /** Workers, and what waits for them, end with the Scope. */
  readonly open: Effect.Effect<void, never, Scope.Scope>
  /** Runs in the background until the Scope closes; does nothing before `open`. */
  readonly fork: (effect: Effect.Effect<void>) => Effect.Effect<void>
  /** Has a new worker take a slot once it is ready; done when who had it before accepts no more, and settles. */
  readonly replace: (slot: Slot, plan: Plan, generation: number) => Effect.Effect<void, BootError>
  /** Replaces a worker for a reason, unless it is no longer there, or one starts in its place. */
  readonly replaceIf: (slot: Slot, worker: Worker, reason: Reason, why: string) => Effect.Effect<void>
  /** Tries until a worker is ready in the slot; the first time after so many milliseconds. */
  readonly respawn: (slot: Slot, delay: number) => Effect.Effect<void>
  /** Ends a slot with its worker. */
  readonly remove: (slot: Slot) => Effect.Effect<void>
  /** Fails when no worker gets ready any more. */
  readonly lost: Effect.Effect<never, CrashLoop>
}

/**
 * The message for a worker that did not become ready.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failedWords = (slot: number, { exitCode, message, reason }: BootError): string =>
  reason === "exit"
    ? `worker ${slot} ${message} before it was ready${exitHint(exitCode)}`
    : `worker ${slot} failed to ${reason === "load" ? "load" : "start"}: ${message}`

const exitHint = (code: BootError["exitCode"]): string =>
  code === 9
    ? ": node refuses an argument, see --node-arg and NODE_OPTIONS"
    : code === 0
    ? ": its app ended the process, which is the command's part"
    : typeof code === "number"
    ? ": what it said is above"
    : ""

/**
 * A slot without a worker.
 *
 * @since 0.2.0
 * @category constructors
 */
export const empty = (number: number): Slot => ({
  number,
  lock: Effect.unsafeMakeSemaphore(1),
  current: undefined,
  scope: undefined,
  failures: 0,
  removed: false
})

/** A worker that lives so long is no failure, whatever ends it. */
const longLife = 60_000
const mostFailures = 10
/** Milliseconds in which a signal to all processes comes to all of them. */
const toldIn = 50

/**
 * @since 0.2.0
 * @category constructors
 */
export const make = (facts: Facts): Effect.Effect<Slots, never, Spawner | Journal> =>
  Effect.gen(function*() {
    const spawner = yield* Spawner
    const journal = yield* Journal
    const lost = yield* Deferred.make<never, CrashLoop>()
    const recycling = yield* Effect.makeSemaphore(1)
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
              // whatever the settings say, the server may have been scaled
              assignment: {
                ...plan.assignment,
                multiprocess: plan.assignment.multiprocess || facts.slots.length > 1
              },
              ticketKeys: () => facts.ticketKeys,
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
        const { current: old, scope: ofOld } = slot
        slot.current = worker
        slot.scope = scope
        if (old === undefined || ofOld === undefined) return Effect.void
        old.replaced = true
        return Effect.zipRight(retire(ofOld), WorkerProcess.draining(old))
      })

    // Closes in the background; the workers' scope waits for it when the supervisor ends.
    const retire = (scope: Scope.CloseableScope): Effect.Effect<void> =>
      Effect.asVoid(Effect.forkDaemon(Scope.close(scope, Exit.void)))

    /** Takes the worker out of its slot; what is left to close is its Scope. */
    const vacate = (slot: Slot): Scope.CloseableScope | undefined => {
      const { scope } = slot
      slot.current = undefined
      slot.scope = undefined
      return scope
    }

    const replace: Slots["replace"] = (slot, plan, generation) =>
      slot.lock.withPermits(1)(
        Effect.flatMap(start(slot, plan, generation), (fresh) => take(slot, fresh))
      )

    const replaceIf: Slots["replaceIf"] = (slot, worker, reason, why) =>
      Effect.suspend(() => {
        if (slot.current !== worker || worker.reason !== undefined || ending()) return Effect.void
        worker.reason = reason
        const replacing = Effect.gen(function*() {
          if (slot.removed || (slot.current !== undefined && slot.current !== worker)) return
          const words = `${worker.name} is replaced: ${why}`
          yield* journal.info("replace", words, { slot: slot.number, pid: worker.pid, reason })
          yield* restarted(facts, slot.number, reason, words)
          yield* replace(slot, facts.plan, facts.generation)
        }).pipe(
          Effect.catchAll((error) => {
            worker.reason = undefined
            return Effect.flatMap(backOff(slot), (next) =>
              Effect.zipRight(
                bootFailed(slot, error, next),
                // the old one goes on, if it is there
                slot.current === undefined ? fork(respawn(slot, next)) : Effect.void
              ))
          })
        )
        return fork(recycling.withPermits(1)(replacing))
      })

    // Another process sent SIGTERM, so the worker drains already. That process may be signalling the supervisor next.
    const leaves = (slot: Slot, worker: Worker): Effect.Effect<void> =>
      Effect.gen(function*() {
        worker.drainedAt = yield* WorkerProcess.monotonic
        if (slot.current !== worker || worker.reason !== undefined || ending()) return
        worker.reason = "told"
        const replacing = Effect.gen(function*() {
          if (ending()) return
          const words = `${worker.name} was told to end (SIGTERM), and is replaced`
          yield* journal.info("told", words, { slot: slot.number, pid: worker.pid })
          yield* restarted(facts, slot.number, "told", words)
          yield* respawn(slot, 0)
        })
        yield* fork(Effect.delay(replacing, toldIn))
      })

    const bootFailed = (slot: Slot, error: BootError, next: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        failuresOnEnd++
        const words = failedWords(slot.number, error)
        return Effect.zipRight(
          restarted(facts, slot.number, "boot", words),
          journal.error("boot", `${words};${nextTry(next)}`, {
            slot: slot.number,
            reason: error.reason,
            details: error.details
          })
        )
      })

    const respawn: Slots["respawn"] = (slot, delay) =>
      Effect.gen(function*() {
        if (delay > 0) yield* Effect.sleep(delay)
        if (slot.removed || ending()) return
        const failed = yield* slot.lock.withPermits(1)(Effect.gen(function*() {
          // a reload may have been quicker
          if (slot.current?.isReady === true) return undefined
          const fresh = yield* start(slot, facts.plan, facts.generation)
          yield* take(slot, fresh)
          return undefined
        })).pipe(Effect.catchAll((error) => Effect.succeed(error)))
        if (failed === undefined) return
        const next = yield* backOff(slot)
        yield* bootFailed(slot, failed, next)
        if (failuresOnEnd >= mostFailures && !facts.slots.some(({ current }) => current?.isReady)) {
          return yield* Deferred.fail(
            lost,
            new CrashLoop({
              message: `no worker became ready after ${failuresOnEnd} consecutive failures: ${failed.message}`
            })
          )
        }
        yield* respawn(slot, next)
      })

    /** Waits for the end of a worker, says why, and has another one started where it was not our doing. */
    const watch = (slot: Slot, worker: Worker): Effect.Effect<void> =>
      Effect.gen(function*() {
        const exit = yield* Deferred.await(worker.exited)
        facts.workers.delete(worker)
        facts.past = sum([facts.past, { ...worker.beat.metrics, connections: zero.connections }])
        for (const name of worker.upAndDown) facts.upAndDown.add(name)
        facts.pastSeries = MetricSeries.sum([facts.pastSeries, MetricSeries.lasting(worker.beat.series)])
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
        // its successor is starting already
        if (worker.reason !== undefined && worker.reason !== "hang") return yield* journal.info("gone", words, fields)
        yield* restarted(facts, slot.number, worker.reason ?? "crash", words)
        if (lived >= longLife) slot.failures = 0
        const next = yield* backOff(slot)
        yield* journal.error(worker.reason ?? "crash", `${words}${suspicion(worker, exit)}${nextTry(next)}`, fields)
        yield* respawn(slot, next)
      })

    return {
      open: Effect.gen(function*() {
        const workers = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.parallel))
        // ended before the workers, so that none is started then
        const fibers = yield* FiberSet.make<void>()
        running = { workers, fork: (effect) => Effect.asVoid(FiberSet.run(fibers, effect)) }
      }),
      fork,
      replace,
      replaceIf,
      respawn,
      remove: (slot) =>
        Effect.suspend(() => {
          slot.removed = true
          const scope = vacate(slot)
          return scope === undefined ? Effect.void : retire(scope)
        }),
      lost: Deferred.await(lost)
    }
  })

const tooMany = (requests: number, { recycling }: Plan): string =>
  `${describeCount(requests)} requests, with --max-requests ${describeCount(recycling.maxRequests)}`

const nextTry = (milliseconds: number): string => ` next try in ${describeTime(milliseconds)}`

const backOff = (slot: Slot): Effect.Effect<number> =>
  Effect.map(Random.nextRange(0.8, 1.2), (jitter) => {
    const delay = Math.min(100 * 2 ** slot.failures++, 30_000)
    return Math.round(delay * jitter)
  })

const suspicion = (worker: Worker, { signal }: ChildExit): string =>
  worker.reason === "hang"
    ? "; its event loop had hung;"
    : signal === "SIGKILL"
    ? "; nobody here did it: out of memory?"
    : ";"
