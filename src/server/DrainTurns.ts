/**
 * Tells the sessions of a server that stops that no more requests may follow: all at once, or in turn over a time, so that their
 * clients do not all connect to a successor together.
 *
 * @since 0.2.0
 */
import type { Session } from "../exchange/Session.js"

/** The least milliseconds between two looks at whose turn it is. */
const leastPause = 10

/**
 * @since 0.2.0
 * @category models
 */
export class DrainTurns<Drained extends Pick<Session, "drain"> = Session> {
  private readonly waiting: Set<Drained>
  private count: number
  private told = 0

  /**
   * @param sessions those that are there when the stop begins
   * @param begun the time of that
   * @param spread milliseconds over which they are told
   */
  constructor(sessions: Iterable<Drained>, private readonly begun: number, private readonly spread: number) {
    this.waiting = new Set(sessions)
    this.count = this.waiting.size
  }

  /** Adds a session that was admitted later. It is told before the time is over, or at once. */
  add(session: Drained, now: number): void {
    this.waiting.add(session)
    this.count++
    this.tell(now)
  }

  /** Removes a session that has ended. */
  delete(session: Drained): void {
    this.waiting.delete(session)
  }

  /** Tells those whose turn has come. Returns the milliseconds until it must be called again; `Infinity` if all are told. */
  tell(now: number): number {
    for (const session of this.waiting) {
      if (now < this.nextTurn) break
      this.waiting.delete(session)
      this.told++
      session.drain()
    }
    const end = this.begun + this.spread
    return now >= end ? Infinity : Math.max(leastPause, Math.min(this.nextTurn, end) - now)
  }

  // Each has a part of the time, and its turn in the middle of that.
  private get nextTurn(): number {
    return this.begun + this.spread * (this.told + 0.5) / this.count
  }
}
