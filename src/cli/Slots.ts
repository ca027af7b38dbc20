/**
 * Keeps a worker in each slot: starts it, replaces it by a successor once that is ready, and starts another one if it dies.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as MetricSeries from "../server/MetricSeries.js"
import { sum, zero } from "../server/ServerMetrics.js"
import { type BootError, failureLine } from "./BootError.js"
import { type Facts, hasReady, restarted } from "./Facts.js"
import { Journal } from "./Journal.js"
import { monotonic } from "./monotonic.js"
import type { Plan, Reason, WorkerLimits } from "./Plan.js"
import { limitsOf } from "./recycling.js"
import type { Occupant, Slot } from "./Slot.js"
import { Spawner } from "./Spawner.js"
import type { Worker } from "./WorkerLife.js"
import { type Departure, goneFields, goneLine, nextTry, requestsReached, suspectedCause } from "./workerLines.js"
import * as WorkerProcess from "./WorkerProcess.js"

/**
 * The error for a server whose last worker is gone, and for which no other one becomes ready.
 *
 * @since 0.2.0
 * @category errors
 */
export class CrashLoop extends Data.TaggedError("CrashLoop")<{ readonly message: string }> {}

/** Milliseconds after which the end of a worker is not a failure. */
const longLife = 60_000
const mostFailures = 10
/** Milliseconds within which a signal to all processes has reached all of them. */
const signalSpread = 50

interface Running {
  readonly workers: Scope.Scope
  readonly fork: (effect: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * @since 0.2.0
 * @category models
 */
export class Slots {
  private running: Running | undefined = undefined
  /** Failed starts since a worker was last ready. */
  private failuresInARow = 0
  /** Workers that go on serving until the next attempt to replace them. */
  private readonly postponed = new Set<Worker>()

  /** Fails when no worker becomes ready any more. */
  readonly lost: Effect.Effect<never, CrashLoop>

  constructor(
    private readonly facts: Facts,
    private readonly spawner: Context.Tag.Service<Spawner>,
    private readonly journal: Context.Tag.Service<Journal>,
    /** Held while a worker is replaced for its requests, age or memory, so that this happens to one at a time. */
    private readonly recycling: Effect.Semaphore,
    private readonly crashLoop: Deferred.Deferred<never, CrashLoop>
  ) {
    this.lost = Deferred.await(crashLoop)
  }

  /** Opens the slots. Workers, and the fibers that wait for them, end with the Scope. */
  readonly open: Effect.Effect<void, never, Scope.Scope> = Effect.gen(this, function*() {
    const workers = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.parallel))
    // the fibers end before the workers, so that they do not start other workers
    const fibers = yield* FiberSet.make<void>()
    this.running = { workers, fork: (effect) => Effect.asVoid(FiberSet.run(fibers, effect)) }
  })

  /** Runs an effect in the background until the Scope closes. Does nothing before {@link open}. */
  fork(effect: Effect.Effect<void>): Effect.Effect<void> {
    return this.running?.fork(effect) ?? Effect.void
  }

  /** Starts a worker, which takes the slot once it is ready. Ends when its predecessor accepts no more connections. */
  replace(slot: Slot, plan: Plan, generation: number): Effect.Effect<void, BootError> {
    return slot.lock.withPermits(1)(this.occupy(slot, plan, generation))
  }

  /** Ensures that a slot has a worker of the current generation, or of a newer one from a reload. */
  fill(slot: Slot): Effect.Effect<void, BootError> {
    return slot.lock.withPermits(1)(Effect.suspend(() => {
      const { generation, plan } = this.facts
      const { current } = slot
      return current?.isReady === true && current.generation >= generation
        ? Effect.void
        : this.occupy(slot, plan, generation)
    }))
  }

  /** Replaces a worker for a reason, unless it already leaves or waits for the next attempt. */
  replaceIf(slot: Slot, worker: Worker, reason: Reason, why: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.serves(slot, worker) || this.postponed.has(worker)) return Effect.void
      const words = `${worker.name} is replaced: ${why}`
      const told = Effect.zipRight(
        this.journal.info("replace", words, { slot: slot.number, pid: worker.pid, reason }),
        restarted(this.facts, slot.number, reason, words)
      )
      worker.retire(reason)
      return this.fork(this.succeed(slot, worker, reason, told))
    })
  }

  /** Starts workers, the first one after `delay` milliseconds, until one is ready in the slot. */
  respawn(slot: Slot, delay: number): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      if (delay > 0) yield* Effect.sleep(delay)
      if (slot.isRemoved || this.isStopping) return
      const started = yield* Effect.either(this.fill(slot))
      if (Either.isRight(started)) return
      const error = started.left
      const next = yield* backOff(slot)
      yield* this.bootFailed(slot, error, nextTry(next))
      if (this.failuresInARow >= mostFailures) {
        const failures = this.failuresInARow
        return yield* Deferred.fail(
          this.crashLoop,
          new CrashLoop({ message: `no worker became ready after ${failures} consecutive failures: ${error.message}` })
        )
      }
      yield* this.respawn(slot, next)
    })
  }

  /** Ends a slot and its worker. */
  remove(slot: Slot): Effect.Effect<void> {
    return Effect.suspend(() => {
      const occupant = slot.remove()
      return occupant === undefined ? Effect.void : closeInBackground(occupant)
    })
  }

  private get isStopping(): boolean {
    return this.facts.state === "stopping"
  }

  private serves(slot: Slot, worker: Worker): boolean {
    return slot.current === worker && worker.reason === undefined && !this.isStopping
  }

  /** Starts a worker, and puts it into its slot. A slot that was removed needs no worker, so a failure for it does not count. */
  private occupy(slot: Slot, plan: Plan, generation: number): Effect.Effect<void, BootError> {
    return Effect.suspend(() =>
      slot.isRemoved
        ? Effect.void
        : Effect.flatMap(this.start(slot, plan, generation), (fresh) => this.seat(slot, fresh)).pipe(
          Effect.catchAll((error) => slot.isRemoved ? Effect.void : error)
        )
    )
  }

  /** Starts a worker and waits until it is ready. The worker is not yet in its slot. */
  private start(slot: Slot, plan: Plan, generation: number): Effect.Effect<Occupant, BootError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(this, function*() {
        if (this.running === undefined) return yield* Effect.dieMessage("not started")
        const scope = yield* Scope.fork(this.running.workers, ExecutionStrategy.sequential)
        const worker = yield* restore(Scope.extend(this.boot(slot, plan, generation), scope)).pipe(
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
        this.failuresInARow = 0
        yield* this.tellReady(worker)
        return { worker, scope }
      })
    )
  }

  private boot(slot: Slot, plan: Plan, generation: number): Effect.Effect<Worker, BootError, Scope.Scope> {
    return Effect.gen(this, function*() {
      const spec = this.specOf(slot, plan, generation, yield* limitsOf(plan.recycling))
      const worker = yield* WorkerProcess.make(spec)
      this.facts.workers.add(worker)
      yield* this.fork(this.watch(slot, worker))
      yield* WorkerProcess.ready(worker)
      return worker
    }).pipe(Effect.provideService(Spawner, this.spawner), Effect.provideService(Journal, this.journal))
  }

  private specOf(slot: Slot, plan: Plan, generation: number, limits: WorkerLimits): WorkerProcess.WorkerSpec {
    const { assignment, child, recycling, timeouts } = plan
    return {
      slot: slot.number,
      generation,
      child: {
        ...child,
        env: { ...child.env, TSGI_SLOT: String(slot.number), TSGI_GENERATION: String(generation) }
      },
      // the server may have been scaled since the settings were read
      assignment: { ...assignment, multiprocess: assignment.multiprocess || this.facts.slots.length > 1 },
      ticketKeys: () => this.facts.ticketKeys,
      timeouts,
      limits,
      asks: (worker, message) =>
        message.type === "leaving"
          ? this.leaves(slot, worker)
          : this.replaceIf(slot, worker, "requests", requestsReached(message.requests, recycling))
    }
  }

  private tellReady(worker: Worker): Effect.Effect<void> {
    const { generation, name, pid, readyIn, slot, warnings } = worker
    const line = this.journal.info("ready", `${name} ready in ${readyIn} ms`, {
      slot,
      pid,
      generation,
      ms: readyIn,
      interface: worker.interface
    })
    // each worker has the same app, and therefore the same warnings
    return slot === 1
      ? Effect.zipRight(line, Effect.forEach(warnings, (text) => this.journal.warn("app", text), { discard: true }))
      : line
  }

  /** Puts a worker that is ready into its slot. */
  private seat(slot: Slot, fresh: Occupant): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (slot.isRemoved) return closeInBackground(fresh)
      const before = slot.take(fresh)
      if (before === undefined) return Effect.void
      before.worker.supersede()
      return Effect.zipRight(closeInBackground(before), WorkerProcess.draining(before.worker))
    })
  }

  /** Replaces a retired worker by a successor when its turn comes. */
  private succeed(slot: Slot, worker: Worker, reason: Reason, begin: Effect.Effect<void>): Effect.Effect<void> {
    const replacing = Effect.suspend(() => {
      // a reload that held the lock has replaced the worker, with a newer plan
      if (slot.isRemoved || (slot.current !== undefined && slot.current !== worker)) return Effect.void
      return Effect.zipRight(begin, this.occupy(slot, this.facts.plan, this.facts.generation))
    })
    return this.recycling.withPermits(1)(slot.lock.withPermits(1)(replacing)).pipe(
      Effect.catchAll((error) => this.staysAfter(slot, worker, reason, error))
    )
  }

  /** Lets a worker stay, because its successor did not become ready. If it has ended meanwhile, another one is started. */
  private staysAfter(slot: Slot, worker: Worker, reason: Reason, error: BootError): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      worker.stays()
      const isThere = slot.current === worker
      // whoever has asked for this can ask again
      if (reason === "told" && isThere) return yield* this.bootFailed(slot, error, ` ${worker.name} stays`)
      const next = yield* backOff(slot)
      if (isThere) this.postponed.add(worker)
      yield* this.bootFailed(slot, error, nextTry(next))
      if (!isThere) return yield* this.respawn(slot, next)
      yield* Effect.sleep(next)
      this.postponed.delete(worker)
      if (slot.current !== worker || this.isStopping) return
      worker.retire(reason)
      yield* this.succeed(slot, worker, reason, Effect.void)
    })
  }

  // Called when another process has sent SIGTERM to a worker, which therefore drains already. That process may be about to signal
  // the supervisor too.
  private leaves(slot: Slot, worker: Worker): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      worker.leaves(yield* monotonic)
      if (!this.serves(slot, worker)) return
      worker.retire("told")
      const replacing = Effect.gen(this, function*() {
        if (this.isStopping) return
        const words = `${worker.name} was told to end (SIGTERM), and is replaced`
        yield* this.journal.info("told", words, { slot: slot.number, pid: worker.pid })
        yield* restarted(this.facts, slot.number, "told", words)
        yield* this.respawn(slot, 0)
      })
      yield* this.fork(Effect.delay(replacing, signalSpread))
    })
  }

  private bootFailed(slot: Slot, error: BootError, sequel: string): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      this.failuresInARow = hasReady(this.facts) ? 0 : this.failuresInARow + 1
      const words = failureLine(slot.number, error)
      yield* restarted(this.facts, slot.number, "boot", words)
      yield* this.journal.error("boot", `${words};${sequel}`, {
        slot: slot.number,
        reason: error.reason,
        details: error.details
      })
    })
  }

  /** Waits for the end of a worker and logs it. If the supervisor did not ask for that end, it starts another worker. */
  private watch(slot: Slot, worker: Worker): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      const exit = yield* Deferred.await(worker.exited)
      this.keepCountsOf(worker)
      if (worker.readyIn === undefined) return
      const departure = { worker, exit, lived: (yield* monotonic) - worker.begun }
      const isOurs = slot.current === worker && !slot.isRemoved && !this.isStopping
      const occupant = isOurs ? slot.vacate() : undefined
      if (occupant !== undefined) yield* Scope.close(occupant.scope, Exit.void)
      const hasSuccessor = worker.reason !== undefined && worker.reason !== "hang"
      // the line that it was told to end waits too
      if (worker.reason === "told") yield* Effect.sleep(signalSpread)
      yield* isOurs && !hasSuccessor
        ? this.restart(slot, departure)
        : this.journal.info("gone", goneLine(departure), goneFields(departure))
    })
  }

  private restart(slot: Slot, departure: Departure): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      const reason = departure.worker.reason ?? "crash"
      const words = goneLine(departure)
      yield* restarted(this.facts, slot.number, reason, words)
      if (departure.lived >= longLife) slot.recover()
      const next = yield* backOff(slot)
      yield* this.journal.error(reason, `${words}${suspectedCause(departure)}${nextTry(next)}`, goneFields(departure))
      yield* this.respawn(slot, next)
    })
  }

  private keepCountsOf(worker: Worker): void {
    const { facts } = this
    const { metrics, series } = worker.beat
    facts.workers.delete(worker)
    facts.past = sum([facts.past, { ...metrics, connections: zero.connections }])
    facts.pastSeries = MetricSeries.sum([facts.pastSeries, MetricSeries.lasting(series)])
    for (const name of worker.fallenCounters) facts.fallenCounters.add(name)
  }
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const make = (facts: Facts): Effect.Effect<Slots, never, Spawner | Journal> =>
  Effect.gen(function*() {
    return new Slots(
      facts,
      yield* Spawner,
      yield* Journal,
      yield* Effect.makeSemaphore(1),
      yield* Deferred.make<never, CrashLoop>()
    )
  })

// Closes the scope of an occupant in the background. When the supervisor ends, the workers' Scope waits for that.
const closeInBackground = ({ scope }: Occupant): Effect.Effect<void> =>
  Effect.asVoid(Effect.forkDaemon(Scope.close(scope, Exit.void)))

const backOff = (slot: Slot): Effect.Effect<number> =>
  Effect.map(Random.nextRange(0.8, 1.2), (jitter) => slot.backOff(jitter))
