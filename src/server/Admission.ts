/**
 * Decides which connections are served, which wait for a place, and which give up theirs.
 *
 * A new connection takes a free place. Without one it waits while its request is read: connections with a complete request are
 * served first. For these, the connection that uses its place least gives it up (see `PlaceUse`). An address may have more than
 * its share of the places while no other address asks for one. It is then the first to give some up.
 *
 * @since 0.1.0
 */
import type { Address } from "../exchange/Address.js"
import { type AddressShare, AddressShares } from "../exchange/AddressShares.js"
import type { Clock } from "../exchange/Clock.js"
import { PlaceUse } from "../exchange/PlaceUse.js"
import type { Session, Shared } from "../exchange/Session.js"
import { isTrusted } from "../exchange/TrustedProxies.js"
import { UnorderedSet } from "../exchange/UnorderedSet.js"
import type { Transport } from "../transport/Transport.js"
import type { Config } from "./Config.js"
import { EvictionCandidates } from "./EvictionCandidates.js"
import type { LossReason } from "./Losses.js"
import { type Fits, Waiting } from "./Waiting.js"

/**
 * Milliseconds for which a connection may leave its place unused while others wait for one, and for which a client may read its
 * last answer before it is closed for another. A connection that sends or receives has twice this time, and so has one that was
 * told to give up its place. Crowding ends when nothing has waited for twice this time.
 */
const unusedTime = 500
/**
 * Milliseconds within which the first request of a new client may still arrive. Until then the client is not closed in favour of
 * another.
 */
const arrival = 50
/** The most connections beyond those that have a place or may wait for one: they are refused, or about to end. */
const mostLeaving = 256
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
  private readonly waiting: Waiting
  // connections that were told to give up their place, and the time of that
  private readonly yielding = new Map<Session, number>()
  private readonly candidates: EvictionCandidates
  // connections that arrived when no more could wait
  private readonly overflow: Array<{ readonly transport: Transport; readonly share: AddressShare | undefined }> = []
  private readonly shares: AddressShares
  private readonly mostStaying: Bound
  private readonly most: Bound
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
   * @param onLost called when a connection was closed before it was served
   */
  constructor(
    private readonly config: Config,
    private readonly time: Clock,
    private readonly begin: (transport: Transport, share: AddressShare | undefined) => Session | undefined,
    private readonly onCrowded: (waiting: boolean) => void,
    private readonly onLost: (remote: Address, reason: LossReason) => void
  ) {
    const { limits: { addressShare, connections, waitingConnections }, trustedProxies } = config
    this.candidates = new EvictionCandidates(time, this.all, (connection) => !this.yielding.has(connection))
    this.shares = new AddressShares(
      (address) => addressShare === 1 || isTrusted(trustedProxies, address),
      Math.max(1, Math.floor(connections * addressShare))
    )
    this.waiting = new Waiting(time, unusedTime, this.shares)
    const bound = (all: number): Bound => ({ all, ofOne: Math.ceil(all * addressShare) })
    this.mostStaying = bound(connections + waitingConnections)
    this.most = bound(connections + waitingConnections + mostLeaving)
  }

  /** Connections that do not wait for a place. */
  get size(): number {
    return this.all.size - this.waitingSize
  }

  /** Connections that wait for a place. */
  get waitingSize(): number {
    return this.waiting.size
  }

  /** Whether a request waits for a place. */
  get isAsked(): boolean {
    return this.waiting.requests > 0
  }

  /** Whether the request that waits may be given the place of this connection. */
  isAskedOf({ place }: Shared): boolean {
    return this.shares.isAsked(place.addressShare)
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.all[Symbol.iterator]()
  }

  /** Gives a new connection a place, lets it wait for one, or refuses it. */
  admit(transport: Transport): void {
    if (this.closed) return this.lose(transport, undefined, "Stopped")
    const share = this.shares.join(transport.remote)
    if (this.mayStay(share) && this.mayCome(share)) return this.letIn(transport, share, true)
    // the request of a silent connection may have arrived, so all are read before it is decided which connection is closed
    if (this.overflow.push({ transport, share }) === 1) this.time.afterReading(this.admitOverflow)
  }

  private readonly admitOverflow = (): void => {
    for (const { share, transport } of this.overflow.splice(0)) {
      if (!this.closed && this.admits(share)) this.letIn(transport, share, this.mayStay(share))
      else this.lose(transport, share, this.closed ? "Stopped" : "NoRoom")
    }
  }

  // Closes others for a connection that may then wait, or at least be refused. Returns false if it can do neither.
  private admits(share: AddressShare | undefined): boolean {
    if (!this.mayStay(share)) this.dropStaying(share)
    if (!this.mayCome(share)) this.dropLeaving(share)
    return this.mayCome(share)
  }

  private lose(transport: Transport, share: AddressShare | undefined, reason: LossReason): void {
    this.onLost(transport.remote, reason)
    this.drop(transport, share)
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

  // Whether a further connection of the address may have a place or wait for one.
  private mayStay(share: AddressShare | undefined): boolean {
    const { all, ofOne } = this.mostStaying
    return this.placesTaken + this.waitingSize < all && (share === undefined || share.staying < ofOne)
  }

  // Whether there may be a further connection of the address, which counts as one already.
  private mayCome(share: AddressShare | undefined): boolean {
    const { all, ofOne } = this.most
    return this.all.size < all && (share === undefined || share.connections <= ofOne)
  }

  private letIn(transport: Transport, share: AddressShare | undefined, stays: boolean): void {
    const connection = this.begin(transport, share)
    if (connection === undefined) return this.drop(transport, share)
    this.all.add(connection)
    if (stays) share?.countStaying(1)
    else connection.place.release()
    if (stays && this.hasFreePlace) this.take(connection)
    else if (stays) this.waiting.add(connection)
    connection.open()
    if (!stays) connection.place.turnAway()
  }

  /** Asks for a place: the head of the request is complete, or the whole request. */
  requestPlace(connection: Session): void {
    if (!this.waiting.ask(connection)) return
    this.givePlaces()
    if (connection.place.state === "Waiting") {
      this.freePlaceFor(connection.place.asksWhole, connection.place.addressShare)
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
    this.takeBack(connection)
    connection.place.leave()
    this.waiting.add(connection)
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
    for (const connection of [...this.waiting.withoutRequest]) connection.close()
    for (const queue of this.waiting.queues) for (const connection of [...queue]) connection.place.turnAway()
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
    this.shares.countPlace(connection.place.addressShare, 1)
    connection.place.enter()
  }

  private takeBack(connection: Session): void {
    this.yielding.delete(connection)
    this.placesTaken--
    this.shares.countPlace(connection.place.addressShare, -1)
  }

  // Takes back the place of a connection, or removes the connection from those that wait.
  private forget(connection: Session): void {
    const { addressShare, state } = connection.place
    if (state === "Released") return
    addressShare?.countStaying(-1)
    if (state === "Placed") this.takeBack(connection)
    else this.waiting.delete(connection)
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
    while (!this.closed && this.waiting.size > 0 && this.hasFreePlace) {
      const { next } = this.waiting
      if (next === undefined) return
      this.waiting.delete(next)
      this.take(next)
    }
  }

  private readonly isAboveShare = ({ place }: Session): boolean => this.shares.isAbove(place.addressShare)

  // Whether a request waits, and no place is being freed for it.
  private get isCrowded(): boolean {
    return this.waiting.requests > this.yielding.size
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
    const [whole, incomplete] = this.waiting.queues
    for (const queue of [whole, incomplete]) {
      for (const { place: { addressShare: share } } of queue) {
        if (tried.has(share)) continue
        tried.add(share)
        if (this.freePlaceFor(queue === whole, share)) return true
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
    const evicted = share !== undefined && !this.shares.isBelow(share)
      ? this.evictable(to, `own ${share.name}`, (connection) => connection.place.addressShare === share)
      : this.evictable(to, "above share", this.isAboveShare) ?? this.evictable(to, "any", any)
    if (evicted === undefined) return false
    this.yielding.set(evicted, this.time.tick())
    evicted.place.giveUp()
    return true
  }

  private evictable(to: PlaceUse, key: string, fits: Fits): Session | undefined {
    return this.candidates.take({
      key: `${key} ${to}`,
      from: PlaceUse.Idle,
      to,
      leastTime: leastUnused,
      fits: (connection) => connection.place.state === "Placed" && fits(connection)
    })
  }

  // Closes a connection at once that has a place or waits for one. The first choice is one that waits without a request, then one
  // that has a place and no request, one that waits for a body, and the one that has waited longest with a whole request. New
  // connections are spared, because closing one would reset it while its first request arrives.
  private dropStaying(newcomer: AddressShare | undefined): void {
    const now = this.time.tick()
    const share = newcomer !== undefined && newcomer.staying >= this.mostStaying.ofOne ? newcomer : undefined
    const fits: Fits = ({ place }) => share === undefined || place.addressShare === share
    const found = this.waiting.firstSilent((one) => now - one.quietSince >= arrival && fits(one)) ??
      this.candidates.take({ ...withoutRequest, key: `without request ${share?.name}`, fits }) ??
      this.waiting.firstRefused(fits)
    found?.place.drop()
  }

  // Closes a connection at once whose last answer is being sent.
  private dropLeaving(newcomer: AddressShare | undefined): void {
    const share = newcomer !== undefined && newcomer.connections > this.most.ofOne ? newcomer : undefined
    const fits: Fits = ({ place }) => share === undefined || place.addressShare === share
    this.candidates.take({ ...lastAnswer, key: `closing ${share?.name}`, fits })?.place.drop()
  }
}

/** The most connections of all addresses together, and of one that has a share. */
interface Bound {
  readonly all: number
  readonly ofOne: number
}

const lastAnswer = { from: PlaceUse.Lingering, to: PlaceUse.Lingering, leastTime: () => unusedTime }

const withoutRequest = { from: PlaceUse.Idle, to: PlaceUse.ReadingHead, leastTime: () => arrival }

const leastUnused = (use: PlaceUse): number =>
  use === PlaceUse.Idle ? 0 : use < PlaceUse.AwaitingBody ? unusedTime : 2 * unusedTime

const any = (): boolean => true
