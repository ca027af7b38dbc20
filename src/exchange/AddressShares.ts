/**
 * How many connections and places each address has, so that none keeps more than its share while others ask.
 *
 * @since 0.2.0
 */
import type { Address } from "./Address.js"

/**
 * The connections, places and waiting requests of one address.
 *
 * @since 0.2.0
 * @category models
 */
export class AddressShare {
  private placeCount = 0
  private requestCount = 0
  private stayingCount = 0
  private connectionCount = 0

  constructor(readonly name: string) {}

  /** Connections with a place. */
  get places(): number {
    return this.placeCount
  }

  /** Connections whose request waits for a place. */
  get requests(): number {
    return this.requestCount
  }

  /** Connections that have a place or wait for one. */
  get staying(): number {
    return this.stayingCount
  }

  /** All connections, including those that are about to end. */
  get connections(): number {
    return this.connectionCount
  }

  /** Counts a connection that has been accepted, or has ended. */
  countConnection(change: 1 | -1): void {
    this.connectionCount += change
  }

  /** Counts a connection that has or waits for a place from now on, or no longer. */
  countStaying(change: 1 | -1): void {
    this.stayingCount += change
  }

  /** Counts a connection that has been given a place, or no longer has one. */
  countPlace(change: 1 | -1): void {
    this.placeCount += change
  }

  /** Counts a request that waits for a place, or no longer. */
  countRequest(change: 1 | -1): void {
    this.requestCount += change
  }
}

/**
 * @since 0.2.0
 * @category models
 */
export class AddressShares {
  private readonly shares = new Map<string, AddressShare>()
  // waiting requests for which any connection may give up its place
  private entitled = 0

  /**
   * @param exempt whether this address may take all places
   * @param mostPlaces the places that one address keeps when others ask for one
   */
  constructor(private readonly exempt: (address: Address) => boolean, private readonly mostPlaces: number) {}

  /** Counts a connection. An address that does not distinguish clients, such as that of a unix socket, has no share. */
  join(address: Address): AddressShare | undefined {
    if (address._tag === "Unix" || this.exempt(address)) return undefined
    const name = networkOf(address.host)
    let share = this.shares.get(name)
    if (share === undefined) this.shares.set(name, share = new AddressShare(name))
    share.countConnection(1)
    return share
  }

  /** Counts a connection that has ended. */
  leave(share: AddressShare | undefined): void {
    if (share === undefined) return
    share.countConnection(-1)
    if (share.connections === 0) this.shares.delete(share.name)
  }

  /** Whether the address has less than its share of the places. */
  isBelow(share: AddressShare | undefined): boolean {
    return share === undefined || share.places < this.mostPlaces
  }

  /** Whether the address has more than its share of the places. */
  isAbove(share: AddressShare | undefined): boolean {
    return share !== undefined && share.places > this.mostPlaces
  }

  /**
   * Whether a request waits for which a connection of this address may give up its place: one of this address, or of one that has
   * less than its share of the places.
   */
  isAsked(share: AddressShare | undefined): boolean {
    return this.entitled > 0 || (share !== undefined && share.requests > 0)
  }

  /** Counts a connection that has been given a place, or no longer has one. */
  countPlace(share: AddressShare | undefined, change: 1 | -1): void {
    if (share === undefined) return
    const before = this.entitledOf(share)
    share.countPlace(change)
    this.entitled += this.entitledOf(share) - before
  }

  /** Counts a request that waits for a place, or no longer. */
  countRequest(share: AddressShare | undefined, change: 1 | -1): void {
    share?.countRequest(change)
    if (this.isBelow(share)) this.entitled += change
  }

  private entitledOf(share: AddressShare): number {
    return this.isBelow(share) ? share.requests : 0
  }
}

/**
 * The network that counts as one client: an IPv4 address, or the /64 of IPv6 that one subscriber has (RFC 6177).
 *
 * @since 0.2.0
 * @category conversions
 */
export const networkOf = (host: string): string => {
  if (!host.includes(":")) return host
  // this is an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2)
  if (host.includes(".")) return host.slice(host.lastIndexOf(":") + 1)
  const [before, after] = host.split("%", 1)[0].split("::")
  const groups = before === "" ? [] : before.split(":")
  const following = after === undefined || after === "" ? [] : after.split(":")
  while (after !== undefined && groups.length + following.length < 8) groups.push("0")
  return [...groups, ...following].slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")
}
