/**
 * The supervisor with workers in memory and on the clock of a test, so that hours take no time. The family: every way in which a
 * worker begins (ready, late, refused, of another version), lives (crash, hang, old, large) and ends (drained, killed), in a
 * start, a reload, a replacement and a stop.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Facts from "../../src/cli/Facts.js"
import type { ToWorker } from "../../src/cli/messages.js"
import { type Plan, PlanError, type Reason, type Recycling } from "../../src/cli/Plan.js"
import * as PrometheusText from "../../src/cli/PrometheusText.js"
import * as Status from "../../src/cli/Status.js"
import * as StatusPage from "../../src/cli/StatusPage.js"
import * as StatusText from "../../src/cli/StatusText.js"
import type * as Supervisor from "../../src/cli/Supervisor.js"
import { seriesOf } from "../../src/cli/supervisorMetrics.js"
import * as TicketKeys from "../../src/cli/TicketKeys.js"
import { Worker } from "../../src/cli/WorkerLife.js"
import { zero } from "../../src/server/ServerMetrics.js"
import type { Script } from "./memorySpawner.js"
import { plan, type Scene, scene } from "./scene.js"

const identity: Status.Identity = { version: "0.2.0", name: "shop", app: "./app.ts", listening: [], backlog: 511 }

const found = (lines: ReadonlyArray<string>, pattern: RegExp): ReadonlyArray<string> =>
  lines.filter((line) => pattern.test(line))

describe("workers that crash", () => {
  it.effect("are started again under a back-off: ten minutes of it are some thirty starts", () =>
    scene(
      { workers: 1 },
      () => ({ readyIn: 10, exitsAfter: 10 }),
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("10 minutes")
          // 0.1, 0.2, 0.4 ... s, then one in 30 s
          expect(spawner.workers.length).toBeGreaterThan(22)
          expect(spawner.workers.length).toBeLessThan(35)
          expect(supervisor.facts.restarts.crash).toBe(spawner.workers.length - (spawner.alive.length > 0 ? 1 : 0))
          // each is counted, and the status has ten with their time
          expect(supervisor.facts.lastRestarts.all).toHaveLength(10)
          const [{ at, reason, slot, text }] = supervisor.facts.lastRestarts.all
          expect([reason, slot, text]).toEqual([
            "crash",
            1,
            expect.stringMatching(/^worker 1 \(\d+\) exited with code 1/)
          ])
          expect(Math.abs(clock.unsafeCurrentTimeMillis() - at)).toBeLessThan(40_000)
          expect(lines.find((line) => line.includes(" error "))).toMatch(
            /worker 1 \(1000\) exited with code 1 after 2\d ms, \d requests?; next try in (?:[89]|1[012])\d ms/
          )
        })
    ))

  it.effect("have a new back-off after a minute of life", () =>
    scene(
      { workers: 1 },
      (count) => ({ exitsAfter: count < 5 ? 10 : 61_000 }),
      ({ clock, lines, started }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("3 minutes")
          expect(found(lines, /exited.*after 61 s.*next try in (?:[89]|1[012])\d ms/).length).toBeGreaterThan(1)
        })
    ))

  it.effect("end the supervisor when none gets ready: ten failures on end", () =>
    scene(
      {},
      (count) =>
        count < 3
          ? { exitsAfter: 100 }
          : { fails: { type: "failed", phase: "boot", message: "no database", stack: undefined } },
      ({ clock, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const lost = yield* Effect.fork(Effect.flip(supervisor.lost))
          yield* clock.adjust("5 minutes")
          expect((yield* Fiber.join(lost)).message).toMatch(
            /^no worker became ready after 10 consecutive failures: no database/
          )
        })
    ))

  it.effect("do not end it while another one serves", () =>
    scene(
      {},
      (count) =>
        count === 1
          ? {}
          : count === 2
          ? { exitsAfter: 1 }
          : { fails: { type: "failed", phase: "boot", message: "no", stack: undefined } },
      ({ clock, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("10 minutes")
          expect(spawner.workers.length).toBeGreaterThan(15)
          expect(supervisor.facts.slots.filter(({ current }) => current?.isReady)).toHaveLength(1)
        })
    ))
})

describe("the machine", () => {
  it.effect("that starts no process is asked again, under a back-off, and a reload is refused", () =>
    scene(
      { workers: 1 },
      (count) => count === 1 ? { exitsAfter: 61_000 } : count < 5 ? { spawnFails: "spawn EAGAIN" } : {},
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("1 second")
          expect(yield* Fiber.join(reloading)).toMatchObject({
            result: "refused",
            error: "worker 1 failed to start: cannot start a process: spawn EAGAIN"
          })
          yield* clock.adjust("62 seconds")
          expect(
            found(lines, /error worker 1 failed to start: cannot start a process: spawn EAGAIN; next try in \d+ ms/)
          )
            .toHaveLength(2)
          expect(supervisor.facts.restarts).toMatchObject({ crash: 1, boot: 2 })
          yield* clock.adjust("2 seconds")
          expect(spawner.alive).toHaveLength(1)
        })
    ))

  it.effect("whose clock is set, or that slept, has no worker killed or replaced for it", () =>
    scene(
      { recycling: { ...plan.recycling, maxAge: 7_200_000 } },
      () => ({}),
      ({ clock, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("10 seconds")
          for (const by of [86_400_000, -2 * 86_400_000]) {
            clock.setBy(by)
            yield* clock.adjust("1 minute")
          }
          clock.suspend("1 hour")
          yield* clock.adjust("1 minute")
          expect(spawner.workers).toHaveLength(2)
          expect(supervisor.facts.slots.map(({ current }) => current?.isHung)).toEqual([false, false])
        })
    ))
})

describe("a start", () => {
  it.effect.each<readonly [what: string, script: Script, message: RegExp]>([
    ["fails", { fails: { type: "failed", phase: "load", message: "cannot load", stack: undefined } }, /cannot load/],
    ["is late", { readyIn: undefined }, /not ready after --boot-timeout 60 s/],
    ["is of another version", { protocol: 99 }, /tsgi was updated while the server was running: restart it/]
  ])(
    "of a worker that %s fails, and leaves no worker",
    ([, script, message]) =>
      scene(
        {},
        (count) => count === 2 ? script : {},
        ({ clock, scope, spawner, supervisor }) =>
          Effect.gen(function*() {
            const starting = yield* Effect.fork(Effect.either(Scope.extend(supervisor.start, scope)))
            yield* clock.adjust("61 seconds")
            const { error, slot } = Either.getOrThrowWith(Either.flip(yield* Fiber.join(starting)), () => "it started")
            expect(slot).toBe(2)
            expect(error.message).toMatch(message)
            yield* Effect.fork(Scope.close(scope, Exit.void))
            yield* clock.adjust("20 seconds")
            expect(spawner.alive).toEqual([])
          })
      )
  )
})

describe("a start that takes long", () => {
  const progress = /still starting/
  it.effect("is told of after 2 s, and then each 10 s, with what the workers do", () =>
    scene(
      { workers: 3 },
      (count) => count === 1 ? { readyIn: 1000 } : { loadedIn: count === 2 ? 1000 : 5000, readyIn: 13_000 },
      ({ clock, lines, started }) =>
        Effect.gen(function*() {
          const starting = yield* Effect.fork(started)
          yield* clock.adjust("1400 millis")
          expect(found(lines, progress)).toEqual([])
          yield* clock.adjust("1 minute")
          yield* Fiber.join(starting)
          expect(found(lines, progress).map((line) => line.replace(/^\S+ /, ""))).toEqual([
            "tsgi[1] info  still starting after 2 s: 1 of 3 workers is ready, 1 loads app.mjs, 1 starts it",
            "tsgi[1] info  still starting after 12 s: 1 of 3 workers is ready, 2 start app.mjs"
          ])
        })
    ))

  it.effect.each<readonly [given: Partial<Plan>, script: Script, said: string]>([
    [{ workers: 1 }, { readyIn: 3000 }, "worker 1 loads app.mjs"],
    [{ workers: 1 }, { loadedIn: 100, readyIn: 3000 }, "worker 1 starts app.mjs"],
    [{ workers: 2 }, { readyIn: 3000 }, "2 workers load app.mjs"],
    [{ workers: 1, here: true }, { readyIn: 3000 }, "this process loads app.mjs"]
  ])(
    "%j with %j: %s",
    ([given, script, said]) =>
      scene(given, () => script, ({ clock, lines, started }) =>
        Effect.gen(function*() {
          const starting = yield* Effect.fork(started)
          yield* clock.adjust("5 seconds")
          yield* Fiber.join(starting)
          expect(found(lines, progress)).toEqual([expect.stringContaining(` still starting after 2 s: ${said}`)])
        }))
  )

  it.effect("is not told of in a reload, whose old workers serve", () =>
    scene(
      {},
      (count) => ({ readyIn: count > 2 ? 30_000 : 400 }),
      ({ clock, lines, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("90 seconds")
          expect((yield* Fiber.join(reloading)).result).toBe("done")
          expect(found(lines, progress)).toEqual([])
        })
    ))
})

describe("workers that hang", () => {
  it.effect("are told at once, killed after the timeout, and replaced", () =>
    scene(
      { workers: 1 },
      (count) => count === 1 ? { blocksAfter: 10_000 } : {},
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("14 seconds")
          expect(supervisor.facts.slots[0]?.current?.isHung).toBe(true)
          expect(spawner.alive).toHaveLength(1)
          yield* clock.adjust("25 seconds")
          expect(spawner.workers[0]?.alive).toBe(true)
          yield* clock.adjust("3 seconds")
          expect(spawner.workers[0]?.exit).toEqual({ code: null, signal: "SIGKILL" })
          expect(supervisor.facts.restarts).toMatchObject({ hang: 1, crash: 0 })
          expect(found(lines, /worker 1 \(1000\) hangs: no beat of its event loop for 3\d s: SIGKILL/)).toHaveLength(1)
          expect(spawner.workers[1]?.ready).toBe(true)
        })
    ))

  // the family: everyone who is told how many workers are ready
  it.effect("are not ready for anybody, and do not live once their time is over, as far as it is told", () =>
    scene(
      { workers: 1 },
      (count) => count === 1 ? { blocksAfter: 10_000 } : {},
      ({ clock, started, supervisor: { facts } }) =>
        Effect.gen(function*() {
          const told = Effect.sync(() => {
            const now = clock.unsafeCurrentTimeMillis()
            const status = Status.make(facts, identity, [], now)
            const metrics = PrometheusText.format(seriesOf(facts, now))
            return {
              probes: [Status.isReady(facts), Status.isLive(facts, 60_000, now), Status.hasBeat(facts, 60_000, now)],
              status: [status.state, status.ready, status.workers[0]?.state],
              page: /<strong>(\d of \d) worker ready/.exec(StatusPage.render(status))?.[1],
              table: /(\d of \d) worker ready/.exec(StatusText.render(status))?.[1],
              metrics: [
                /^tsgi_ready (\d)$/m.exec(metrics)?.[1],
                /^tsgi_workers\{state="ready"\} (\d)$/m.exec(metrics)?.[1]
              ]
            }
          })
          yield* started
          yield* clock.adjust("5 seconds")
          expect(yield* told).toEqual({
            probes: [true, true, true],
            status: ["serving", 1, "ready"],
            page: "1 of 1",
            table: "1 of 1",
            metrics: ["1", "1"]
          })
          const hung = { status: ["serving", 0, "hung"], page: "0 of 1", table: "0 of 1", metrics: ["0", "0"] }
          yield* clock.adjust("9 seconds")
          expect(yield* told).toEqual({ ...hung, probes: [false, true, false] })
          yield* clock.adjust("25 seconds")
          expect(yield* told).toEqual({ ...hung, probes: [false, true, false] })
          // the worker is killed and replaced
          yield* clock.adjust("5 seconds")
          expect(yield* told).toMatchObject({ probes: [true, true, true], status: ["serving", 1, "ready"] })
        })
    ))

  it("have no requests in the seconds in which they are silent", () => {
    const { timeouts } = plan
    const worker = new Worker({
      slot: 1,
      generation: 1,
      startedAt: 0,
      begun: 0,
      limits: { requests: 0, age: Infinity },
      timeouts
    })
    const beatAt = (now: number, requests: number): void => {
      worker.hears(now)
      worker.beats({ ...worker.beat, metrics: { ...zero, requests: { "2xx": requests } } })
    }
    beatAt(0, 0)
    beatAt(1000, 300)
    beatAt(2000, 500)
    worker.silenceAt(4400, 0)
    expect(worker.requestsPerSecond).toEqual([300, 200])
    worker.silenceAt(5600, 0)
    expect(worker.requestsPerSecond).toEqual([300, 200, 0, 0, 0])
    worker.silenceAt(102_000, 0)
    expect(worker.requestsPerSecond).toEqual(Array(60).fill(0))
    beatAt(103_000, 510)
    expect(worker.requestsPerSecond).toEqual([300, 200, 10])
  })

  it.effect.each<readonly [hangTimeout: number, live: number]>([[30_000, 28], [5000, 3], [0, 1]])(
    "make the server dead after --hang-timeout %i, where the system does not kill them",
    ([hangTimeout, live]) =>
      scene(
        { workers: 1, recycling: { ...plan.recycling, hangTimeout } },
        () => ({ blocksAfter: 1500, outlivesKill: true }),
        ({ clock, spawner, started, supervisor: { facts } }) =>
          Effect.gen(function*() {
            const isLive = Effect.sync(() => Status.isLive(facts, 60_000, clock.unsafeCurrentTimeMillis()))
            yield* started
            yield* clock.adjust("1500 millis")
            yield* clock.adjust(live * 1000)
            expect(yield* isLive).toBe(true)
            yield* clock.adjust("3 seconds")
            expect(yield* isLive).toBe(false)
            for (const worker of spawner.alive) worker.end(null, "SIGKILL")
            yield* clock.adjust("100 millis")
            expect(yield* isLive).toBe(true)
          })
      )
  )

  it.effect("are only those that hang: none is killed at the shortest time that there is", () =>
    scene(
      { recycling: { ...plan.recycling, hangTimeout: 2000 } },
      () => ({}),
      ({ clock, spawner, started }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("5 minutes")
          expect(spawner.workers).toHaveLength(2)
        })
    ))

  it.effect("are left alone where --hang-timeout is off", () =>
    scene(
      { workers: 1, recycling: { ...plan.recycling, hangTimeout: 0 } },
      () => ({ blocksAfter: 1000 }),
      ({ clock, spawner, started }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("1 hour")
          expect(spawner.workers).toHaveLength(1)
        })
    ))
})

describe("workers that are replaced", () => {
  it.effect("for their age: at their own time, one at a time, the new one first", () =>
    scene(
      { recycling: { ...plan.recycling, maxAge: 600_000 } },
      () => ({}),
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("599 seconds")
          expect(spawner.workers).toHaveLength(2)
          yield* clock.adjust("63 seconds")
          expect(spawner.workers).toHaveLength(4)
          // there are two that serve, and at times a successor of one
          expect(spawner.most).toBeLessThanOrEqual(4)
          expect(supervisor.facts.restarts).toMatchObject({ age: 2, crash: 0 })
          expect(found(lines, /is replaced: it is 1[01] min old, with --max-age 10 min/)).toHaveLength(2)
          const [first] = spawner.workers
          expect(first?.got).toEqual(["serve", "drain"])
          expect(first?.exit).toEqual({ code: 0, signal: null })
        })
    ))

  it.effect("for their memory: in two samples, and none that is younger than a minute", () =>
    scene(
      { workers: 1, recycling: { ...plan.recycling, maxMemory: 512 * 1024 ** 2 } },
      () => ({ rss: 531 * 1024 ** 2 }),
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("58 seconds")
          expect(spawner.workers).toHaveLength(1)
          yield* clock.adjust("3 seconds")
          expect(spawner.workers).toHaveLength(2)
          expect(found(lines, /worker 1 \(1000\) is replaced: 531 MiB is more than --max-memory 512 MiB, twice/))
            .toHaveLength(1)
          // an app that always needs more does not restart for ever
          yield* clock.adjust("10 minutes")
          expect(supervisor.facts.restarts.memory).toBeLessThanOrEqual(11)
        })
    ))

  const broken: Script = { fails: { type: "failed", phase: "boot", message: "no", stack: undefined } }
  const reasons: ReadonlyArray<readonly [reason: Reason, recycling: Partial<Recycling>, script: Script]> = [
    ["age", { maxAge: 61_000, jitter: 0 }, {}],
    ["memory", { maxMemory: 512 * 1024 ** 2 }, { rss: 531 * 1024 ** 2 }],
    ["requests", { maxRequests: 1000 }, { enoughAfter: 61_000 }]
  ]

  it.effect.each(reasons)(
    "for their %s stay while no new one gets ready, and are tried again when it is said",
    ([reason, recycling, script]) =>
      scene(
        { workers: 1, recycling: { ...plan.recycling, ...recycling } },
        (count) => count === 1 ? script : count < 20 ? broken : {},
        ({ clock, lines, spawner, started, supervisor }) =>
          Effect.gen(function*() {
            yield* started
            yield* clock.adjust("4 minutes")
            // 0.1, 0.2, 0.4 ... s, then one in 30 s
            const [first, ...tries] = spawner.workers
            expect(tries.length).toBeGreaterThan(10)
            expect(tries.length).toBeLessThan(19)
            expect(first.alive).toBe(true)
            const said = found(lines, /error worker 1 failed to start: no; next try in/).map((line) => {
              const [, count, unit] = /next try in ([\d.]+) (m?s)$/.exec(line) ?? []
              return Number(count) * (unit === "s" ? 1000 : 1)
            })
            tries.slice(1).forEach(({ startedAt }, i) => {
              expect(Math.abs(startedAt - tries[i].startedAt - said[i])).toBeLessThan(600)
            })
            expect(found(lines, /worker 1 \(1000\) is replaced: /)).toHaveLength(1)
            expect(supervisor.facts.restarts).toMatchObject({ [reason]: 1, boot: said.length, crash: 0 })
            yield* clock.adjust("6 minutes")
            expect(first.got).toEqual(["serve", "drain"])
            expect(supervisor.facts.slots[0]?.current?.isReady).toBe(true)
          })
      )
  )

  it.effect("are started again when they die while the next try is awaited", () =>
    scene(
      { workers: 1 },
      (count) => count === 1 ? { enoughAfter: 1000, exitsAfter: 62_000 } : count < 12 ? broken : {},
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("61 seconds")
          expect(spawner.alive).toHaveLength(1)
          yield* clock.adjust("3 minutes")
          expect(found(lines, /error worker 1 \(1000\) exited with code 1 after .*; next try in/)).toHaveLength(1)
          expect(supervisor.facts.restarts).toMatchObject({ crash: 1, requests: 1 })
          expect(spawner.alive).toHaveLength(1)
        })
    ))

  it.effect("when it is asked for stay where the new one does not get ready, until it is asked for again", () =>
    scene(
      { workers: 1 },
      (count) => count === 2 ? broken : {},
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* Effect.orDie(supervisor.recycle(1))
          yield* clock.adjust("5 minutes")
          expect(spawner.workers).toHaveLength(2)
          expect(found(lines, /error worker 1 failed to start: no; worker 1 \(1000\) stays$/)).toHaveLength(1)
          yield* Effect.orDie(supervisor.recycle(1))
          yield* clock.adjust("5 seconds")
          expect(spawner.alive.map(({ pid }) => pid)).toEqual([1002])
        })
    ))

  it.effect.each<readonly [what: string, workers: number, first: Script, second: Script]>([
    ["a replacement that fails", 1, { enoughAfter: 1000, exitsAfter: 150_000 }, {}],
    ["another slot that stays empty", 2, { exitsAfter: 150_000 }, { exitsAfter: 10 }]
  ])("that die have all their tries: %s before does not count", ([, workers, first, second]) =>
    scene(
      { workers },
      (count) => count === 1 ? first : workers === 2 && count === 2 ? second : broken,
      ({ clock, lines, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const lost = yield* Effect.fork(Effect.flip(supervisor.lost))
          yield* clock.adjust("140 seconds")
          expect(found(lines, /failed to start: no/).length).toBeGreaterThanOrEqual(10)
          yield* clock.adjust("8 minutes")
          expect((yield* Fiber.join(lost)).message).toMatch(/after 10 consecutive failures: no/)
          const death = lines.findIndex((line) => line.includes("worker 1 (1000) exited"))
          expect(found(lines.slice(death), /failed to start: no/).length).toBeGreaterThanOrEqual(10)
        })
    ))
})

describe("a reload", () => {
  const generations = ({ facts }: Supervisor.Supervisor): ReadonlyArray<number | undefined> =>
    facts.slots.map(({ current }) => current?.generation)

  it.effect("replaces one slot after the other, and the old ones end after the new are ready", () =>
    scene({}, () => ({}), ({ clock, spawner, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        const reloading = yield* Effect.fork(supervisor.reload)
        yield* clock.adjust("300 millis")
        expect(spawner.workers.map(({ got }) => got)).toEqual([["serve"], ["serve"], ["serve"]])
        yield* clock.adjust("1 second")
        expect(yield* Fiber.join(reloading)).toMatchObject({ result: "done", generation: 2 })
        expect(generations(supervisor)).toEqual([2, 2])
        expect(spawner.most).toBeLessThanOrEqual(4)
      })))

  it.effect("that fails at the first leaves all as it was, and says why", () =>
    scene(
      {},
      (count) =>
        count === 3 ? { fails: { type: "failed", phase: "load", message: "SyntaxError", stack: "its stack" } } : {},
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("1 second")
          expect(yield* Fiber.join(reloading)).toMatchObject({
            result: "refused",
            error: "worker 1 failed to load: SyntaxError"
          })
          expect(generations(supervisor)).toEqual([1, 1])
          expect(spawner.alive).toHaveLength(2)
          expect(found(lines, /reload refused, the old workers stay: worker 1 failed to load: SyntaxError/))
            .toHaveLength(1)
          expect(supervisor.facts.state).toBe("serving")
        })
    ))

  it.effect.each<readonly [at: number, log: string, error: string]>([
    [2, "the old workers stay in slots 2, 3: worker 2 failed", "; slot 1 has a new worker"],
    [3, "the old workers stay in slot 3: worker 3 failed", "; slots 1, 2 have new workers"]
  ])("that fails at slot %i says which slots have old workers", ([at, log, error]) =>
    scene(
      { workers: 3 },
      (count) => count === 3 + at ? { fails: { type: "failed", phase: "load", message: "no", stack: undefined } } : {},
      ({ clock, lines, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          for (let round = 0; round < 2; round++) {
            const reloading = yield* Effect.fork(supervisor.reload)
            yield* clock.adjust("3 seconds")
            expect(yield* Fiber.join(reloading)).toMatchObject(
              round === 0
                ? { result: "refused", error: `worker ${at} failed to load: no${error}` }
                : { result: "done" }
            )
          }
          expect(found(lines, new RegExp(`reload refused, ${log} to load: no$`))).toHaveLength(1)
          // two versions of the code never have the same number
          expect(generations(supervisor)).toEqual([3, 3, 3])
        })
    ))

  it.effect.each<readonly [what: string, script: Script, after: number, until: number]>([
    ["that hears late", { hearsIn: 300 }, 800 + 600, 100],
    ["that hangs, for a second", { blocksAfter: 0 }, 800 + 2000, 100],
    ["that dies of it", { hearsIn: Infinity, exitsAfter: 700 }, 800 + 100, 400]
  ])(
    "is done when no old worker accepts any more: one %s is waited for",
    ([, script, after, until]) =>
      scene({}, (count) => count < 3 ? script : {}, ({ clock, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust(after - 50)
          expect(supervisor.facts.state).toBe("reloading")
          yield* clock.adjust(50 + until)
          expect(yield* Fiber.join(reloading)).toMatchObject({ result: "done" })
        }))
  )

  // the family: everything that starts a worker during a reload
  it.effect.each<readonly [what: string, given: Partial<Plan>, script: Script, asked: boolean]>([
    ["that is asked for", {}, {}, true],
    ["for its age", { recycling: { ...plan.recycling, maxAge: 850, jitter: 0 } }, {}, false],
    ["for its requests", {}, { enoughAfter: 700 }, false]
  ])(
    "replaces a worker once, and no old one comes after the new: one is replaced meanwhile, %s",
    ([, given, script, asked]) =>
      scene(
        { workers: 1, ...given },
        (count) => count === 1 ? script : {},
        ({ clock, spawner, started, supervisor }) =>
          Effect.gen(function*() {
            yield* started
            yield* clock.adjust("300 millis")
            const reloading = yield* Effect.fork(supervisor.reload)
            yield* clock.adjust("200 millis")
            if (asked) yield* Effect.orDie(supervisor.recycle(1))
            yield* clock.adjust("2 seconds")
            expect(yield* Fiber.join(reloading)).toMatchObject({ result: "done" })
            expect(spawner.workers.map(({ generation }) => generation)).toEqual(["1", "2"])
            expect(generations(supervisor)).toEqual([2])
          }),
        Effect.succeed({ ...plan, workers: 1 })
      )
  )

  it.effect.each<readonly [what: string, meanwhile: (scene: Scene) => Effect.Effect<unknown>, count: number]>([
    ["that was added", ({ supervisor }) => Effect.orDie(supervisor.scale(3)), 3],
    [
      "of one that was new already, and died",
      ({ spawner }) => Effect.sync(() => spawner.workers[2]?.end(null, "SIGKILL")),
      2
    ],
    ["of one that was new already, and is replaced", ({ supervisor }) => Effect.orDie(supervisor.recycle(1)), 2]
  ])(
    "is done when each slot has a new worker, also that %s",
    ([, meanwhile, count]) =>
      scene({}, () => ({}), (here) =>
        Effect.gen(function*() {
          const { clock, spawner, started, supervisor } = here
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("500 millis")
          expect(generations(supervisor)).toEqual([2, 1])
          yield* meanwhile(here)
          yield* clock.adjust("3 seconds")
          expect(yield* Fiber.join(reloading)).toMatchObject({ result: "done", generation: 2 })
          expect(generations(supervisor)).toEqual(Array(count).fill(2))
          expect(spawner.alive.map(({ generation }) => generation)).toEqual(Array(count).fill("2"))
        }))
  )

  it.effect("is refused where a worker that comes meanwhile does not become ready, and old ones come again", () =>
    scene(
      {},
      (count) => count === 6 ? { fails: { type: "failed", phase: "boot", message: "no room", stack: undefined } } : {},
      ({ clock, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("500 millis")
          yield* Effect.orDie(supervisor.scale(3))
          yield* clock.adjust("3 seconds")
          expect(yield* Fiber.join(reloading)).toMatchObject({
            result: "refused",
            error: "worker 3 failed to start: no room; slots 1, 2 have new workers"
          })
          expect(supervisor.facts.generation).toBe(1)
          yield* Effect.orDie(supervisor.recycle(1))
          yield* clock.adjust("1 second")
          expect(generations(supervisor)).toEqual([1, 2, 1])
          // the next reload has a number that no worker had before
          const again = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("3 seconds")
          expect(yield* Fiber.join(again)).toMatchObject({ result: "done", generation: 3 })
          expect(generations(supervisor)).toEqual([3, 3, 3])
          expect(supervisor.facts.slots.map(({ current }) => current?.pid)).toEqual([1007, 1008, 1009])
        })
    ))

  it.effect.each<readonly [when: string, before: number]>([["waits", 100], ["starts", 500]])(
    "starts none for a slot that was removed while its turn %s, and does not fail of it",
    ([, before]) =>
      scene(
        {},
        (count) => count > 3 ? { readyIn: 10_000 } : {},
        ({ clock, spawner, started, supervisor }) =>
          Effect.gen(function*() {
            yield* started
            const reloading = yield* Effect.fork(supervisor.reload)
            yield* clock.adjust(before)
            yield* Effect.orDie(supervisor.scale(1))
            yield* clock.adjust("1 second")
            spawner.workers[3]?.end(1, null)
            yield* clock.adjust("1 second")
            expect(yield* Fiber.join(reloading)).toMatchObject({ result: "done" })
            expect(generations(supervisor)).toEqual([2])
            expect(spawner.workers).toHaveLength(before === 100 ? 3 : 4)
          })
      )
  )

  it.effect("is refused for invalid settings", () =>
    scene({}, () => ({}), ({ spawner, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        expect(yield* supervisor.reload).toMatchObject({ result: "refused", error: "--workers two: must be" })
        expect(spawner.workers).toHaveLength(2)
        expect(supervisor.facts.newestGeneration).toBe(1)
      }), Effect.fail(new PlanError({ code: 2, message: "--workers two: must be" }))))

  it.effect("asked for during one is one more afterwards", () =>
    scene({ workers: 1 }, () => ({}), ({ clock, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        const both = yield* Effect.fork(Effect.all([supervisor.reload, supervisor.reload], { concurrency: 2 }))
        yield* clock.adjust("2 seconds")
        expect((yield* Fiber.join(both)).map((outcome: Facts.ReloadResult) => outcome.result)).toEqual([
          "done",
          "done"
        ])
        expect(generations(supervisor)).toEqual([3])
      })))

  it.effect("asked for during one joins those that wait: there is one more for all of them", () => {
    let read = 0
    return scene(
      { workers: 1 },
      () => ({}),
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const asked: Array<Fiber.RuntimeFiber<Facts.ReloadResult>> = []
          for (let i = 0; i < 6; i++) {
            asked.push(yield* Effect.fork(supervisor.reload))
            yield* clock.adjust("50 millis")
          }
          // the callers that wait share one reload, with the current settings
          expect(read).toBe(1)
          yield* clock.adjust("5 seconds")
          const outcomes = yield* Fiber.join(Fiber.all(asked))
          expect(outcomes.map((outcome) => outcome.result === "done" && outcome.generation)).toEqual([2, 3, 3, 3, 3, 3])
          expect(spawner.workers.map(({ generation }) => generation)).toEqual(["1", "2", "3"])
          expect(supervisor.facts.reloads).toEqual({ done: 2, refused: 0 })
          expect(found(lines, /reloaded in/)).toHaveLength(2)
          // the next reload is another one
          const last = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("2 seconds")
          expect(yield* Fiber.join(last)).toMatchObject({ generation: 4 })
        }),
      Effect.sync(() => {
        read++
        return { ...plan, workers: 1 }
      })
    )
  })

  it.effect("is announced to the service manager once for all that join it, before it begins and after it is done", () => {
    const told: Array<string> = []
    return scene(
      { workers: 1 },
      () => ({}),
      ({ clock, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const asked: Array<Fiber.RuntimeFiber<Facts.ReloadResult>> = []
          for (let i = 0; i < 3; i++) {
            asked.push(yield* Effect.fork(supervisor.reload))
            yield* clock.adjust("50 millis")
          }
          yield* clock.adjust("5 seconds")
          yield* Fiber.join(Fiber.all(asked))
          expect(told).toEqual(["reloading", "ready", "reloading", "ready"])
        }),
      undefined,
      undefined,
      {
        reloading: Effect.sync(() => void told.push("reloading")),
        ready: Effect.sync(() => void told.push("ready"))
      }
    )
  })

  it.effect("is announced to the service manager where it is refused, as with --workers 0", () => {
    const told: Array<string> = []
    return scene(
      { workers: 1, here: true },
      () => ({}),
      ({ clock, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("1 seconds")
          expect(yield* Fiber.join(reloading)).toMatchObject({ result: "refused" })
          expect(told).toEqual(["reloading", "ready"])
        }),
      undefined,
      undefined,
      {
        reloading: Effect.sync(() => void told.push("reloading")),
        ready: Effect.sync(() => void told.push("ready"))
      }
    )
  })

  it.effect.each(["asked for now", "that waited for another"])(
    "%s is refused once balancers are to send clients elsewhere: it is not ready again",
    (what) =>
      scene({}, () => ({}), ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const before = what === "asked for now" ? undefined : yield* Effect.fork(supervisor.reload)
          if (before !== undefined) yield* clock.adjust("100 millis")
          const reloading = yield* Effect.fork(supervisor.reload)
          if (before !== undefined) yield* clock.adjust("100 millis")
          yield* supervisor.leaving("unready")
          yield* clock.adjust("5 seconds")
          if (before !== undefined) expect(yield* Fiber.join(before)).toMatchObject({ result: "done" })
          expect(yield* Fiber.join(reloading)).toMatchObject({ result: "refused", error: "the server stops" })
          expect(found(lines, / warn {2}reload refused: the server stops$/)).toHaveLength(1)
          expect(Status.isReady(supervisor.facts)).toBe(false)
          expect(supervisor.facts.state).toBe("unready")
          expect(spawner.workers).toHaveLength(before === undefined ? 2 : 4)
        }))
  )

  it.effect("lets a request that takes minutes end where grace allows it: its worker does not count as hung", () =>
    scene(
      { workers: 1, timeouts: { ...plan.timeouts, grace: 720_000 } },
      (count) => count === 1 ? { drainsIn: 360_000 } : {},
      ({ clock, lines, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          // the event loop is free, so there is no hang before the reload either
          yield* clock.adjust("6 minutes")
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("2 seconds")
          expect(yield* Fiber.join(reloading)).toMatchObject({ result: "done" })
          yield* clock.adjust("5 minutes")
          const [old, fresh] = spawner.workers
          expect([old.alive, fresh.alive, fresh.ready]).toEqual([true, true, true])
          yield* clock.adjust("3 minutes")
          expect(old.exit).toEqual({ code: 0, signal: null })
          expect(supervisor.facts.restarts).toMatchObject({ hang: 0, crash: 0 })
          expect(found(lines, /hang|SIGKILL/)).toEqual([])
          expect(found(lines, /info {2}worker 1 \(1000\) exited with code 0 after 12 min, 7 requests$/)).toHaveLength(1)
        })
    ))

  it.effect("says what the stop of an old worker cut and interrupted", () =>
    scene(
      {},
      (count) =>
        count === 1 ? { loses: { cut: 2, interrupted: 1 } } : count === 2 ? { loses: { cut: 1, interrupted: 0 } } : {},
      ({ clock, events, lines, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("5 seconds")
          yield* Fiber.join(reloading)
          expect(found(lines, /worker 1 \(1000\) exited with code 0 after .* requests?; 1 interrupted, 2 cut$/))
            .toHaveLength(1)
          expect(found(lines, /worker 2 \(1001\) exited with code 0 after .* requests?; 1 cut$/)).toHaveLength(1)
          // the fields are those of the event, and not those of the worker's message
          const gone = (yield* events).find(({ fields }) => fields["pid"] === 1000 && "cut" in fields)
          expect(Object.keys(gone?.fields ?? {}).sort()).toEqual(
            ["code", "cut", "interrupted", "pid", "requests", "signal", "slot"]
          )
        })
    ))

  it.effect("is given up by a stop, and no worker is left", () =>
    scene(
      {},
      (count) => count > 2 ? { readyIn: 50_000 } : {},
      ({ clock, lines, scope, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          const reloading = yield* Effect.fork(supervisor.reload)
          yield* clock.adjust("1 second")
          yield* supervisor.leaving("stopping")
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* clock.adjust("10 seconds")
          yield* Fiber.join(closing)
          expect(yield* Fiber.join(reloading)).toMatchObject({ result: "refused", error: "the server stops" })
          expect(found(lines, / warn {2}reload given up: the server stops$/)).toHaveLength(1)
          expect(spawner.alive).toEqual([])
          // a reload that is asked for now is refused too
          expect(yield* supervisor.reload).toMatchObject({ result: "refused", error: "the server stops" })
        })
    ))
})

describe("a stop", () => {
  // the family: every request for a change while load balancers send clients elsewhere, and while the workers end
  it.effect.each(["unready", "stopping"] as const)(
    "refuses what would change workers, and says so: %s",
    (state) =>
      scene({}, () => ({}), ({ clock, lines, signal, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* supervisor.leaving(state)
          const why = (effect: Effect.Effect<unknown, Supervisor.Refused>): Effect.Effect<unknown> =>
            Effect.merge(Effect.mapError(effect, ({ message }) => message))
          expect(yield* why(supervisor.scale(4))).toBe("the server stops")
          expect(yield* why(supervisor.recycle(1))).toBe("the server stops")
          expect(found(lines, / warn {2}(?:scale|recycle) refused: the server stops$/)).toHaveLength(2)
          for (const name of ["SIGTTIN", "SIGTTOU", "SIGHUP"] as const) yield* signal(name)
          yield* clock.adjust("5 seconds")
          expect(found(lines, / warn {2}scale refused: the server stops$/)).toHaveLength(3)
          expect(found(lines, / warn {2}reload refused: the server stops$/)).toHaveLength(1)
          expect(spawner.workers).toHaveLength(2)
          expect(supervisor.facts.slots).toHaveLength(2)
        }))
  )

  it.effect("has clients leave at once, where those of a worker that is replaced leave one after the other", () =>
    scene({}, () => ({}), ({ clock, scope, spawner, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        const reloading = yield* Effect.fork(supervisor.reload)
        yield* clock.adjust("5 seconds")
        yield* Fiber.join(reloading)
        yield* supervisor.leaving("stopping")
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* clock.adjust("10 seconds")
        yield* Fiber.join(closing)
        const { length } = spawner.workers
        expect(spawner.workers.map(({ spread }) => spread)).toEqual(
          spawner.workers.map((_, i) => i < length / 2 ? 500 : 0)
        )
      })))

  it.effect("kills a worker that has not ended after settle, grace and kill-after", () =>
    scene(
      {},
      (count) => count === 1 ? { drainsIn: Infinity } : {},
      ({ clock, lines, scope, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* supervisor.leaving("stopping")
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* clock.adjust("15900 millis")
          expect(spawner.alive).toHaveLength(1)
          yield* clock.adjust("200 millis")
          yield* Fiber.join(closing)
          expect(spawner.alive).toEqual([])
          expect(
            found(lines, /worker 1 \(1000\) has not ended after 16 s: SIGKILL \(--settle, --grace, --kill-after\)/)
          ).toHaveLength(1)
        })
    ))
})

describe("more and fewer workers", () => {
  it.effect("come and go, and one stays", () =>
    scene({}, () => ({}), ({ clock, spawner, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        expect(yield* Effect.orDie(supervisor.scale(4))).toBe(4)
        yield* clock.adjust("1 second")
        expect(spawner.workers.filter(({ alive, ready }) => alive && ready)).toHaveLength(4)
        expect(yield* Effect.orDie(supervisor.scale(0))).toBe(1)
        yield* clock.adjust("1 second")
        expect(spawner.alive.map(({ slot }) => slot)).toEqual(["1"])
        // no worker comes back
        yield* clock.adjust("1 minute")
        expect(spawner.alive).toHaveLength(1)
      })))

  it.effect("come also where the memory does not suffice for them, with a warning", () =>
    scene(
      { workers: 1 },
      () => ({ rss: 100 * 1024 ** 2 }),
      ({ clock, lines, signal, spawner, started }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("2 seconds")
          yield* signal("SIGTTIN")
          yield* clock.adjust("2 seconds")
          expect(found(lines, / warn /)).toEqual([])
          yield* signal("SIGTTIN")
          yield* clock.adjust("2 seconds")
          expect(
            found(lines, / warn {2}3 workers of 100 MiB need more than 80% of the 300 MiB that this control group/)
          )
            .toHaveLength(1)
          expect(spawner.workers.filter(({ alive, ready }) => alive && ready)).toHaveLength(3)
          // fewer workers need no warning
          yield* signal("SIGTTOU")
          yield* clock.adjust("2 seconds")
          expect(spawner.alive).toHaveLength(2)
          expect(found(lines, / warn /)).toHaveLength(1)
        }),
      undefined,
      300 * 1024 ** 2
    ))

  it.effect("are told that there are others, also where the settings have one", () => {
    const assignment = { ...plan.assignment, multiprocess: false }
    return scene(
      { workers: 1, assignment },
      () => ({}),
      ({ clock, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          yield* started
          yield* Effect.orDie(supervisor.scale(2))
          yield* clock.adjust("1 second")
          yield* Effect.orDie(supervisor.recycle(1))
          yield* clock.adjust("1 second")
          expect(spawner.workers.map(({ multiprocess }) => multiprocess)).toEqual([false, true, true])
        })
    )
  })
})

describe("keys of session tickets", () => {
  it.effect("are the same for all, also after a reload", () =>
    scene({}, () => ({}), ({ clock, spawner, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        const [key] = spawner.workers[0]?.keys ?? []
        expect(key).toMatch(/^[0-9a-f]{96}$/)
        const reloading = yield* Effect.fork(supervisor.reload)
        yield* clock.adjust("2 seconds")
        yield* Fiber.join(reloading)
        expect(spawner.workers.map(({ keys }) => keys)).toEqual([[key], [key], [key], [key]])
      })))

  it.effect("are renewed each day, for all at once", () =>
    Effect.gen(function*() {
      const facts = Facts.make(plan, TicketKeys.random(), 0, 0)
      const told: Array<ToWorker> = []
      for (const slot of [1, 2]) {
        const { timeouts } = plan
        const limits = { requests: 0, age: Infinity }
        const worker = new Worker({ slot, generation: 1, startedAt: 0, begun: 0, limits, timeouts })
        worker.runs({ pid: slot, send: (message) => Effect.sync(() => told.push(message)), kill: () => Effect.void })
        facts.workers.add(worker)
      }
      const keys = [facts.ticketKeys]
      yield* Effect.fork(TicketKeys.renewing(facts))
      for (let day = 0; day < 3; day++) {
        yield* TestClock.adjust("24 hours")
        keys.push(facts.ticketKeys)
      }
      expect(new Set(keys.map(String)).size).toBe(4)
      expect(told).toEqual(
        keys.slice(1).flatMap((keys) => [{ type: "ticketKeys", keys }, { type: "ticketKeys", keys }])
      )
    }))
})

describe("a server without workers of its own", () => {
  it.effect("says that it cannot be replaced", () =>
    scene({ workers: 1, here: true }, () => ({}), ({ lines, spawner, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        const alone = /^--workers 0 serves in this process, which cannot be replaced: start it with --workers 1$/
        const why = <A>(effect: Effect.Effect<A, Supervisor.Refused>): Effect.Effect<string> =>
          Effect.match(effect, { onFailure: ({ message }) => message, onSuccess: String })
        const outcome = yield* supervisor.reload
        expect(outcome.result === "refused" ? outcome.error : "done").toMatch(alone)
        expect(yield* why(supervisor.scale(2))).toMatch(alone)
        expect(yield* why(supervisor.recycle(1))).toMatch(alone)
        expect(found(lines, /reload refused: --workers 0/)).toHaveLength(1)
        expect(spawner.workers).toHaveLength(1)
      })))
})
