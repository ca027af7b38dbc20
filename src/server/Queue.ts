/**
 * The queue of connections whose requests wait for a place.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { Session } from "../exchange/Session.js"

/**
 * The queue is first in, first out, until its first connection has waited for `longWait` milliseconds. From then on there are
 * more requests than can be served, and it is last in, first out, because the client of the newest request is the likeliest to be
 * still waiting.
 *
 * @since 0.2.0
 * @category models
 */
export class Queue {
  private readonly waiting: Array<Session> = []

  constructor(private readonly time: Pick<Clock, "tick">, private readonly longWait: number) {}

  get size(): number {
    return this.waiting.length
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.waiting.values()
  }

  add(connection: Session): void {
    this.waiting.push(connection)
  }

  delete(connection: Session): boolean {
    const at = this.waiting.indexOf(connection)
    if (at >= 0) this.waiting.splice(at, 1)
    return at >= 0
  }

  /** Returns the next connection that fits. */
  next(fits: (connection: Session) => boolean): Session | undefined {
    if (!this.isLastInFirstOut) return this.waiting.find(fits)
    for (let at = this.waiting.length - 1; at >= 0; at--) if (fits(this.waiting[at])) return this.waiting[at]
    return undefined
  }

  /** Returns the connection that fits and has waited longest, if the queue is last in, first out by now. */
  longestWaiting(fits: (connection: Session) => boolean): Session | undefined {
    return this.isLastInFirstOut ? this.waiting.find(fits) : undefined
  }

  private get isLastInFirstOut(): boolean {
    return this.waiting.length > 0 && this.time.tick() - this.waiting[0].quietSince > this.longWait
  }
}
