/**
 * What the supervisor is to keep running: read again at each reload.
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
  /** The one worker is a part of this process. */
  readonly here: boolean
  readonly child: ChildSettings
  readonly assignment: Assignment
  readonly patience: Patience
  readonly recycling: Recycling
}

/**
 * When a worker is replaced: 0 is never. Times are milliseconds, sizes bytes.
 *
 * @since 0.2.0
 * @category models
 */
export interface Recycling {
  readonly hangTimeout: number
  readonly maxRequests: number
  readonly maxAge: number
  readonly maxMemory: number
  /** Share by which the three are larger at most, for each worker by another one. */
  readonly jitter: number
}

/**
 * Of one worker: what is set, each with its share of jitter. `Infinity` is never, and 0 requests too.
 *
 * @since 0.2.0
 * @category models
 */
export interface WorkerLimits {
  readonly requests: number
  readonly age: number
}

/**
 * Why a worker is started again.
 *
 * @since 0.2.0
 * @category models
 */
export type Reason = "crash" | "hang" | "requests" | "age" | "memory" | "told" | "boot"

/**
 * How long things may take, in milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface Patience {
  readonly bootTimeout: number
  readonly settle: number
  readonly grace: number
  readonly killAfter: number
}

/**
 * Settings, files or certificates that cannot be used.
 *
 * @since 0.2.0
 * @category errors
 */
export class PlanError extends Data.TaggedError("PlanError")<{
  /** Of the command, where it cannot start for this: 2 for settings, 4 for the app. */
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
