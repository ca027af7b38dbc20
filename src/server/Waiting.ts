/**
 * The connections that wait for a place: those without a request, and the queues of those with one.
 *
 * @since 0.2.0
 */
import type { AddressShare, AddressShares } from "../exchange/AddressShares.js"
import type { Clock } from "../exchange/Clock.js"
import type { Session } from "../exchange/Session.js"
import { Queue } from "./Queue.js"

/**
 * Whether a connection is one of those that are looked for.
 *
 * @since 0.2.0
 * @category models
 */
export type Fits = (connection: Session) => boolean

/**
 * @since 0.2.0
 * @category models
 */
export class Waiting {
  private readonly silent = new Set<Session>()
  // requests that have arrived whole, and those whose body has not
  private readonly whole: Queue
  private readonly incomplete: Queue
  private requestCount = 0

  /** @param longWait milliseconds after which the queues are last in, first out */
  constructor(time: Pick<Clock, "tick">, longWait: number, private readonly shares: AddressShares) {
    this.whole = new Queue(time, longWait)
    this.incomplete = new Queue(time, longWait)
  }

  get size(): number {
    return this.silent.size + this.requestCount
  }

  /** How many of them have a request. */
  get requests(): number {
    return this.requestCount
  }

  /** Those without a request. */
  get withoutRequest(): Iterable<Session> {
    return this.silent
  }

  /** The queues, in the order in which places are given. */
  get queues(): readonly [whole: Iterable<Session>, incomplete: Iterable<Session>] {
    return [this.whole, this.incomplete]
  }

  /** Adds a connection without a request. */
  add(connection: Session): void {
    this.silent.add(connection)
  }

  /** Called when a head is complete, or the whole request. Returns `false` if that changes nothing. */
  ask(connection: Session): boolean {
    const { addressShare, asksWhole } = connection.place
    if (this.silent.delete(connection)) this.count(addressShare, 1)
    else if (!asksWhole || !this.incomplete.delete(connection)) return false
    ;(asksWhole ? this.whole : this.incomplete).add(connection)
    return true
  }

  delete(connection: Session): void {
    if (this.silent.delete(connection)) return
    if (!this.whole.delete(connection) && !this.incomplete.delete(connection)) return
    this.count(connection.place.addressShare, -1)
  }

  private count(share: AddressShare | undefined, change: 1 | -1): void {
    this.requestCount += change
    this.shares.countRequest(share, change)
  }

  /** The connection that is given the next place. */
  get next(): Session | undefined {
    return this.nextAsking(({ place }) => this.shares.isBelow(place.addressShare)) ?? this.nextAsking(any) ??
      firstOf(this.silent, any)
  }

  private nextAsking(fits: Fits): Session | undefined {
    return this.whole.next(fits) ?? this.incomplete.next(fits)
  }

  /** The first connection without a request that fits. */
  firstSilent(fits: Fits): Session | undefined {
    return firstOf(this.silent, fits)
  }

  /** The request that fits and is refused first: one whose body has not arrived, then the one that has waited longest. */
  firstRefused(fits: Fits): Session | undefined {
    return firstOf(this.incomplete, fits) ?? this.whole.longestWaiting(fits)
  }
}

const any = (): boolean => true

const firstOf = (connections: Iterable<Session>, fits: Fits): Session | undefined => {
  for (const connection of connections) if (fits(connection)) return connection
  return undefined
}
