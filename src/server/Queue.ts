/**
 * Connections whose requests wait for a place.
 *
 * @since 0.2.0
 */

import type { Session } from "../exchange/Session.js"

/**
 * First in, first out, as long as the first one has not waited for long. After that there are more than can be served, and the
 * last one is taken first: its client is the likeliest to be still there.
 *
 * @since 0.2.0
 * @category models
 */
export class Queue {
  private readonly waiting: Array<Session> = []

  /** @param patience milliseconds after which the first one has waited for long */
  constructor(private readonly patience: number) {}

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

  /** The next one that fits. */
  next(now: number, fits: (connection: Session) => boolean): Session | undefined {
    if (!this.isLong(now)) return this.waiting.find(fits)
    for (let at = this.waiting.length - 1; at >= 0; at--) if (fits(this.waiting[at])) return this.waiting[at]
    return undefined
  }

  /** The one that fits and has waited longest, once the first one has waited for long. */
  longestWaiting(now: number, fits: (connection: Session) => boolean): Session | undefined {
    return this.isLong(now) ? this.waiting.find(fits) : undefined
  }

  private isLong(now: number): boolean {
    return this.waiting.length > 0 && now - this.waiting[0].quietSince > this.patience
  }
}
