/**
 * A worker: one child process, in a Scope. Closing that is the worker's graceful end.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { total, zero } from "../server/ServerMetrics.js"
import { Journal } from "./Journal.js"
import {
  type Assignment,
  type Beat,
  type FromWorker,
  type Interface,
  isFromWorker,
  type Phase,
  protocol,
  type ToWorker
} from "./messages.js"
import type { Patience, Reason, WorkerLimits } from "./Plan.js"
import { type Child, type ChildExit, type ChildSettings, Spawner } from "./Spawner.js"
import { fallen } from "./upAndDown.js"
import { describeTime } from "./values.js"

/**
 * A worker did not get ready.
 *
 * @since 0.2.0
 * @category errors
 */
export class BootError extends Data.TaggedError("BootError")<{
  readonly reason: Phase | "timeout" | "exit" | "spawn" | "protocol"
  readonly message: string
  /** With which it ended before it was ready; `null` for a signal. */
  readonly exitCode?: number | null
  /** As developers want it. */
  readonly details?: string | undefined
}> {}

/**
 * @since 0.2.0
 * @category models
 */
export type WorkerState = "booting" | "ready" | "settling" | "draining" | "hung" | "gone"

/**
 * What is known of a worker. Times are milliseconds: `startedAt` since the epoch, the others of the monotonic clock.
 *
 * @since 0.2.0
 * @category models
 */
export class Worker {
  readonly ready = Deferred.unsafeMake<void, BootError>(FiberId.none)
  readonly draining = Deferred.unsafeMake<void>(FiberId.none)
  readonly exited = Deferred.unsafeMake<ChildExit>(FiberId.none)
  child: Child | undefined = undefined
  beat: Beat = noBeat
  interface: Exclude<Interface, "auto"> = "wsgi"
  warnings: ReadonlyArray<string> = []
  /** Names of its app's counters that have been seen to fall. */
  readonly upAndDown = new Set<string>()
  /** Requests answered at each of the last beats, oldest first. */
  readonly history: Array<number> = []
  lastBeat: number
  readyIn: number | undefined = undefined
  drainedAt: number | undefined = undefined
  /** Another one has its place, and takes its clients. */
  replaced = false
  gone = false
  hung = false
  limits: WorkerLimits = { requests: 0, age: Infinity }
  /** When it was first found to have too much memory, and has had so since. */
  largeSince: number | undefined = undefined
  /** Why we end it; `undefined` where that is its own doing. */
  reason: Reason | undefined = undefined

  constructor(
    readonly slot: number,
    readonly generation: number,
    readonly startedAt: number,
    readonly begun: number,
    readonly patience: Patience
  ) {
    this.lastBeat = begun
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  /** `worker 1 (4720)` */
  get name(): string {
    return `worker ${this.slot}${this.child === undefined ? "" : ` (${this.pid})`}`
  }

  get requests(): number {
    return total(this.beat.metrics.requests)
  }

  get isReady(): boolean {
    return this.readyIn !== undefined && this.drainedAt === undefined && !this.gone
  }

  stateAt(now: number): WorkerState {
    if (this.gone) return "gone"
    if (this.drainedAt !== undefined) return now - this.drainedAt < this.patience.settle ? "settling" : "draining"
    if (this.readyIn === undefined) return "booting"
    return this.hung ? "hung" : "ready"
  }

  took(beat: Beat, now: number): void {
    for (const name of fallen(this.beat.series, beat.series)) this.upAndDown.add(name)
    this.beat = beat
    this.lastBeat = now
    this.hung = false
    this.history.push(this.requests)
    if (this.history.length > 61) this.history.shift()
  }
}

const noBeat: Beat = {
  type: "beat",
  metrics: zero,
  series: [],
  loopDelay: { p50: 0, p99: 0, max: 0 },
  rss: 0,
  heap: 0,
  handles: 0
}

/**
 * @since 0.2.0
 * @category models
 */
export interface WorkerSpec {
  readonly slot: number
  readonly generation: number
  readonly child: ChildSettings
  readonly assignment: Assignment
  /** Those of the moment, which change while workers start. */
  readonly ticketKeys: () => Uint8Array
  readonly patience: Patience
  /** The worker tells after so many requests; 0: never. */
  readonly tellAfter: number
  /** What a worker asks for: it has had requests enough, or somebody else told it to end. */
  readonly asks: (
    worker: Worker,
    message: Extract<FromWorker, { readonly type: "enough" | "leaving" }>
  ) => Effect.Effect<void>
}

/**
 * Milliseconds of the monotonic clock.
 *
 * @since 0.2.0
 * @category accessors
 */
export const monotonic: Effect.Effect<number> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos / 1000n) / 1000
)

/**
 * Starts a worker. It may not be ready yet: see {@link ready}.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (spec: WorkerSpec): Effect.Effect<Worker, BootError, Scope.Scope | Spawner | Journal> =>
  Effect.gen(function*() {
    const { spawn } = yield* Spawner
    const journal = yield* Journal
    const worker = new Worker(
      spec.slot,
      spec.generation,
      yield* Clock.currentTimeMillis,
      yield* monotonic,
      spec.patience
    )
    const run = Runtime.runFork(yield* Effect.runtime())
    yield* Effect.acquireRelease(
      spawn(spec.child, {
        message: (message) => {
          if (isFromWorker(message)) run(heard(worker, spec, message))
        },
        exited: (exit) => {
          worker.gone = true
          Deferred.unsafeDone(worker.exited, Exit.succeed(exit))
          Deferred.unsafeDone(
            worker.ready,
            Exit.fail(new BootError({ reason: "exit", message: diedOf(exit), exitCode: exit.code }))
          )
        }
      }).pipe(
        Effect.mapError(({ message }) =>
          new BootError({ reason: "spawn", message: `cannot start a process: ${message}` })
        ),
        Effect.tap((child) => Effect.sync(() => worker.child = child))
      ),
      (child) => end(worker, child, journal)
    )
    return worker
  })

/**
 * How a process ended, in words.
 *
 * @since 0.2.0
 * @category conversions
 */
export const diedOf = ({ code, signal }: ChildExit): string =>
  signal === null ? `exited with code ${code}` : `was killed by ${signal}`

/**
 * Waits until a worker is ready; one that is late is killed.
 *
 * @since 0.2.0
 * @category accessors
 */
export const ready = (worker: Worker): Effect.Effect<void, BootError> =>
  Deferred.await(worker.ready).pipe(
    Effect.timeoutFail({
      duration: worker.patience.bootTimeout,
      onTimeout: () =>
        new BootError({
          reason: "timeout",
          message: `not ready after --boot-timeout ${
            describeTime(worker.patience.bootTimeout)
          }: it awaits something, or needs a longer one`
        })
    }),
    Effect.tapErrorTag("BootError", ({ reason }) => reason === "timeout" ? kill(worker) : Effect.void)
  )

/**
 * Waits until a worker that was told to end accepts no more. One that hangs is not waited for: while it does, it accepts none.
 *
 * @since 0.2.0
 * @category accessors
 */
export const draining = (worker: Worker): Effect.Effect<void> =>
  Deferred.await(worker.draining).pipe(
    Effect.raceFirst(Deferred.await(worker.exited)),
    Effect.timeoutOption(mostUnheard),
    Effect.asVoid
  )

const mostUnheard = 1000

/**
 * @since 0.2.0
 * @category destructors
 */
export const kill = (worker: Worker): Effect.Effect<void> => worker.child?.kill("SIGKILL") ?? Effect.void

/**
 * @since 0.2.0
 * @category constructors
 */
export const tellAll = (workers: Iterable<Worker>, message: ToWorker): Effect.Effect<void> =>
  Effect.forEach(workers, ({ child }) => child?.send(message) ?? Effect.void, { discard: true })

const heard = (worker: Worker, spec: WorkerSpec, message: FromWorker): Effect.Effect<void> =>
  Effect.gen(function*() {
    const now = yield* monotonic
    worker.lastBeat = now
    switch (message.type) {
      case "hello":
        if (message.protocol === protocol) {
          return yield* worker.child?.send({
            ...spec.assignment,
            type: "serve",
            slot: spec.slot,
            generation: spec.generation,
            tellAfter: spec.tellAfter,
            ticketKeys: spec.ticketKeys()
          }) ?? Effect.void
        }
        Deferred.unsafeDone(
          worker.ready,
          Exit.fail(
            new BootError({ reason: "protocol", message: "tsgi was updated while the server was running: restart it" })
          )
        )
        return yield* kill(worker)
      case "ready":
        worker.interface = message.interface
        worker.readyIn = Math.round(now - worker.begun)
        worker.warnings = message.warnings
        return void Deferred.unsafeDone(worker.ready, Exit.void)
      case "failed":
        return void Deferred.unsafeDone(
          worker.ready,
          Exit.fail(new BootError({ reason: message.phase, message: message.message, details: message.stack }))
        )
      case "beat":
        return worker.took(message, now)
      case "enough":
      case "leaving":
        return yield* spec.asks(worker, message)
      case "draining":
        return void Deferred.unsafeDone(worker.draining, Exit.void)
      case "stopped":
        return
    }
  })

// Waits for settle and grace, then kills. A worker that never became ready has no clients, so it is given --kill-after only.
const end = (worker: Worker, child: Child, journal: typeof Journal.Service): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (worker.gone) return
    const { grace, killAfter, settle } = worker.patience
    const serving = worker.readyIn !== undefined
    worker.drainedAt = yield* monotonic
    // half of it, so that those who ask seldom still hear it
    const spread = worker.replaced ? settle / 2 : 0
    yield* child.send({ type: "drain", settle, spread, grace: serving ? grace : 0 })
    const limit = serving ? settle + grace + killAfter : killAfter
    const ended = yield* within(Deferred.await(worker.exited), limit)
    if (Option.isSome(ended)) return
    yield* journal.warn(
      "kill",
      `${worker.name} has not ended after ${describeTime(limit)}: SIGKILL (${
        serving ? "--settle, --grace, " : ""
      }--kill-after)`,
      {
        slot: worker.slot,
        pid: worker.pid
      }
    )
    yield* child.kill("SIGKILL")
    yield* Deferred.await(worker.exited)
  })

// What releases cannot be interrupted, so what has a time limit runs in a fiber that can.
const within = <A>(effect: Effect.Effect<A>, milliseconds: number): Effect.Effect<Option.Option<A>> =>
  Effect.timeoutOption(effect, milliseconds).pipe(
    Effect.interruptible,
    Effect.forkDaemon,
    Effect.flatMap(Fiber.join)
  )
