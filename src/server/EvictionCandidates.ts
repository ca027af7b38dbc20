/**
 * Finds the connections that may lose their place when others need it.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { Session } from "../exchange/Session.js"

/** A connection, listed by the use that it made of its place at the last look. */
interface Candidate {
  readonly connection: Session
  /** The time since which it makes that use. */
  readonly since: number
}

/**
 * Which candidates may be taken.
 *
 * @since 0.2.0
 * @category models
 */
export interface Criteria {
  /** Identifies the criteria. Criteria that have found no candidate are skipped until the next look at all connections. */
  readonly key: string
  /** The first and the last of the uses, in the order of `PlaceUse`. */
  readonly from: PlaceUse
  readonly to: PlaceUse
  /** Milliseconds for which the place must have had a use. */
  readonly leastTime: (use: PlaceUse) => number
  readonly fits: (connection: Session) => boolean
}

/**
 * Each call looks at up to this number of connections. Of more, all are looked at only once in a millisecond for each 64 of them.
 */
const few = 64

/**
 * Sorts the candidates that one look at all connections has found, so that further calls take the next one without another look.
 *
 * @since 0.2.0
 * @category models
 */
export class EvictionCandidates {
  // candidates by use; the next one is the last of its list
  private found: ReadonlyArray<Array<Candidate>> = []
  private lookedAt = -Infinity
  // keys of the criteria that have found no candidate since the last look
  private readonly exhausted = new Set<string>()

  /** @param isEvictable false for a connection that is being evicted already */
  constructor(
    private readonly time: Pick<Clock, "tick">,
    private readonly all: Iterable<Session> & { readonly size: number },
    private readonly isEvictable: (connection: Session) => boolean
  ) {}

  /** Takes the first candidate that meets the criteria, and removes it. */
  take(criteria: Criteria): Session | undefined {
    const now = this.time.tick()
    const mayLook = this.all.size <= few || now - this.lookedAt >= this.all.size / few
    if (!mayLook && this.exhausted.has(criteria.key)) return undefined
    const known = this.next(criteria)
    if (known !== undefined || !mayLook) return known
    this.look()
    const found = this.next(criteria)
    if (found === undefined) this.exhausted.add(criteria.key)
    return found
  }

  /** Forgets all candidates. */
  clear(): void {
    this.found = []
    this.exhausted.clear()
  }

  private next({ fits, from, leastTime, to }: Criteria): Session | undefined {
    const now = this.time.tick()
    for (let use = from; use <= to; use++) {
      const list = this.found[use] ?? []
      for (let at = list.length - 1; at >= 0; at--) {
        const { connection, since } = list[at]
        if (connection.index < 0 || connection.place.use !== use || connection.place.useSince > since + 1) {
          list.splice(at, 1)
        } else if (now - since < leastTime(use)) break
        else if (fits(connection)) {
          list.splice(at, 1)
          return connection
        }
      }
    }
    return undefined
  }

  private look(): void {
    this.lookedAt = this.time.tick()
    this.exhausted.clear()
    const found: Array<Array<Candidate>> = []
    for (let use = PlaceUse.Active; use <= PlaceUse.Throttled; use++) found.push([])
    for (const connection of this.all) {
      const use = connection.place.use
      if (use !== PlaceUse.Active && this.isEvictable(connection)) {
        found[use].push({ connection, since: connection.place.useSince })
      }
    }
    for (const list of found) {
      list.sort((one, other) => other.since - one.since || other.connection.peer.id - one.connection.peer.id)
    }
    this.found = found
  }
}
