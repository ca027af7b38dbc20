/**
 * Who is let in: the connections there are, and those that wait for room.
 *
 * @since 0.1.0
 */
import type { Clock } from "../exchange/Clock.js"
import { Places } from "../exchange/Places.js"
import type { Session } from "../exchange/Session.js"
import type { Transport } from "../http1/Transport.js"
import type { Config } from "./Config.js"

/**
 * What becomes of transports that are admitted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reception {
  /** There is room: a connection begins. */
  readonly begin: (transport: Transport) => void
  /** There is none, and no place to wait either, or it has waited too long. It is closed. */
  readonly turnedAway: (transport: Transport, why: string) => void
  /** Connections begin to wait for room, or none does any more. */
  readonly crowded: (waiting: boolean) => void
}

/** Milliseconds that a connection may take to begin its first request, before it makes room; and that a calm must last. */
const moment = 1000

/**
 * @since 0.1.0
 * @category models
 */
export class Admission {
  private readonly open = new Places<Session>()
  private readonly waiting: Array<{ readonly transport: Transport; readonly since: number }> = []
  // told to make room, and not gone yet
  private readonly leaving = new Set<Session>()
  private crowded = false
  private closed = false
  private lastWaited = -Infinity

  constructor(
    private readonly config: Config,
    private readonly time: Clock,
    private readonly reception: Reception
  ) {}

  /** How many are being served. */
  get size(): number {
    return this.open.size
  }

  /** How many wait for room. */
  get waitingSize(): number {
    return this.waiting.length
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.open[Symbol.iterator]()
  }

  /** Lets a connection in, now or when there is room. One with nothing to do makes room. */
  admit(transport: Transport): void {
    const { limits } = this.config
    if (this.closed) return transport.destroy()
    if (this.open.size < limits.connections) return this.reception.begin(transport)
    if (this.waiting.length >= limits.waitingConnections) return this.turnAway(transport, "no room for a connection")
    const now = this.time.now()
    this.waiting.push({ transport, since: now })
    this.makeRoom(now)
    this.lookForCrowd(now)
  }

  /** Nobody is let in any more, nor is who waits. */
  close(): void {
    this.closed = true
    for (const { transport } of this.waiting.splice(0)) transport.destroy()
  }

  add(connection: Session): void {
    this.open.add(connection)
  }

  remove(connection: Session): void {
    this.open.delete(connection)
    this.leaving.delete(connection)
    if (this.open.size >= this.config.limits.connections) return
    const next = this.waiting.shift()
    if (next !== undefined) this.reception.begin(next.transport)
  }

  /** Looks after those that wait: none waits longer than it would be waited for. */
  sweep(now: number): void {
    const { firstRequest } = this.config.timeouts
    while (this.waiting.length > 0 && now - this.waiting[0].since >= firstRequest) {
      const late = this.waiting.shift()
      if (late !== undefined) this.turnAway(late.transport, "no room for a connection in time")
    }
    while (this.isCrowded && this.makeRoom(now));
    this.lookForCrowd(now)
  }

  /** When to look after them again; `Infinity` where nobody waits. */
  nextLook(now: number): number {
    return this.waiting.length > 0 || this.crowded ? now : Infinity
  }

  private turnAway(transport: Transport, why: string): void {
    this.reception.turnedAway(transport, why)
    transport.destroy()
  }

  // Does somebody wait for whom no room is being made?
  private get isCrowded(): boolean {
    return this.waiting.length > this.leaving.size
  }

  private lookForCrowd(now: number): void {
    if (this.isCrowded) {
      this.lastWaited = now
      if (!this.crowded) this.reception.crowded(this.crowded = true)
    } else if (this.crowded && now - this.lastWaited >= moment) this.reception.crowded(this.crowded = false)
  }

  // Closes the connection that has waited longest for another request, or else the oldest one that has sent nothing and
  // had the time to.
  private makeRoom(now: number): boolean {
    let longest: Session | undefined
    let earliest = Infinity
    let silent: Session | undefined
    for (const connection of this.open) {
      if (this.leaving.has(connection)) continue
      const idleSince = connection.idleSince
      if (idleSince === undefined) {
        const isSilent = connection.requests === 0 && connection.activity === "Idle" && now - connection.since >= moment
        if (isSilent && isOlder(connection, silent)) silent = connection
      } else if (idleSince < earliest || (idleSince === earliest && isOlder(connection, longest))) {
        longest = connection
        earliest = idleSince
      }
    }
    const closed = longest ?? silent
    if (closed === undefined) return false
    this.leaving.add(closed)
    closed.close()
    return true
  }
}

// their order is none
const isOlder = (connection: Session, other: Session | undefined): boolean =>
  other === undefined || connection.peer.id < other.peer.id
