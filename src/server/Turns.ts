/**
 * Bounds the time that one body keeps the event loop.
 *
 * A loop whose promises are already resolved never returns to the event loop, so no other connection would be served.
 *
 * @since 0.2.0
 */

/** Milliseconds that one body may run before other connections do. */
const longest = 10

// the platform's own, even if a test replaces the global one
const immediate = setImmediate

/**
 * The turns of one body.
 *
 * @since 0.2.0
 * @category models
 */
export class Turns {
  private ends = -1

  /** Begins a turn now. */
  begin(): void {
    this.ends = performance.now() + longest
  }

  /** Has the turn lasted long enough? The first call begins it. */
  get isOver(): boolean {
    if (this.ends >= 0) return performance.now() > this.ends
    this.begin()
    return false
  }

  /** Calls back in a new turn, after the other connections have run. */
  next(callback: () => void): void {
    immediate(() => {
      this.begin()
      callback()
    })
  }
}
