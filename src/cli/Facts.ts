/**
 * The state of a supervisor.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { MetricSeries } from "../server/MetricSeries.js"
import { type ServerMetrics, zero } from "../server/ServerMetrics.js"
import { known } from "./fallenCounters.js"
import { Newest } from "./Newest.js"
import type { Plan, Reason } from "./Plan.js"
import type { Slot } from "./Slot.js"
import type { Worker } from "./WorkerLife.js"

/**
 * @since 0.2.0
 * @category models
 */
export type ReloadResult =
  | { readonly result: "done"; readonly took: number; readonly generation: number }
  | { readonly result: "refused"; readonly took: number; readonly error: string }

/**
 * @since 0.2.0
 * @category models
 */
export type State = "booting" | "serving" | "reloading" | "unready" | "stopping"

/**
 * A worker that was replaced, or could not be started. `at` is milliseconds since the epoch.
 *
 * @since 0.2.0
 * @category models
 */
export interface Restart {
  readonly at: number
  readonly slot: number
  readonly reason: Reason
  readonly text: string
}

/**
 * The facts that a supervisor keeps. The status and the metrics are computed from them.
 *
 * @since 0.2.0
 * @category models
 */
export interface Facts {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Milliseconds of the monotonic clock. */
  readonly begun: number
  /** The plan of the last reload that succeeded. */
  plan: Plan
  state: State
  /** The generation of the last reload that was done: 1 at the start. */
  generation: number
  /** The largest generation that workers were started with, also by a reload that was refused. */
  newestGeneration: number
  slots: ReadonlyArray<Slot>
  /** All workers that have a process, including those that leave. */
  readonly workers: Set<Worker>
  readonly restarts: Record<Reason, number>
  readonly lastRestarts: Newest<Restart>
  readonly reloads: { done: number; refused: number }
  lastReload: { readonly at: number; readonly outcome: ReloadResult } | undefined
  /** The time since which no worker is ready, in milliseconds of the monotonic clock; `undefined` while one is. */
  lackingSince: number | undefined
  /** The metrics of workers that are gone. */
  past: ServerMetrics
  /** The counts of the apps of workers that are gone. */
  pastSeries: ReadonlyArray<MetricSeries>
  /** Names of counters that have fallen in workers that are gone. */
  readonly fallenCounters: Set<string>
  /** The key that seals TLS session tickets. */
  ticketKeys: Uint8Array
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const make = (plan: Plan, ticketKeys: Uint8Array, startedAt: number, begun: number): Facts => ({
  plan,
  startedAt,
  begun,
  state: "booting",
  generation: 1,
  newestGeneration: 1,
  slots: [],
  workers: new Set(),
  restarts: { crash: 0, hang: 0, requests: 0, age: 0, memory: 0, told: 0, boot: 0 },
  lastRestarts: new Newest(mostRestarts),
  reloads: { done: 0, refused: 0 },
  lastReload: undefined,
  lackingSince: begun,
  past: zero,
  pastSeries: [],
  fallenCounters: new Set(known),
  ticketKeys
})

const mostRestarts = 10

/**
 * Counts a restart, and keeps it among the newest.
 *
 * @since 0.2.0
 * @category combinators
 */
export const restarted = (
  { lastRestarts, restarts }: Facts,
  slot: number,
  reason: Reason,
  text: string
): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (at) => {
    restarts[reason]++
    lastRestarts.add({ at, slot, reason, text })
  })

/**
 * Whether a worker is ready in one of the slots.
 *
 * @since 0.2.0
 * @category accessors
 */
export const hasReady = ({ slots }: Pick<Facts, "slots">): boolean => slots.some(({ current }) => current?.isReady)

/**
 * Whether the stop has begun, so that clients should go elsewhere.
 *
 * @since 0.2.0
 * @category accessors
 */
export const isLeaving = ({ state }: Pick<Facts, "state">): boolean => state === "unready" || state === "stopping"
