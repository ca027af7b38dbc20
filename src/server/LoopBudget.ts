/**
 * Bounds the time for which one body keeps the event loop.
 *
 * A loop over resolved promises never returns to the event loop, so it would make all other connections wait.
 *
 * @since 0.2.0
 */

/** Milliseconds for which one body may run before other connections do. */
const budget = 10

// taken before a test can replace the global function
const immediate = setImmediate

/**
 * The budget of one body.
 *
 * @since 0.2.0
 * @category models
 */
export class LoopBudget {
  private ends = -1

  /** Begins a new budget. */
  renew(): void {
    this.ends = performance.now() + budget
  }

  /** Whether the budget is used up. The first call begins it. */
  get isSpent(): boolean {
    if (this.ends >= 0) return performance.now() > this.ends
    this.renew()
    return false
  }

  /** Calls back after other connections have run, with a new budget. */
  continueLater(callback: () => void): void {
    immediate(() => {
      this.renew()
      callback()
    })
  }
}
