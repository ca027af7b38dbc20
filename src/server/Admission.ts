/**
 * Decides which connections are served, which wait for a place, and which give up theirs.
 *
 * A new connection takes a free place. Without one it waits while its request is read: connections with a complete request are
 * served first. For these, the connection that uses its place least gives it up (see `PlaceUse`). An address may have more than
 * its share of the places while no other address asks for one. It is then the first to give some up.
 *
 * @since 0.1.0
 */
import { type AddressShare, AddressShares } from "../exchange/AddressShares.js"
import type { Clock } from "../exchange/Clock.js"
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { Session } from "../exchange/Session.js"
import { isTrusted } from "../exchange/TrustedProxies.js"
import { UnorderedSet } from "../exchange/UnorderedSet.js"
import type { Transport } from "../transport/Transport.js"
import type { Config } from "./Config.js"
import { EvictionCandidates } from "./EvictionCandidates.js"
import { Queue } from "./Queue.js"

/**
 * Milliseconds for which a connection may leave its place unused while others wait for one. A connection that sends or receives
 * has twice this time, and so has one that was told to give up its place. Crowding ends when nothing has waited for twice this
 * time.
 */
const unusedTime = 500
/**
 * Milliseconds within which the first request of a new client may still arrive. Until then the client is not closed in favour of
 * another.
 */
const arrival = 50
/** The most connections that are accepted without a place, only to be answered 503. */
const mostRefused = 256
/** The most places that are freed in one look, so that reads do not wait long. */
const mostInLook = 32
/** Milliseconds from a look that freed no place to the next. */
const pauseAfterNone = 100
/**
 * A request whose body has not arrived takes the place of another such request at most once in `incompletePause` milliseconds.
 * Unused pauses add up, to at most `incompleteAhead`. Without this bound, a server under load would begin and abort requests
 * instead of answering them.
 */
const incompletePause = 20
const incompleteAhead = 160

/**
 * Milliseconds between two looks while connections wait.
 *
 * @since 0.2.0
 * @category constants
 */
export const lookPause = 20

/**
 * The connections of a server, and their places.
 *
 * @since 0.2.0
 * @category models
 */
export class Admission {
  private readonly all = new UnorderedSet<Session>()
  // connections that wait for a place: those without a request, with a whole request, and with a request whose body has not
  // arrived
  private readonly silent = new Set<Session>()
  private readonly whole: Queue
  private readonly incomplete: Queue
  // connections that were told to give up their place, and the time of that
  private readonly yielding = new Map<Session, number>()
  private readonly candidates: EvictionCandidates
  // connections that arrived when no more could wait
  private readonly overflow: Array<{ readonly transport: Transport; readonly share: AddressShare | undefined }> = []
  private readonly shares: AddressShares
  private readonly most: number
  private readonly mostPlaces: number
  private readonly mostOfOne: number
  private placesTaken = 0
  private crowded = false
  private closed = false
  private lastWaited = -Infinity
  private mayLookAt = -Infinity
  // the time up to which the pauses for incomplete requests are used
  private incompleteUntil = -Infinity

  /**
   * @param begin creates a connection, which is not open yet; `undefined` if that has failed
   * @param onCrowded called with `true` when connections begin to wait for a place, and with `false` when none waits any more
   */
  constructor(
    private readonly config: Config,
    private readonly time: Clock,
    private readonly begin: (transport: Transport, share: AddressShare | undefined) => Session | undefined,
    private readonly onCrowded: (waiting: boolean) => void
  ) {
    const { limits: { addressShare, connections, waitingConnections }, trustedProxies } = config
    this.whole = new Queue(time, unusedTime)
    this.incomplete = new Queue(time, unusedTime)
    this.candidates = new EvictionCandidates(time, this.all, (connection) => !this.yielding.has(connection))
    this.most = connections + waitingConnections
    this.shares = new AddressShares((address) => addressShare === 1 || isTrusted(trustedProxies, address))
    this.mostPlaces = Math.max(1, Math.floor(connections * addressShare))
    this.mostOfOne = Math.ceil(this.most * addressShare)
  }

  /** Connections that do not wait for a place. */
  get size(): number {
    return this.all.size - this.waitingSize
  }

  /** Connections that wait for a place. */
  get waitingSize(): number {
    return this.silent.size + this.whole.size + this.incomplete.size
  }

  /** Whether a request waits for a place. */
  get isAsked(): boolean {
    return this.whole.size + this.incomplete.size > 0
  }

  /** Whether a request waits for a place, or soon will: the first bytes of its head have arrived. */
  get isSoonAsked(): boolean {
    return this.isAsked || firstOf(this.silent, ({ place }) => place.isAsking) !== undefined
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.all[Symbol.iterator]()
  }

  /** Gives a new connection a place, lets it wait for one, or refuses it. */
  admit(transport: Transport): void {
    if (this.closed) return transport.destroy()
    const share = this.shares.join(transport.remote)
    if (!this.isFull(share)) return this.letIn(transport, share, true)
    // the request of a silent connection may have arrived, so all are read before it is decided which connection is closed
    if (this.overflow.push({ transport, share }) === 1) this.time.afterReading(this.admitOverflow)
  }

  private readonly admitOverflow = (): void => {
    for (const { share, transport } of this.overflow.splice(0)) {
      const fits = !this.closed && (!this.isFull(share) || this.dropOne(share))
      if (fits || (!this.closed && this.all.size < this.most + mostRefused)) this.letIn(transport, share, fits)
      else this.drop(transport, share)
    }
  }

  /** Destroys a transport that is not served. */
  drop(transport: Transport, share: AddressShare | undefined): void {
    this.shares.leave(share)
    try {
      transport.destroy()
    } catch {
      // there is no connection that this could end
    }
  }

  private isFull(share: AddressShare | undefined): boolean {
    return this.all.size >= this.most || this.exceedsShare(share)
  }

  private exceedsShare(share: AddressShare | undefined): boolean {
    return share !== undefined && share.connections > this.mostOfOne
  }

  private letIn(transport: Transport, share: AddressShare | undefined, fits: boolean): void {
    const connection = this.begin(transport, share)
    if (connection === undefined) return this.drop(transport, share)
    this.all.add(connection)
    if (!fits) connection.place.release()
    else if (this.hasFreePlace) this.take(connection)
    else this.silent.add(connection)
    connection.open()
    if (!fits) connection.place.turnAway()
  }

  /** Asks for a place: the head of the request is complete, or the whole request. */
  requestPlace(connection: Session): void {
    const { asksWhole } = connection.place
    if (!this.silent.delete(connection) && !(asksWhole && this.incomplete.delete(connection))) return
    ;(asksWhole ? this.whole : this.incomplete).add(connection)
    this.givePlaces()
    if (connection.place.state === "Waiting") {
      this.freePlaceFor(asksWhole, connection.place.addressShare)
      this.updateCrowded()
    }
  }

  /** Takes back the place of a connection whose last answer is being sent, or whose application has ended with it. */
  releasePlace(connection: Session): void {
    if (connection.index < 0 || connection.place.state === "Released") return
    this.forget(connection)
    connection.place.release()
    this.givePlaces()
  }

  /** Takes the place of a connection that has no use for it now, and lets it wait for another. */
  returnPlace(connection: Session): void {
    if (connection.place.state !== "Placed") return
    this.forget(connection)
    connection.place.leave()
    this.silent.add(connection)
    this.givePlaces()
  }

  /** Removes a connection that has ended. */
  remove(connection: Session): void {
    if (connection.index < 0) return
    this.all.delete(connection)
    this.forget(connection)
    this.shares.leave(connection.place.addressShare)
    this.givePlaces()
  }

  /** Admits no more connections, and refuses those that wait. */
  close(): void {
    this.closed = true
    for (const connection of [...this.silent]) connection.close()
    for (const queue of [this.whole, this.incomplete]) for (const connection of [...queue]) connection.place.turnAway()
  }

  /** Frees places for the requests that wait. */
  look(): void {
    this.abortYielding()
    let freed = 0
    while (freed < mostInLook && this.isCrowded && this.freePlaceForAny()) freed++
    this.updateCrowded()
    this.mayLookAt = this.time.tick() + (freed === 0 ? pauseAfterNone : 0)
  }

  /** When to call `look` again; `Infinity` while no request waits. */
  get nextLook(): number {
    return this.isAsked || this.yielding.size > 0 || this.crowded
      ? Math.max(this.time.tick(), this.mayLookAt)
      : Infinity
  }

  private get hasFreePlace(): boolean {
    return this.placesTaken < this.config.limits.connections
  }

  private take(connection: Session): void {
    this.placesTaken++
    connection.place.addressShare?.countPlace(1)
    connection.place.enter()
  }

  // Takes back the place of a connection, or removes the connection from those that wait.
  private forget(connection: Session): void {
    if (connection.place.state === "Waiting") this.waitNoMore(connection)
    if (connection.place.state !== "Placed") return
    this.yielding.delete(connection)
    this.placesTaken--
    connection.place.addressShare?.countPlace(-1)
  }

  private waitNoMore(connection: Session): void {
    if (!this.silent.delete(connection) && !this.whole.delete(connection)) this.incomplete.delete(connection)
  }

  // Aborts the connections that were told to give up their place and have kept it.
  private abortYielding(): void {
    const now = this.time.tick()
    for (const [connection, since] of this.yielding) {
      if (now - since < 2 * unusedTime) continue
      this.yielding.delete(connection)
      connection.abort("ReadTimeout")
    }
  }

  // Gives free places to connections with a request, then to those without.
  private givePlaces(): void {
    while (!this.closed && this.waitingSize > 0 && this.hasFreePlace) {
      const next = this.nextAsking(this.isBelowShare) ?? this.nextAsking(any) ?? firstOf(this.silent, any)
      if (next === undefined) return
      this.waitNoMore(next)
      this.take(next)
    }
  }

  private nextAsking(fits: (connection: Session) => boolean): Session | undefined {
    return this.whole.next(fits) ?? this.incomplete.next(fits)
  }

  private readonly isBelowShare = ({ place: { addressShare: share } }: Session): boolean =>
    share === undefined || share.places < this.mostPlaces

  private readonly isAboveShare = ({ place: { addressShare: share } }: Session): boolean =>
    share !== undefined && share.places > this.mostPlaces

  // Whether a request waits, and no place is being freed for it.
  private get isCrowded(): boolean {
    return this.whole.size + this.incomplete.size > this.yielding.size
  }

  private updateCrowded(): void {
    const now = this.time.tick()
    if (this.isCrowded) {
      this.lastWaited = now
      if (!this.crowded) this.onCrowded(this.crowded = true)
    } else if (this.crowded && now - this.lastWaited >= 2 * unusedTime) {
      this.candidates.clear()
      this.onCrowded(this.crowded = false)
    }
  }

  private freePlaceForAny(): boolean {
    const tried = new Set<AddressShare | undefined>()
    for (const queue of [this.whole, this.incomplete]) {
      for (const { place: { addressShare: share } } of queue) {
        if (tried.has(share)) continue
        tried.add(share)
        if (this.freePlaceFor(queue === this.whole, share)) return true
      }
    }
    return false
  }

  private freePlaceFor(whole: boolean, share: AddressShare | undefined): boolean {
    if (whole) return this.freePlace(share, PlaceUse.Throttled)
    // without a complete head, no work is lost
    if (this.freePlace(share, PlaceUse.ReadingHead)) return true
    const now = this.time.tick()
    const until = Math.max(this.incompleteUntil, now - incompleteAhead) + incompletePause
    if (until > now || !this.freePlace(share, PlaceUse.Throttled)) return false
    this.incompleteUntil = until
    return true
  }

  // Takes a place from the connection that uses its place least. If the address has its share of places, that is a connection of
  // the same address; otherwise one of an address with more than its share, or else any.
  private freePlace(share: AddressShare | undefined, to: PlaceUse): boolean {
    const evicted = share !== undefined && share.places >= this.mostPlaces
      ? this.evictable(to, `own ${share.name}`, (connection) => connection.place.addressShare === share)
      : this.evictable(to, "above share", this.isAboveShare) ?? this.evictable(to, "any", any)
    if (evicted === undefined) return false
    this.yielding.set(evicted, this.time.tick())
    evicted.place.giveUp()
    return true
  }

  private evictable(to: PlaceUse, key: string, fits: (connection: Session) => boolean): Session | undefined {
    return this.candidates.take({
      key: `${key} ${to}`,
      from: PlaceUse.Idle,
      to,
      leastTime: leastUnused,
      fits: (connection) => connection.place.state === "Placed" && fits(connection)
    })
  }

  // Closes one connection at once. The first choice is one whose last answer is being sent; then one that waits without a
  // request, one that has a place and no request, one that waits for a body, and the one that has waited longest with a whole
  // request. New connections are spared, because closing one would reset it while its first request arrives.
  private dropOne(newcomer: AddressShare | undefined): boolean {
    const now = this.time.tick()
    const share = this.exceedsShare(newcomer) ? newcomer : undefined
    const fits = (connection: Session): boolean => share === undefined || connection.place.addressShare === share
    const found = this.candidates.take({ ...lastAnswer, key: `closing ${share?.name}`, fits }) ??
      firstOf(this.silent, (connection) => now - connection.quietSince >= arrival && fits(connection)) ??
      this.candidates.take({ ...withoutRequest, key: `without request ${share?.name}`, fits }) ??
      firstOf(this.incomplete, fits) ?? this.whole.longestWaiting(fits)
    found?.place.drop()
    return found !== undefined
  }
}

const lastAnswer = { from: PlaceUse.Lingering, to: PlaceUse.Lingering, leastTime: () => 0 }

const withoutRequest = { from: PlaceUse.Idle, to: PlaceUse.ReadingHead, leastTime: () => arrival }

const leastUnused = (use: PlaceUse): number =>
  use === PlaceUse.Idle ? 0 : use < PlaceUse.AwaitingBody ? unusedTime : 2 * unusedTime

const any = (): boolean => true

const firstOf = (
  connections: Iterable<Session>,
  fits: (connection: Session) => boolean
): Session | undefined => {
  for (const connection of connections) if (fits(connection)) return connection
  return undefined
}
