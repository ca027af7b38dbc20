/**
 * What time it is, at the price of a few nanoseconds.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Clock {
  /** Milliseconds since the epoch, with fractions, never going back, whatever is done to the system's clock. */
  readonly now: () => number
  /**
   * The time of the tick, where one is held: connections that are looked after together share it. Otherwise that of `now`.
   *
   * @since 0.2.0
   */
  readonly tick: () => number
  /**
   * Holds a time for `tick`, until it is released.
   *
   * @since 0.2.0
   */
  readonly hold: (now: number) => void
  /** @since 0.2.0 */
  readonly release: () => void
  /** The same time as the system's clock has it, for people to read. */
  readonly shown: (now: number) => number
  /** A time as the value of a Date field (RFC 9110, 5.6.7), by the system's clock, made once a second. */
  readonly date: (now: number) => string
  /** Looks whether the system's clock was set. To be called now and then. */
  readonly follow: () => void
  /** Calls back when what has come until now was read; at once where time is somebody's to move, as in a test. */
  readonly afterReading: (callback: () => void) => void
}
