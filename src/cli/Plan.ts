/**
 * What the supervisor keeps running. Each reload reads it again.
 *
 * @since 0.2.0
 */
import * as Data from "effect/Data"
import type { Assignment } from "./messages.js"
import type { ChildSettings } from "./Spawner.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Plan {
  readonly workers: number
  /** Whether the only worker runs in this process. */
  readonly here: boolean
  readonly child: ChildSettings
  readonly assignment: Assignment
  readonly timeouts: WorkerTimeouts
  readonly recycling: Recycling
}

/**
 * When a worker is replaced; 0 means never. Times are in milliseconds, sizes in bytes.
 *
 * @since 0.2.0
 * @category models
 */
export interface Recycling {
  readonly hangTimeout: number
  readonly maxRequests: number
  readonly maxAge: number
  readonly maxMemory: number
  /** The largest share that is added to the limits of a worker. Each worker draws its own share. */
  readonly jitter: number
}

/**
 * The limits of one worker, including the jitter. 0 requests and an age of `Infinity` mean no limit.
 *
 * @since 0.2.0
 * @category models
 */
export interface WorkerLimits {
  readonly requests: number
  readonly age: number
}

/**
 * The reason why a worker was replaced.
 *
 * @since 0.2.0
 * @category models
 */
export type Reason = "crash" | "hang" | "requests" | "age" | "memory" | "told" | "boot"

/**
 * The most milliseconds for the steps of a worker's life.
 *
 * @since 0.2.0
 * @category models
 */
export interface WorkerTimeouts {
  readonly boot: number
  readonly settle: number
  readonly grace: number
  readonly killAfter: number
}

/**
 * The error for an invalid setting, file or certificate.
 *
 * @since 0.2.0
 * @category errors
 */
export class PlanError extends Data.TaggedError("PlanError")<{
  /** The exit code if the command cannot start: 2 for settings, 4 for the app, 5 for an address. */
  readonly code: 2 | 4 | 5
  readonly message: string
}> {}

/**
 * An invalid setting or argument.
 *
 * @since 0.2.0
 * @category errors
 */
export const wrong = (message: string): PlanError => new PlanError({ code: 2, message })
