/**
 * Connections whose requests wait for a place.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
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
  constructor(private readonly time: Pick<Clock, "tick">, private readonly patience: number) {}

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
  next(fits: (connection: Session) => boolean): Session | undefined {
    if (!this.isLong) return this.waiting.find(fits)
    for (let at = this.waiting.length - 1; at >= 0; at--) if (fits(this.waiting[at])) return this.waiting[at]
    return undefined
  }

  /** The one that fits and has waited longest, once the first one has waited for long. */
  longestWaiting(fits: (connection: Session) => boolean): Session | undefined {
    return this.isLong ? this.waiting.find(fits) : undefined
  }

  private get isLong(): boolean {
    return this.waiting.length > 0 && this.time.tick() - this.waiting[0].quietSince > this.patience
  }
}
