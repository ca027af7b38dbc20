/**
 * How many connections and places each address has, so that none keeps more than its share while others ask.
 *
 * @since 0.2.0
 */
import type { Address } from "./Address.js"

/**
 * The connections and places of one address.
 *
 * @since 0.2.0
 * @category models
 */
export class AddressShare {
  private placeCount = 0
  private connectionCount = 0

  constructor(readonly name: string) {}

  /** Connections with a place. */
  get places(): number {
    return this.placeCount
  }

  /** All connections, including those that wait or are about to end. */
  get connections(): number {
    return this.connectionCount
  }

  /** Counts a connection that has been accepted, or has ended. */
  countConnection(change: 1 | -1): void {
    this.connectionCount += change
  }

  /** Counts a connection that has been given a place, or no longer has one. */
  countPlace(change: 1 | -1): void {
    this.placeCount += change
  }
}

/**
 * @since 0.2.0
 * @category models
 */
export class AddressShares {
  private readonly shares = new Map<string, AddressShare>()

  /** @param exempt whether this address may take all places */
  constructor(private readonly exempt: (address: Address) => boolean) {}

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
