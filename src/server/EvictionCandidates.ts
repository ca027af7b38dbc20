/**
 * Connections that can give up their place when others need it.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { Session } from "../exchange/Session.js"

/** The use that a connection made of its place when it was looked at, and since when. The use is the list that it is in. */
interface Candidate {
  readonly connection: Session
  readonly since: number
}

/**
 * Which candidates may be taken.
 *
 * @since 0.2.0
 * @category models
 */
export interface Criteria {
  /** Key of these criteria: criteria that found no candidate are skipped until all connections are looked at again. */
  readonly key: string
  /** The first use of a place and the last. */
  readonly from: PlaceUse
  readonly to: PlaceUse
  /** Milliseconds for which a place must have had this use. */
  readonly patience: (use: PlaceUse) => number
  readonly fits: (connection: Session) => boolean
}

/** With no more connections than this, all are looked at each time. */
const few = 64

/**
 * One look at all connections finds many candidates and sorts them, because a crowd takes one for each newcomer.
 *
 * @since 0.2.0
 * @category models
 */
export class EvictionCandidates {
  // by use; the next one to be taken is at the end of its list
  private found: ReadonlyArray<Array<Candidate>> = []
  private lookedAt = -Infinity
  // criteria that have found none since then
  private readonly exhausted = new Set<string>()

  /** @param isEvictable whether this connection may be taken: not one that is being evicted already */
  constructor(
    private readonly time: Pick<Clock, "tick">,
    private readonly all: Iterable<Session> & { readonly size: number },
    private readonly isEvictable: (connection: Session) => boolean
  ) {}

  /** Takes the first candidate that meets the criteria. It is no candidate any more. */
  take(criteria: Criteria): Session | undefined {
    const now = this.time.tick()
    // at most one look in a millisecond for each 64 connections
    const mayLook = this.all.size <= few || now - this.lookedAt >= this.all.size / few
    if (!mayLook && this.exhausted.has(criteria.key)) return undefined
    const known = this.next(criteria)
    if (known !== undefined || !mayLook) return known
    this.look()
    const found = this.next(criteria)
    if (found === undefined) this.exhausted.add(criteria.key)
    return found
  }

  /** Forgets all candidates, because no connection waits any more. */
  clear(): void {
    this.found = []
    this.exhausted.clear()
  }

  private next({ fits, from, patience, to }: Criteria): Session | undefined {
    const now = this.time.tick()
    for (let use = from; use <= to; use++) {
      const list = this.found[use] ?? []
      for (let at = list.length - 1; at >= 0; at--) {
        const { connection, since } = list[at]
        if (connection.index < 0 || connection.placeUse !== use || connection.placeUseSince > since + 1) {
          list.splice(at, 1)
        } else if (now - since < patience(use)) break
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
      const use = connection.placeUse
      if (use !== PlaceUse.Active && this.isEvictable(connection)) {
        found[use].push({ connection, since: connection.placeUseSince })
      }
    }
    for (const list of found) {
      list.sort((one, other) => other.since - one.since || other.connection.peer.id - one.connection.peer.id)
    }
    this.found = found
  }
}
