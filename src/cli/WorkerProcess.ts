/**
 * The process of a worker, in a Scope. When the Scope closes, the worker ends gracefully.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { BootError } from "./BootError.js"
import { Journal } from "./Journal.js"
import { type Assignment, type FromWorker, isFromWorker, protocol, type ToWorker } from "./messages.js"
import { monotonic } from "./monotonic.js"
import type { WorkerLimits, WorkerTimeouts } from "./Plan.js"
import { type Child, type ChildSettings, Spawner } from "./Spawner.js"
import { describeTime } from "./values.js"
import { Worker } from "./WorkerLife.js"
import { endOf } from "./workerLines.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface WorkerSpec {
  readonly slot: number
  readonly generation: number
  readonly child: ChildSettings
  readonly assignment: Assignment
  /** Returns the current key, which may change while a worker starts. */
  readonly ticketKeys: () => Uint8Array
  readonly timeouts: WorkerTimeouts
  readonly limits: WorkerLimits
  /** Called when the worker has served as many requests as its limit says, and when another process has told it to end. */
  readonly asks: (
    worker: Worker,
    message: Extract<FromWorker, { readonly type: "enough" | "leaving" }>
  ) => Effect.Effect<void>
}

/**
 * Starts a worker, which is not yet ready: see {@link ready}.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (spec: WorkerSpec): Effect.Effect<Worker, BootError, Scope.Scope | Spawner | Journal> =>
  Effect.gen(function*() {
    const { spawn } = yield* Spawner
    const journal = yield* Journal
    const worker = new Worker({
      ...spec,
      startedAt: yield* Clock.currentTimeMillis,
      begun: yield* monotonic
    })
    const run = Runtime.runFork(yield* Effect.runtime())
    yield* Effect.acquireRelease(
      spawn(spec.child, {
        message: (message) => {
          if (isFromWorker(message)) run(heard(worker, spec, journal, message))
        },
        exited: (exit) =>
          worker.exits(exit, new BootError({ reason: "exit", message: endOf(exit), exitCode: exit.code }))
      }).pipe(
        Effect.mapError(({ message }) =>
          new BootError({ reason: "spawn", message: `cannot start a process: ${message}` })
        ),
        Effect.tap((child) => Effect.sync(() => worker.runs(child)))
      ),
      (child) => end(worker, child, journal)
    )
    return worker
  })

/**
 * Waits until a worker is ready, and kills one that is not ready in time.
 *
 * @since 0.2.0
 * @category accessors
 */
export const ready = (worker: Worker): Effect.Effect<void, BootError> =>
  Deferred.await(worker.ready).pipe(
    Effect.timeoutFail({
      duration: worker.timeouts.boot,
      onTimeout: () =>
        new BootError({
          reason: "timeout",
          message: `not ready after --boot-timeout ${
            describeTime(worker.timeouts.boot)
          }: it awaits something, or needs a longer one`
        })
    }),
    Effect.tapErrorTag("BootError", ({ reason }) => reason === "timeout" ? kill(worker) : Effect.void)
  )

/**
 * Waits until a worker that was told to end accepts no more connections. It waits for one second at most, because a worker that
 * hangs accepts nothing anyway.
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

const heard = (
  worker: Worker,
  spec: WorkerSpec,
  { warn }: typeof Journal.Service,
  message: FromWorker
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const now = yield* monotonic
    worker.hears(now)
    switch (message.type) {
      case "hello":
        return yield* message.protocol === protocol ? assign(worker, spec) : refuse(worker)
      case "loaded":
        return worker.loads()
      case "ready":
        return worker.serves(message, now)
      case "failed":
        return worker.fails(
          new BootError({
            reason: message.phase,
            message: message.phase === "listen" ? withAddresses(message.message, spec.assignment) : message.message,
            details: message.stack
          })
        )
      case "warning":
        // each worker has the same app, and so the same warnings
        return yield* worker.slot === 1 ? warn("app", message.text) : Effect.void
      case "beat":
        return worker.beats(message)
      case "enough":
      case "leaving":
        return yield* spec.asks(worker, message)
      case "draining":
        return worker.drains()
      case "stopped":
        return worker.stops({ cut: message.cut, interrupted: message.interrupted })
    }
  })

// A worker knows its sockets by their descriptors, and its user by their addresses.
const withAddresses = (text: string, { addresses, listeners }: Assignment): string =>
  listeners.reduce(
    (text, listener, i) =>
      "fd" in listener ? text.replace(`on descriptor ${listener.fd}:`, `on ${addresses[i]}:`) : text,
    text.replace(/^BindError: /, "")
  )

const assign = (
  { child }: Worker,
  { assignment, generation, limits, slot, ticketKeys }: WorkerSpec
): Effect.Effect<void> =>
  child?.send({
    ...assignment,
    type: "serve",
    slot,
    generation,
    tellAfter: limits.requests,
    ticketKeys: ticketKeys()
  }) ?? Effect.void

const refuse = (worker: Worker): Effect.Effect<void> =>
  Effect.suspend(() => {
    worker.fails(
      new BootError({ reason: "protocol", message: "tsgi was updated while the server was running: restart it" })
    )
    return kill(worker)
  })

// Waits for settle and grace, then kills the worker. A worker that never became ready has no clients, so it only has
// --kill-after.
const end = (worker: Worker, child: Child, journal: typeof Journal.Service): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (worker.isGone) return
    const { grace, killAfter, settle } = worker.timeouts
    const isServing = worker.readyIn !== undefined
    worker.leaves(yield* monotonic)
    // clients are sent away during half of settle, so that a client with few requests still hears of it in time
    const spread = worker.isSuperseded ? settle / 2 : 0
    yield* child.send({ type: "drain", settle, spread, grace: isServing ? grace : 0 })
    const limit = isServing ? settle + grace + killAfter : killAfter
    const ended = yield* inTime(Deferred.await(worker.exited), limit)
    if (Option.isSome(ended)) return
    const flags = `${isServing ? "--settle, --grace, " : ""}--kill-after`
    yield* journal.warn(
      "kill",
      `${worker.name} has not ended after ${describeTime(limit)}: SIGKILL (${flags})`,
      { slot: worker.slot, pid: worker.pid }
    )
    yield* child.kill("SIGKILL")
    yield* Deferred.await(worker.exited)
  })

// A finalizer cannot be interrupted, so an effect with a time limit runs in a fiber that can.
const inTime = <A>(effect: Effect.Effect<A>, milliseconds: number): Effect.Effect<Option.Option<A>> =>
  Effect.timeoutOption(effect, milliseconds).pipe(
    Effect.interruptible,
    Effect.forkDaemon,
    Effect.flatMap(Fiber.join)
  )
