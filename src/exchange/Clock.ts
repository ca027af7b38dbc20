/**
 * The time of the server, which never goes back.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Clock {
  /** Milliseconds since the epoch, with fractions. It never goes back, even if the system's clock does. */
  readonly now: () => number
  /**
   * The time that is held, so that connections that act in the same tick share it; otherwise that of `now`.
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
  /** A time of `now` by the system's clock, for people to read. */
  readonly shown: (now: number) => number
  /** A time as the value of a Date field (RFC 9110, 5.6.7), by the system's clock, made once a second. */
  readonly date: (now: number) => string
  /** Adjusts `shown` to a system's clock that was set. It must be called now and then. */
  readonly follow: () => void
  /** Calls back after all bytes that have arrived are read; at once under a test clock. */
  readonly afterReading: (callback: () => void) => void
}
