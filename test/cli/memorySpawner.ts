/** Workers that are not processes. Each does what its script says, on the clock of the test. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { FromWorker, ToWorker } from "../../src/cli/messages.js"
import { protocol } from "../../src/cli/messages.js"
import { Spawner, SpawnError } from "../../src/cli/Spawner.js"
import type { MetricSeries } from "../../src/server/MetricSeries.js"
import { zero } from "../../src/server/ServerMetrics.js"

export interface Script {
  /** Milliseconds until the worker is ready; `undefined` means never. Default 400. */
  readonly readyIn?: number | undefined
  /** Milliseconds until the app's module is loaded; `undefined` means that it is not told. */
  readonly loadedIn?: number
  /** The failure that the worker reports in place of becoming ready. */
  readonly fails?: Extract<FromWorker, { readonly type: "failed" }>
  /** Milliseconds from ready until the worker exits by itself. */
  readonly exitsAfter?: number
  /** Milliseconds from ready until the worker has had as many requests as it may. */
  readonly enoughAfter?: number
  /** Milliseconds from ready until the event loop is blocked for ever. */
  readonly blocksAfter?: number
  /** Milliseconds from ready until another process tells the worker to end, which it does at once. */
  readonly toldAfter?: number
  /** The requests under way at each beat. Default: none. */
  readonly active?: number
  /** Whether the system fails to kill the worker. */
  readonly outlivesKill?: boolean
  /** Milliseconds until the worker learns that it must drain. Default 0. */
  readonly hearsIn?: number
  /** Milliseconds for the drain after that; `Infinity` means for ever. Default 50. */
  readonly drainsIn?: number
  /** The connections that its stop cuts and interrupts. Default: none. */
  readonly loses?: { readonly cut: number; readonly interrupted: number }
  /** The error with which the system does not start the worker. */
  readonly spawnFails?: string
  readonly rss?: number
  readonly protocol?: number
  /** The app's own metrics at each beat. */
  readonly series?: (beat: number) => ReadonlyArray<MetricSeries>
}

export class MemoryWorker {
  readonly got: Array<ToWorker["type"]> = []
  /** Milliseconds over which its clients are sent away. */
  spread: number | undefined
  /** Keys of session tickets, in the order in which they arrived. */
  readonly keys: Array<string> = []
  /** Whether the worker was told that there are others. */
  multiprocess: boolean | undefined
  beats = 0
  alive = true
  blocked = false
  ready = false
  exit: { readonly code: number | null; readonly signal: string | null } | undefined

  constructor(
    readonly pid: number,
    readonly slot: string | undefined,
    readonly generation: string | undefined,
    readonly script: Script,
    readonly startedAt: number,
    private readonly exited: (exit: { readonly code: number | null; readonly signal: string | null }) => void
  ) {}

  end(code: number | null, signal: string | null): void {
    if (!this.alive) return
    this.alive = false
    this.exit = { code, signal }
    this.exited(this.exit)
  }
}

export class MemorySpawner {
  readonly workers: Array<MemoryWorker> = []
  private asked = 0
  /** The most workers that were ready or starting at the same time. */
  most = 0

  constructor(private readonly scriptOf: (count: number) => Script) {}

  get alive(): ReadonlyArray<MemoryWorker> {
    return this.workers.filter(({ alive }) => alive)
  }

  readonly layer = Layer.succeed(Spawner, {
    spawn: ({ env }, { exited, message }) =>
      Effect.gen(this, function*() {
        const script = this.scriptOf(++this.asked)
        if (script.spawnFails !== undefined) return yield* new SpawnError({ message: script.spawnFails })
        const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const { TSGI_GENERATION: generation, TSGI_SLOT: slot } = env
        const worker = new MemoryWorker(1000 + this.workers.length, slot, generation, script, now, exited)
        this.workers.push(worker)
        this.most = Math.max(this.most, this.alive.length)
        const tell = (told: FromWorker) =>
          Effect.sync(() => {
            if (worker.alive && !worker.blocked) message({ ...told, tsgi: true })
          })
        const beat = Effect.suspend(() =>
          tell({
            type: "beat",
            metrics: {
              ...zero,
              requests: { "2xx": 7 },
              connections: { idle: 0, active: script.active ?? 0, waiting: 0 }
            },
            loopDelay: { p50: 0, p99: 0, max: 0 },
            series: script.series?.(++worker.beats) ?? [],
            rss: script.rss ?? 50_000_000,
            heap: 1,
            handles: 1
          })
        )
        const serving = Effect.gen(function*() {
          if (script.fails !== undefined) {
            yield* tell(script.fails)
            return worker.end(1, null)
          }
          if (script.loadedIn !== undefined) {
            yield* Effect.forkDaemon(Effect.delay(tell({ type: "loaded" }), script.loadedIn))
          }
          if (script.readyIn === undefined && "readyIn" in script) return
          yield* Effect.sleep(script.readyIn ?? 400)
          worker.ready = true
          yield* tell({ type: "ready", interface: "wsgi", warnings: [] })
          if (script.exitsAfter !== undefined) {
            yield* Effect.forkDaemon(Effect.delay(Effect.sync(() => worker.end(1, null)), script.exitsAfter))
          }
          if (script.toldAfter !== undefined) {
            const ending = Effect.zipRight(tell({ type: "leaving" }), Effect.sync(() => worker.end(0, null)))
            yield* Effect.forkDaemon(Effect.delay(ending, script.toldAfter))
          }
          if (script.enoughAfter !== undefined) {
            yield* Effect.forkDaemon(Effect.delay(tell({ type: "enough", requests: 1000 }), script.enoughAfter))
          }
          if (script.blocksAfter !== undefined) {
            yield* Effect.forkDaemon(Effect.delay(Effect.sync(() => worker.blocked = true), script.blocksAfter))
          }
          yield* Effect.repeat(beat, { schedule: Schedule.spaced("1 second"), while: () => worker.alive })
        })
        yield* Effect.forkDaemon(tell({ type: "hello", protocol: script.protocol ?? protocol }))
        return {
          pid: worker.pid,
          send: (told) =>
            Effect.gen(function*() {
              worker.got.push(told.type)
              if (told.type === "serve") {
                worker.keys.push(Buffer.from(told.ticketKeys).toString("hex"))
                worker.multiprocess = told.multiprocess
              }
              if (told.type === "ticketKeys") worker.keys.push(Buffer.from(told.keys).toString("hex"))
              if (told.type === "drain") worker.spread = told.spread
              if (told.type === "serve") yield* Effect.forkDaemon(serving)
              if (told.type === "drain" && !worker.blocked) {
                const { drainsIn = 50, hearsIn = 0 } = script
                yield* Effect.forkDaemon(Effect.gen(function*() {
                  yield* Effect.sleep(hearsIn)
                  yield* tell({ type: "draining" })
                  if (drainsIn === Infinity) return
                  yield* Effect.sleep(drainsIn)
                  yield* tell({ type: "stopped", cut: 0, interrupted: 0, ...script.loses })
                  worker.end(0, null)
                }))
              }
            }),
          kill: (signal) => Effect.sync(() => script.outlivesKill === true ? undefined : worker.end(null, signal))
        }
      })
  })
}
