/**
 * How much of a tick one connection may take, where requests have come behind those that it answers.
 *
 * @since 0.2.0
 */

/** Of what has come already, so many requests and milliseconds are one connection's in a tick. */
const mostAnswered = 64
const longestShare = 2

/**
 * @since 0.2.0
 * @category models
 */
export class TickShare {
  private answered = 0
  private since = 0
  private left = false

  /** Does it wait for its next share? */
  get waits(): boolean {
    return this.left
  }

  /** A tick begins. */
  begin(): void {
    this.answered = 0
  }

  /** A request was answered behind which more had come. Is it the first of this tick? */
  count(now: number): boolean {
    if (this.answered++ > 0) return false
    this.since = now
    return true
  }

  /** Has it had its share? Then it waits for the next. */
  isSpent(now: number): boolean {
    this.left = this.answered >= mostAnswered || now - this.since >= longestShare
    return this.left
  }

  /** It goes on. */
  goOn(): void {
    this.left = false
  }

  /** Has it answered any in this tick? */
  get isBegun(): boolean {
    return this.answered > 0
  }
}
