/**
 * Who makes the least of its place, when others need it.
 *
 * @since 0.2.0
 */
import type { Session } from "../exchange/Session.js"
import { Waste } from "../exchange/Waste.js"

/**
 * What a connection makes of its place, and since when.
 *
 * @since 0.2.0
 * @category models
 */
export interface Waster {
  readonly connection: Session
  readonly kind: Waste
  readonly since: number
}

/** Milliseconds between two looks at all of many connections. */
const pause = 10
/** So few are looked at whenever somebody asks. */
const few = 64

/**
 * One look at all connections finds many, in the order in which they go: under a crowd somebody is to go for each that comes.
 *
 * @since 0.2.0
 * @category models
 */
export class Wasters {
  private found: Array<Waster> = []
  private lookedAt = -Infinity
  // of whom nobody was found since then
  private readonly barren = new Set<unknown>()

  constructor(private readonly all: Iterable<Session> & { readonly size: number }) {}

  /** The first that goes of those that are meant, and that is not one for the next time. */
  take(now: number, key: unknown, isMeant: (waster: Waster) => boolean): Session | undefined {
    const mayLook = this.all.size <= few || now - this.lookedAt >= pause
    if (!mayLook && this.barren.has(key)) return undefined
    const known = this.next(now, isMeant)
    if (known !== undefined || !mayLook) return known
    this.look(now)
    const found = this.next(now, isMeant)
    if (found === undefined) this.barren.add(key)
    return found
  }

  /** There is no crowd any more. */
  forget(): void {
    this.found = []
    this.barren.clear()
  }

  private next(now: number, isMeant: (waster: Waster) => boolean): Session | undefined {
    const at = this.found.findIndex(({ connection, kind }) =>
      connection.index >= 0 && connection.waste === kind &&
      isMeant({ connection, kind, since: connection.wastedSince(now) })
    )
    return at < 0 ? undefined : this.found.splice(at, 1)[0].connection
  }

  private look(now: number): void {
    this.lookedAt = now
    this.forget()
    for (const connection of this.all) {
      const kind = connection.waste
      if (kind !== Waste.None) this.found.push({ connection, kind, since: connection.wastedSince(now) })
    }
    this.found.sort((one, other) =>
      one.kind - other.kind || one.since - other.since || one.connection.peer.id - other.connection.peer.id
    )
  }
}
