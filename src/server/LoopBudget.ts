/**
 * Bounds the time for which one body keeps the event loop.
 *
 * A loop whose promises are already resolved never returns to the event loop, so no other connection would be served.
 *
 * @since 0.2.0
 */

/** Milliseconds for which one body may run before other connections do. */
const longest = 10

// the platform's own, even if a test replaces the global one
const immediate = setImmediate

/**
 * @since 0.2.0
 * @category models
 */
export class LoopBudget {
  private ends = -1

  /** Starts counting anew. */
  renew(): void {
    this.ends = performance.now() + longest
  }

  /** Whether the body has run for long enough. The first call starts counting. */
  get isSpent(): boolean {
    if (this.ends >= 0) return performance.now() > this.ends
    this.renew()
    return false
  }

  /** Calls back when the other connections have run. */
  continueLater(callback: () => void): void {
    immediate(() => {
      this.renew()
      callback()
    })
  }
}
