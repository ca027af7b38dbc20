/**
 * Who makes the least of its place, when others need it.
 *
 * @since 0.2.0
 */
import type { Session } from "../exchange/Session.js"
import { Waste } from "../exchange/Waste.js"

/** What a connection made of its place, and since when, when it was looked at. */
interface Waster {
  readonly connection: Session
  readonly since: number
}

/**
 * Which of them are meant.
 *
 * @since 0.2.0
 * @category models
 */
export interface Meant {
  /** Of whom nobody was found is not looked for again until all are looked at anew: a name for this question. */
  readonly key: string
  /** The first kind, and the last. */
  readonly from: Waste
  readonly to: Waste
  /** Milliseconds that one of a kind has to be one. */
  readonly patience: (kind: Waste) => number
  readonly fits: (connection: Session) => boolean
}

/** So few are looked at whenever somebody asks. */
const few = 64

/**
 * One look at all connections finds many, in the order in which they go: under a crowd somebody is to go for each that comes.
 *
 * @since 0.2.0
 * @category models
 */
export class Wasters {
  // by kind; who goes first is the last
  private found: ReadonlyArray<Array<Waster>> = []
  private lookedAt = -Infinity
  // of whom nobody was found since then
  private readonly barren = new Set<string>()

  /** @param mayGo is it none that goes already? */
  constructor(
    private readonly all: Iterable<Session> & { readonly size: number },
    private readonly mayGo: (connection: Session) => boolean
  ) {}

  /** The first that goes of those that are meant; it is not one for the next time. */
  take(now: number, meant: Meant): Session | undefined {
    // a look costs some microseconds for a hundred connections: a percent of the time until the next
    const mayLook = this.all.size <= few || now - this.lookedAt >= this.all.size / few
    if (!mayLook && this.barren.has(meant.key)) return undefined
    const known = this.next(now, meant)
    if (known !== undefined || !mayLook) return known
    this.look(now)
    const found = this.next(now, meant)
    if (found === undefined) this.barren.add(meant.key)
    return found
  }

  /** There is no crowd any more. */
  forget(): void {
    this.found = []
    this.barren.clear()
  }

  private next(now: number, { fits, from, patience, to }: Meant): Session | undefined {
    for (let kind = from; kind <= to; kind++) {
      const list = this.found[kind] ?? []
      for (let at = list.length - 1; at >= 0; at--) {
        const { connection, since } = list[at]
        if (connection.index < 0 || connection.waste !== kind || connection.wastedSince(now) > since + 1) {
          list.splice(at, 1)
        } else if (now - since < patience(kind)) break
        else if (fits(connection)) {
          list.splice(at, 1)
          return connection
        }
      }
    }
    return undefined
  }

  private look(now: number): void {
    this.lookedAt = now
    this.barren.clear()
    const found: Array<Array<Waster>> = []
    for (let kind = Waste.None; kind <= Waste.Turn; kind++) found.push([])
    for (const connection of this.all) {
      const kind = connection.waste
      if (kind !== Waste.None && this.mayGo(connection)) {
        found[kind].push({ connection, since: connection.wastedSince(now) })
      }
    }
    for (const list of found) {
      list.sort((one, other) => other.since - one.since || other.connection.peer.id - one.connection.peer.id)
    }
    this.found = found
  }
}
