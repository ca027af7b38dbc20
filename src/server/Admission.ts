/**
 * Who is let in: the connections there are, those that wait for a place, and who makes room for them.
 *
 * A connection has a place when one is free where it comes. Otherwise it waits, and its request is read meanwhile: who has
 * asked is given a place before who has not. Where nobody has one to give, whoever makes the least of its place loses it.
 * An address may have more than its share of them while nobody else asks for one, and is the first to make room.
 *
 * @since 0.1.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { Session } from "../exchange/Session.js"
import { type Share, Shares } from "../exchange/Shares.js"
import { UnorderedSet } from "../exchange/UnorderedSet.js"
import { Waste } from "../exchange/Waste.js"
import type { Transport } from "../http1/Transport.js"
import type { Config } from "./Config.js"
import { Queue } from "./Queue.js"
import { Wasters } from "./Wasters.js"

/**
 * What becomes of transports that are admitted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reception {
  /** Makes a connection, which is not open yet. */
  readonly begin: (transport: Transport) => Session
  /** Connections begin to wait for room, or none does any more. */
  readonly crowded: (waiting: boolean) => void
}

/**
 * Milliseconds that a connection may waste its place while others wait for one, twice as many where it sends or receives; twice
 * as many that one which was told to make room may take, and that a calm must last.
 */
const patienceStep = 500
/** Milliseconds in which what a new client asks is on its way: nobody is ended for another while it may be. */
const arrival = 50
/** Connections beyond all places, to be told that there is none. */
const mostRefused = 256
/** For so many is room made in one look, so that who comes meanwhile need not wait for all of it. */
const mostInLook = 32
/** Milliseconds after a look in which nobody was found who is to make room. */
const vainPause = 100
/**
 * Milliseconds for each request that is begun before it is whole in the place of one that was begun, and of which there may be
 * so many ahead: to begin a request that goes nowhere, and to end it, costs more than to answer one.
 */
const begunPause = 20
const begunAhead = 160

/**
 * Milliseconds between two looks while connections wait.
 *
 * @since 0.2.0
 * @category constants
 */
export const lookPause = 20

/**
 * @since 0.2.0
 * @category models
 */
export class Admission {
  private readonly all = new UnorderedSet<Session>()
  // who wait for a place: without a request, with a whole one, and with one whose body is to come
  private readonly silent = new Set<Session>()
  private readonly whole = new Queue(patienceStep)
  private readonly begun = new Queue(patienceStep)
  // who were told to make room, and when
  private readonly yielding = new Map<Session, number>()
  private readonly wasters = new Wasters(this.all, (connection) => !this.yielding.has(connection))
  // who came when there was no room even to wait
  private readonly tooMany: Array<{ readonly transport: Transport; readonly share: Share | undefined }> = []
  private readonly shares: Shares
  private readonly most: number
  private readonly mostPlaces: number
  private readonly mostOfOne: number
  private taken = 0
  private crowded = false
  private closed = false
  private lastWaited = -Infinity
  private mayLookAt = -Infinity
  // until when places were given to those whose requests are not whole
  private begunUntil = -Infinity

  constructor(
    private readonly config: Config,
    private readonly time: Clock,
    private readonly reception: Reception
  ) {
    const { limits: { addressShare, connections, waitingConnections }, trustedProxies } = config
    this.most = connections + waitingConnections
    this.shares = new Shares((address) => addressShare === 1 || trustedProxies.trusts(address))
    this.mostPlaces = Math.max(1, Math.floor(connections * addressShare))
    this.mostOfOne = Math.ceil(this.most * addressShare)
  }

  /** How many are being served. */
  get size(): number {
    return this.all.size - this.waitingSize
  }

  /** How many wait for a place. */
  get waitingSize(): number {
    return this.silent.size + this.whole.size + this.begun.size
  }

  /** Does a request wait for a place? */
  get isAsked(): boolean {
    return this.whole.size + this.begun.size > 0
  }

  /** The same, or has one begun that does? */
  get isSoonAsked(): boolean {
    return this.isAsked || firstOf(this.silent, ({ isAsking }) => isAsking) !== undefined
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.all[Symbol.iterator]()
  }

  /** Lets a connection in: to a place, or to wait for one. */
  admit(transport: Transport): void {
    if (this.closed) return transport.destroy()
    const share = this.shares.join(transport.remote)
    if (!this.isOneTooMany(share)) return this.letIn(transport, share, true)
    // one who seems to have asked nothing may have: who goes for it is known when all that has come was read
    if (this.tooMany.push({ transport, share }) === 1) this.time.afterReading(this.admitTooMany)
  }

  private readonly admitTooMany = (): void => {
    for (const { share, transport } of this.tooMany.splice(0)) {
      const fits = !this.closed && (!this.isOneTooMany(share) || this.dropOne(share))
      if (fits || (!this.closed && this.all.size < this.most + mostRefused)) this.letIn(transport, share, fits)
      else {
        this.shares.leave(share)
        transport.destroy()
      }
    }
  }

  private isOneTooMany(share: Share | undefined): boolean {
    return this.all.size >= this.most || this.hasTooMany(share)
  }

  private hasTooMany(share: Share | undefined): boolean {
    return share !== undefined && share.connections > this.mostOfOne
  }

  private letIn(transport: Transport, share: Share | undefined, fits: boolean): void {
    const connection = this.reception.begin(transport)
    connection.addressShare = share
    this.all.add(connection)
    if (!fits) connection.standing = "Parting"
    else if (this.hasRoom) this.take(connection)
    else this.silent.add(connection)
    connection.open()
    if (!fits) connection.turnAway()
  }

  /** The head of its request is complete, or all of it, and it has no place. */
  asked(connection: Session): void {
    const { asksWhole } = connection
    if (!this.silent.delete(connection) && !(asksWhole && this.begun.delete(connection))) return
    ;(asksWhole ? this.whole : this.begun).add(connection)
    const now = this.time.now()
    this.give()
    if (connection.standing === "Waiting") {
      this.makeRoomFor(asksWhole, connection.addressShare, now)
      this.lookForCrowd(now)
    }
  }

  /** Its last answer is on its way: it needs no place for that. */
  parts(connection: Session): void {
    if (connection.index < 0 || connection.standing === "Parting") return
    this.forget(connection)
    connection.standing = "Parting"
    this.give()
  }

  /** It has ended. */
  remove(connection: Session): void {
    if (connection.index < 0) return
    this.all.delete(connection)
    this.forget(connection)
    this.shares.leave(connection.addressShare)
    this.give()
  }

  /** Nobody is let in any more, nor is who waits. */
  close(): void {
    this.closed = true
    for (const connection of [...this.silent]) connection.close()
    for (const queue of [this.whole, this.begun]) for (const connection of [...queue]) connection.turnAway()
  }

  /** Looks after those that wait. */
  look(now: number): void {
    this.insist(now)
    let made = 0
    while (made < mostInLook && this.isCrowded && this.makeRoomForAny(now)) made++
    this.lookForCrowd(now)
    this.mayLookAt = made === 0 ? now + vainPause : now
  }

  /** When to look after them again; `Infinity` where nobody is to make room. */
  nextLook(now: number): number {
    return this.isAsked || this.yielding.size > 0 || this.crowded ? Math.max(now, this.mayLookAt) : Infinity
  }

  private get hasRoom(): boolean {
    return this.taken < this.config.limits.connections
  }

  private take(connection: Session): void {
    this.taken++
    if (connection.addressShare !== undefined) connection.addressShare.places++
    connection.enter()
  }

  // It has no place any more, and waits for none.
  private forget(connection: Session): void {
    if (connection.standing === "Waiting") this.waitNoMore(connection)
    if (connection.standing !== "Placed") return
    this.yielding.delete(connection)
    this.taken--
    if (connection.addressShare !== undefined) connection.addressShare.places--
  }

  private waitNoMore(connection: Session): void {
    if (!this.silent.delete(connection) && !this.whole.delete(connection)) this.begun.delete(connection)
  }

  // What was told to make room, and does not, is ended.
  private insist(now: number): void {
    for (const [connection, since] of this.yielding) {
      if (now - since < 2 * patienceStep) continue
      this.yielding.delete(connection)
      connection.abort("ReadTimeout")
    }
  }

  // Gives what places there are to those that have asked, and else to those that may.
  private give(): void {
    while (!this.closed && this.waitingSize > 0 && this.hasRoom) {
      const now = this.time.now()
      const next = this.nextAsking(now, this.isModest) ?? this.nextAsking(now, anybody) ?? firstOf(this.silent, anybody)
      if (next === undefined) return
      this.waitNoMore(next)
      this.take(next)
    }
  }

  private nextAsking(now: number, isMeant: (connection: Session) => boolean): Session | undefined {
    return this.whole.next(now, isMeant) ?? this.begun.next(now, isMeant)
  }

  private readonly isModest = ({ addressShare: share }: Session): boolean =>
    share === undefined || share.places < this.mostPlaces

  private readonly isGreedy = ({ addressShare: share }: Session): boolean =>
    share !== undefined && share.places > this.mostPlaces

  // Has somebody asked for whom no room is being made?
  private get isCrowded(): boolean {
    return this.whole.size + this.begun.size > this.yielding.size
  }

  private lookForCrowd(now: number): void {
    if (this.isCrowded) {
      this.lastWaited = now
      if (!this.crowded) this.reception.crowded(this.crowded = true)
    } else if (this.crowded && now - this.lastWaited >= 2 * patienceStep) {
      this.wasters.forget()
      this.reception.crowded(this.crowded = false)
    }
  }

  private makeRoomForAny(now: number): boolean {
    const tried = new Set<Share | undefined>()
    for (const queue of [this.whole, this.begun]) {
      for (const { addressShare: share } of queue) {
        if (tried.has(share)) continue
        tried.add(share)
        if (this.makeRoomFor(queue === this.whole, share, now)) return true
      }
    }
    return false
  }

  private makeRoomFor(whole: boolean, share: Share | undefined, now: number): boolean {
    if (whole) return this.makeRoom(share, now, Waste.Turn)
    // who has no request under way costs little to end
    if (this.makeRoom(share, now, Waste.Head)) return true
    const until = Math.max(this.begunUntil, now - begunAhead) + begunPause
    if (until > now || !this.makeRoom(share, now, Waste.Turn)) return false
    this.begunUntil = until
    return true
  }

  // Takes a place from who wastes it most: of its own address where that has its share, else of one that has more than that,
  // else of any.
  private makeRoom(share: Share | undefined, now: number, to: Waste): boolean {
    const wasting = share !== undefined && share.places >= this.mostPlaces
      ? this.worst(now, to, `own ${share.name}`, (connection) => connection.addressShare === share)
      : this.worst(now, to, "greedy", this.isGreedy) ?? this.worst(now, to, "all", anybody)
    if (wasting === undefined) return false
    this.yielding.set(wasting, now)
    wasting.makeRoom()
    return true
  }

  private worst(now: number, to: Waste, key: string, isMeant: (connection: Session) => boolean): Session | undefined {
    return this.wasters.take(now, {
      key: `${key} ${to}`,
      from: Waste.Idle,
      to,
      patience,
      fits: (connection) => connection.standing === "Placed" && isMeant(connection)
    })
  }

  // Ends a connection at once: one that was told its last, that waits without a request, that wastes a place without
  // having asked anything, whose body is yet to come, or else that has waited with its request for long. One that is new is
  // none of these: to close it would reset it under its request.
  private dropOne(newcomer: Share | undefined): boolean {
    const now = this.time.now()
    const share = this.hasTooMany(newcomer) ? newcomer : undefined
    const fits = (connection: Session): boolean => share === undefined || connection.addressShare === share
    const found = this.wasters.take(now, { ...parting, key: `parting ${share?.name}`, fits }) ??
      firstOf(this.silent, (connection) => now - connection.quietSince >= arrival && fits(connection)) ??
      this.wasters.take(now, { ...askless, key: `askless ${share?.name}`, fits }) ??
      firstOf(this.begun, fits) ?? this.whole.tired(now, fits)
    found?.drop()
    return found !== undefined
  }
}

const parting = { from: Waste.Parting, to: Waste.Parting, patience: () => 0 }

const askless = { from: Waste.Idle, to: Waste.Head, patience: () => arrival }

const patience = (kind: Waste): number => kind === Waste.Idle ? 0 : kind < Waste.Body ? patienceStep : 2 * patienceStep

const anybody = (): boolean => true

const firstOf = (
  connections: Iterable<Session>,
  isMeant: (connection: Session) => boolean
): Session | undefined => {
  for (const connection of connections) if (isMeant(connection)) return connection
  return undefined
}
