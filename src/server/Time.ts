/**
 * The engine's `Clock`, on a Clock of Effect.
 *
 * @since 0.1.0
 */
import type * as EffectClock from "effect/Clock"
import type { Clock } from "../exchange/Clock.js"
import { isLiveClock } from "./internal.js"

// taken before a test can replace the global function
const immediate = setImmediate

/**
 * The platform's clocks, in milliseconds since the epoch.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlatformClocks {
  /** A clock with fractions, which never goes back. */
  readonly monotonic: () => number
  /** The system's clock, which may be set. */
  readonly wall: () => number
}

const origin = performance.timeOrigin
const platform: PlatformClocks = { monotonic: () => origin + performance.now(), wall: () => Date.now() }

// The most milliseconds by which the two clocks may differ before an adjustment.
const tolerance = 50

/**
 * The clock for a Clock of Effect. Effect's live clock counts in whole milliseconds or in big integers, so the platform's
 * monotonic clock is read in its place. The system's clock is read only by `follow`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (clock: EffectClock.Clock, { monotonic, wall }: PlatformClocks = platform): Clock => {
  const live = isLiveClock(clock)
  const now = live ? monotonic : () => clock.unsafeCurrentTimeMillis()
  let held = -1
  let ahead = 0
  let second = -1
  let text = ""
  const shown = (now: number): number => now + ahead
  const date = (now: number): string => {
    const current = Math.floor(shown(now) / 1000)
    if (current !== second) {
      second = current
      text = new Date(current * 1000).toUTCString()
    }
    return text
  }
  const follow = (): void => {
    if (!live) return
    const measured = wall() - now()
    if (Math.abs(measured - ahead) > tolerance) ahead = measured
  }
  // in a turn of the event loop, timers run before reads and immediates after them
  const afterReading = (callback: () => void): void => live ? void immediate(callback) : callback()
  const tick = (): number => held < 0 ? now() : held
  const hold = (now: number): void => {
    held = now
  }
  const release = (): void => {
    held = -1
  }
  follow()
  return { now, tick, hold, release, shown, date, follow, afterReading }
}
