/**
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Worker } from "./WorkerLife.js"

/**
 * A worker, and the Scope of its process.
 *
 * @since 0.2.0
 * @category models
 */
export interface Occupant {
  readonly worker: Worker
  readonly scope: Scope.CloseableScope
}

const leastDelay = 100
const mostDelay = 30_000

/**
 * A place for one worker. A worker leaves it, and another one takes it.
 *
 * @since 0.2.0
 * @category models
 */
export class Slot {
  /** Held while a worker starts for this slot. */
  readonly lock = Effect.unsafeMakeSemaphore(1)
  private occupant: Occupant | undefined = undefined
  private failures = 0
  private removed = false

  constructor(readonly number: number) {}

  get current(): Worker | undefined {
    return this.occupant?.worker
  }

  get isRemoved(): boolean {
    return this.removed
  }

  /** Returns the occupant before. */
  take(occupant: Occupant): Occupant | undefined {
    const before = this.occupant
    this.occupant = occupant
    return before
  }

  /** Returns the occupant before. */
  vacate(): Occupant | undefined {
    const before = this.occupant
    this.occupant = undefined
    return before
  }

  /** Removes the slot, so that no worker takes it again. Returns the last occupant. */
  remove(): Occupant | undefined {
    this.removed = true
    return this.vacate()
  }

  /** Begins the back-off anew, because the worker has lived long. */
  recover(): void {
    this.failures = 0
  }

  /**
   * Counts a failure, and returns the milliseconds until the next start: 100, 200, 400 and so on, up to 30,000.
   *
   * @param jitter a factor
   */
  backOff(jitter: number): number {
    return Math.round(jitter * Math.min(leastDelay * 2 ** this.failures++, mostDelay))
  }
}
