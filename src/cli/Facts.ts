/**
 * What is known of a supervisor and what it keeps.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { MetricSeries } from "../server/MetricSeries.js"
import { type ServerMetrics, zero } from "../server/ServerMetrics.js"
import type { Plan, Reason } from "./Plan.js"
import { known } from "./upAndDown.js"
import type { Worker } from "./WorkerProcess.js"

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
 * @since 0.2.0
 * @category models
 */
export interface Slot {
  readonly number: number
  /** One start at a time. */
  readonly lock: Effect.Semaphore
  current: Worker | undefined
  scope: Scope.CloseableScope | undefined
  /** Starts that failed, and workers that died young, since one lived long. */
  failures: number
  removed: boolean
}

/**
 * A worker that was started again, or could not be. `at` is milliseconds since the epoch.
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
 * What is told of a supervisor; the lists are alive.
 *
 * @since 0.2.0
 * @category models
 */
export interface Facts {
  readonly startedAt: number
  readonly begun: number
  /** What it keeps running: that of the last reload which was done. */
  plan: Plan
  state: State
  generation: number
  slots: ReadonlyArray<Slot>
  /** All that have a process, those that leave too. */
  readonly workers: Set<Worker>
  readonly restarts: Record<Reason, number>
  /** The last of them, latest first. */
  readonly lastRestarts: Array<Restart>
  readonly reloads: { done: number; refused: number }
  lastReload: { readonly at: number; readonly outcome: ReloadResult } | undefined
  /** Milliseconds of the monotonic clock when it was found that no worker answers; `undefined` while one does. */
  lackingSince: number | undefined
  /** Of the workers that are gone. */
  past: ServerMetrics
  /** Of the apps of workers that are gone: what they have counted. */
  pastSeries: ReadonlyArray<MetricSeries>
  /** Names of counters that they were seen to let fall. */
  readonly upAndDown: Set<string>
  /** What TLS session tickets are sealed with. */
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
  slots: [],
  workers: new Set(),
  restarts: { crash: 0, hang: 0, requests: 0, age: 0, memory: 0, told: 0, boot: 0 },
  lastRestarts: [],
  reloads: { done: 0, refused: 0 },
  lastReload: undefined,
  lackingSince: begun,
  past: zero,
  pastSeries: [],
  upAndDown: new Set(known),
  ticketKeys
})

const mostRestarts = 10

/**
 * Counts a restart, and keeps it among the last.
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
    lastRestarts.unshift({ at, slot, reason, text })
    lastRestarts.length = Math.min(lastRestarts.length, mostRestarts)
  })
