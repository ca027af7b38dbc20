/**
 * What time it is, at the price of a few nanoseconds.
 *
 * @since 0.1.0
 */
import * as EffectClock from "effect/Clock"
import type { Clock } from "../exchange/Clock.js"

// the platform's own, whatever a test of an app makes of the global one
const immediate = setImmediate

/**
 * The platform's clocks, in milliseconds since the epoch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sources {
  /** With fractions; never goes back. */
  readonly monotonic: () => number
  /** As it is set. */
  readonly wall: () => number
}

const origin = performance.timeOrigin
const platform: Sources = { monotonic: () => origin + performance.now(), wall: () => Date.now() }

// Clocks that differ by less agree: one has whole milliseconds, and nobody is shown them.
const tolerance = 50

/**
 * Follows a Clock. The live clock counts in whole milliseconds or in big integers; the platform's own monotonic clock
 * costs a tenth of the latter, so it stands in for it. The other one is read when it is followed, not with each request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (clock: EffectClock.Clock, { monotonic, wall }: Sources = platform): Clock => {
  const live = Object.getPrototypeOf(clock) === Object.getPrototypeOf(EffectClock.make())
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
  // timers are before reads in a turn of the event loop, immediates behind them
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
