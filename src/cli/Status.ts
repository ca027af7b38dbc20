/**
 * The status of a running server, computed from the supervisor's facts.
 *
 * @since 0.2.0
 */
import { sum, total } from "../server/ServerMetrics.js"
import { type Facts, isLeaving, type State } from "./Facts.js"
import type { JournalEvent } from "./Journal.js"
import type { Listening } from "./Listening.js"
import type { Beat, Interface } from "./messages.js"
import type { Reason } from "./Plan.js"
import { hungAfter, type WorkerState } from "./WorkerLife.js"

/**
 * Times are in ISO 8601. `uptime` and `lastBeat` are seconds, `took`, `readyIn` and `loopDelay` milliseconds, and sizes bytes.
 *
 * @since 0.2.0
 * @category models
 */
export interface Status {
  readonly tsgi: string
  readonly node: string
  readonly pid: number
  readonly name: string
  readonly state: State
  readonly startedAt: string
  readonly uptime: number
  readonly generation: number
  readonly app: string
  /** The kind of the app; `null` until a worker has loaded it. */
  readonly interface: Exclude<Interface, "auto"> | null
  readonly listeners: ReadonlyArray<
    { readonly address: string; readonly from: Listening["from"]; readonly backlog: number }
  >
  readonly configured: number
  readonly ready: number
  readonly lastReload: {
    readonly at: string
    readonly took: number
    readonly result: "done" | "refused"
    readonly error: string | null
  } | null
  readonly reloads: { readonly done: number; readonly refused: number }
  readonly restarts: Readonly<Record<Reason, number>>
  /** The last ten restarts, latest first. */
  readonly lastRestarts: ReadonlyArray<
    { readonly at: string; readonly slot: number; readonly reason: Reason; readonly text: string }
  >
  readonly totals: {
    readonly requests: number
    readonly refused: number
    readonly aborted: number
    readonly responseBytes: number
    readonly rss: number
  }
  readonly workers: ReadonlyArray<WorkerStatus>
  /** The newest twenty events, latest first. */
  readonly events: ReadonlyArray<Pick<JournalEvent, "at" | "level" | "event" | "text">>
}

/**
 * @since 0.2.0
 * @category models
 */
export interface WorkerStatus {
  readonly slot: number
  readonly pid: number
  readonly generation: number
  readonly state: WorkerState
  readonly startedAt: string
  readonly readyIn: number | null
  readonly lastBeat: number
  readonly loopDelay: Beat["loopDelay"]
  readonly connections: Beat["metrics"]["connections"]
  readonly requests: number
  /** One figure for each of the last sixty seconds, oldest first; fewer for a younger worker. */
  readonly requestsPerSecond: ReadonlyArray<number>
  readonly rss: number
  readonly heap: number
  readonly handles: number
}

/**
 * The part of the status that stays the same while a server runs.
 *
 * @since 0.2.0
 * @category models
 */
export interface Identity {
  readonly version: string
  readonly name: string
  readonly app: string
  readonly listening: ReadonlyArray<Listening>
  readonly backlog: number
}

/**
 * @param now milliseconds of the monotonic clock
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  facts: Facts,
  { app, backlog, listening, name, version }: Identity,
  events: ReadonlyArray<JournalEvent>,
  now: number
): Status => {
  const workers = [...facts.workers].sort((one, other) => one.slot - other.slot || one.begun - other.begun)
  const metrics = sum([facts.past, ...workers.map(({ beat }) => beat.metrics)])
  return {
    tsgi: version,
    node: process.version,
    pid: process.pid,
    name,
    state: facts.state,
    startedAt: new Date(facts.startedAt).toISOString(),
    uptime: tenths((now - facts.begun) / 1000),
    generation: facts.generation,
    app,
    interface: interfaceOf(facts),
    listeners: listening.map(({ address, from }) => ({ address, from, backlog })),
    configured: facts.slots.length,
    ready: workers.filter(({ isServing }) => isServing).length,
    lastReload: lastReloadOf(facts),
    reloads: facts.reloads,
    restarts: facts.restarts,
    lastRestarts: facts.lastRestarts.all.map(({ at, ...more }) => ({ at: new Date(at).toISOString(), ...more })),
    totals: {
      requests: total(metrics.requests),
      refused: total(metrics.refused),
      aborted: total(metrics.aborted),
      responseBytes: metrics.responseBytes,
      rss: workers.filter(({ pid }) => pid !== process.pid)
        .reduce((sum, { beat }) => sum + beat.rss, process.memoryUsage.rss())
    },
    workers: workers.map((worker) => ({
      slot: worker.slot,
      pid: worker.pid,
      generation: worker.generation,
      state: worker.stateAt(now),
      startedAt: new Date(worker.startedAt).toISOString(),
      readyIn: worker.readyIn ?? null,
      lastBeat: tenths((now - worker.lastBeat) / 1000),
      loopDelay: worker.beat.loopDelay,
      connections: worker.beat.metrics.connections,
      requests: worker.requests,
      requestsPerSecond: worker.requestsPerSecond,
      rss: worker.beat.rss,
      heap: worker.beat.heap,
      handles: worker.beat.handles
    })),
    events: events.map(({ at, event, level, text }) => ({ at, level, event, text }))
  }
}

/**
 * The kind of the app; `null` until a worker has loaded it.
 *
 * @since 0.2.0
 * @category accessors
 */
export const interfaceOf = ({ workers }: Pick<Facts, "workers">): Status["interface"] =>
  [...workers].find((worker) => worker.interface !== undefined)?.interface ?? null

const tenths = (number: number): number => Math.round(number * 10) / 10

const lastReloadOf = ({ lastReload }: Facts): Status["lastReload"] => {
  if (lastReload === undefined) return null
  const { at, outcome } = lastReload
  return {
    at: new Date(at).toISOString(),
    took: outcome.took,
    result: outcome.result,
    error: outcome.result === "refused" ? outcome.error : null
  }
}

/**
 * Whether a request that arrives now is served, so that load balancers may send more.
 *
 * @since 0.2.0
 * @category accessors
 */
export const isReady = (facts: Facts): boolean =>
  !isLeaving(facts) && facts.state !== "booting" && facts.slots.some(({ current }) => current?.isServing)

/**
 * Whether the server may recover without a restart. It may not if none was ready within --boot-timeout, or if all workers have
 * hung for longer than --hang-timeout, after which they should have been killed. If --hang-timeout is off, nothing ends a hang,
 * so {@link hungAfter} counts.
 *
 * @param now milliseconds of the monotonic clock
 *
 * @since 0.2.0
 * @category accessors
 */
export const isLive = (facts: Facts, bootTimeout: number, now: number): boolean =>
  mayServe(facts, facts.plan.recycling.hangTimeout || hungAfter, bootTimeout, now)

/**
 * Whether a worker beats, or may yet become ready within --boot-timeout.
 *
 * @param now milliseconds of the monotonic clock
 *
 * @since 0.2.0
 * @category accessors
 */
export const hasBeat = (facts: Facts, bootTimeout: number, now: number): boolean =>
  mayServe(facts, hungAfter, bootTimeout, now)

const mayServe = ({ lackingSince, slots }: Facts, mostSilence: number, bootTimeout: number, now: number): boolean => {
  const ready = slots.flatMap(({ current }) => current?.isReady === true ? [current] : [])
  if (ready.length > 0) return ready.some(({ silence }) => silence <= mostSilence)
  return lackingSince === undefined || now - lackingSince <= bootTimeout
}
