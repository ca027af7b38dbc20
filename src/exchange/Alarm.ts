/**
 * Wakes the sweep of deadlines at the earliest one, and never without one. V8 itself wakes an idle process once or twice, some
 * seconds after its last work, to give memory back, unless Node runs with `--no-memory-reducer`.
 *
 * There is one timer for a whole server, and none for a request. When a deadline moves to a later time, the timer is not changed.
 * It rings too early then, and is set again.
 *
 * @since 0.2.0
 */
import type { Clock } from "./Clock.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface AlarmOptions {
  readonly time: Pick<Clock, "now" | "follow" | "afterReading">
  /** Calls back after `delay` milliseconds. Returns a function that cancels that. */
  readonly schedule: (delay: number, callback: () => void) => () => void
  /** Acts on the deadlines that have passed, and returns the earliest one that is left; `Infinity` if there is none. */
  readonly ring: () => number
  /** The least time between two rings in milliseconds, so that deadlines that pass one after the other are judged together. */
  readonly interval: number
}

// the longest delay of a timer of the platform
const longest = 2 ** 31 - 1

/**
 * @since 0.2.0
 * @category models
 */
export class Alarm {
  private at = Infinity
  private rungAt = -Infinity
  private cancel: (() => void) | undefined = undefined
  private closed = false

  constructor(private readonly options: AlarmOptions) {}

  /** The time at which it rings; `Infinity` while it is not set. A deadline that is not earlier needs no call of `by`. */
  get ringsAt(): number {
    return this.at
  }

  /** Makes it ring by this time, or after the least interval if that is later. */
  by(deadline: number): void {
    if (this.closed) return
    const { interval, schedule, time } = this.options
    const at = Math.max(deadline, this.rungAt + interval)
    if (at >= this.at) return
    // the system's clock may have been set meanwhile
    if (this.at === Infinity) time.follow()
    this.cancel?.()
    this.at = at
    this.cancel = schedule(Math.min(longest, Math.max(0, at - time.now())), this.wake)
  }

  /** Never rings again. */
  close(): void {
    this.closed = true
    this.cancel?.()
  }

  private readonly wake = (): void => {
    this.cancel = undefined
    // bytes that arrived while the event loop was blocked are in time
    this.options.time.afterReading(this.ring)
  }

  private readonly ring = (): void => {
    if (this.closed) return
    const { ring, time } = this.options
    time.follow()
    this.rungAt = time.now()
    this.at = Infinity
    this.by(ring())
  }
}
