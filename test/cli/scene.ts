/** A supervisor with workers in memory, on a clock that a test moves. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { expect } from "vitest"
import type { Signal } from "../../src/cli/earlySignals.js"
import * as Journal from "../../src/cli/Journal.js"
import { obey } from "../../src/cli/obeySignals.js"
import type { Plan, PlanError } from "../../src/cli/Plan.js"
import * as StopOrder from "../../src/cli/StopOrder.js"
import * as Supervisor from "../../src/cli/Supervisor.js"
import type { Systemd } from "../../src/cli/Systemd.js"
import { MemorySpawner, type Script } from "./memorySpawner.js"
import { QuickClock } from "./quickClock.js"

export const plan: Plan = {
  workers: 2,
  here: false,
  child: { env: {}, nodeArgs: [], cwd: "/", descriptors: [3] },
  assignment: {
    app: { name: "app.mjs", file: "/app.mjs", export: "default", factory: false, interface: "auto" },
    listeners: [{ fd: 4, backlog: 511, tls: undefined, proxy: undefined, proxyFrom: undefined }],
    addresses: ["http://127.0.0.1:8090"],
    others: [],
    options: {},
    accessLog: "none",
    logFormat: undefined,
    announce: true,
    settle: 1000,
    grace: 10_000,
    title: "tsgi",
    multiprocess: true
  },
  timeouts: { boot: 60_000, settle: 1000, grace: 10_000, killAfter: 5000 },
  recycling: { hangTimeout: 30_000, maxRequests: 0, maxAge: 0, maxMemory: 0, jitter: 0.1 }
}

export interface Scene {
  readonly spawner: MemorySpawner
  readonly supervisor: Supervisor.Supervisor
  readonly lines: ReadonlyArray<string>
  /** The newest twenty lines, as events. */
  readonly events: Effect.Effect<ReadonlyArray<Journal.JournalEvent>>
  readonly scope: Scope.CloseableScope
  readonly clock: QuickClock
  /** Sends a signal to the supervisor. */
  readonly signal: (signal: Signal) => Effect.Effect<void>
  /** Starts the supervisor, and lets the clock run until all workers are ready. */
  readonly started: Effect.Effect<Exit.Exit<void, unknown>>
}

export const scene = (
  given: Partial<Plan>,
  scriptOf: (count: number) => Script,
  use: (scene: Scene) => Effect.Effect<void>,
  reread: Effect.Effect<Plan, PlanError> = Effect.succeed({ ...plan, ...given }),
  memoryLimit = Infinity,
  manager: Pick<Systemd, "reloading" | "ready"> = { reloading: Effect.void, ready: Effect.void }
): Effect.Effect<void> => {
  const clock = new QuickClock()
  return Effect.gen(function*() {
    const spawner = new MemorySpawner(scriptOf)
    const lines: Array<string> = []
    const journal = Journal.make({ format: "text", least: "info", banner: false, pid: 1 }, (line) => lines.push(line))
    const layer = Layer.merge(spawner.layer, Layer.succeed(Journal.Journal, journal))
    const supervisor = yield* Effect.provide(
      Supervisor.make(reread, { ...plan, ...given }, manager, () => memoryLimit),
      layer
    )
    const scope = yield* Scope.make()
    const started = Effect.gen(function*() {
      const starting = yield* Effect.fork(Scope.extend(supervisor.start, scope))
      yield* clock.adjust("500 millis")
      return yield* Fiber.await(starting)
    })
    const signal = obey({
      supervisor,
      order: yield* StopOrder.make,
      reload: supervisor.reload,
      stopNow: supervisor.killAll,
      dev: false
    })
    yield* use({ spawner, supervisor, lines, events: journal.newest, scope, started, clock, signal })
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* clock.adjust("1 minute")
    yield* Fiber.await(closing)
    expect(spawner.alive).toEqual([])
  }).pipe(Effect.withClock(clock))
}
