/**
 * What time it is, at the price of a few nanoseconds.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"

/**
 * @since 0.1.0
 * @category models
 */
export interface Time {
  /** Milliseconds since the epoch, with fractions, never going back. */
  readonly now: () => number
  /** A time as the value of a Date field (RFC 9110, 5.6.7), made once a second. */
  readonly date: (now: number) => string
}

/**
 * Follows a Clock. The live clock counts in whole milliseconds or in big integers; the platform's own monotonic clock
 * costs a tenth of the latter, so it stands in for it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (clock: Clock.Clock): Time => {
  const live = Object.getPrototypeOf(clock) === Object.getPrototypeOf(Clock.make())
  const origin = performance.timeOrigin
  const now = live ? () => origin + performance.now() : () => clock.unsafeCurrentTimeMillis()
  let second = -1
  let text = ""
  const date = (now: number): string => {
    const current = Math.floor(now / 1000)
    if (current !== second) {
      second = current
      text = new Date(current * 1000).toUTCString()
    }
    return text
  }
  return { now, date }
}
