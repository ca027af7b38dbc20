/**
 * Which peers may speak for others.
 *
 * @since 0.1.0
 */
import ipaddr from "ipaddr.js"
import type { Address } from "./Address.js"
import { OptionError } from "./ServerError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface TrustedProxies {
  readonly ranges: ReadonlyArray<[ipaddr.IPv4 | ipaddr.IPv6, number]>
  /** Peers on a unix socket run on this machine. */
  readonly unix: boolean
}

/**
 * Reads addresses and CIDR ranges, IPv4 and IPv6; `"unix"` trusts peers on unix sockets. Throws an `OptionError` that
 * names an entry which is neither.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (entries: ReadonlyArray<string>): TrustedProxies => ({
  unix: entries.includes("unix"),
  ranges: entries.filter((entry) => entry !== "unix").map((entry) => {
    try {
      if (entry.includes("/")) return ipaddr.parseCIDR(entry)
      const address = ipaddr.process(entry)
      return [address, address.kind() === "ipv4" ? 32 : 128]
    } catch {
      throw new OptionError({
        option: "trustedProxies",
        description: `${entry} is no address, no CIDR range and not "unix"`
      })
    }
  })
})

/**
 * @since 0.1.0
 * @category guards
 */
export const isTrusted = (trusted: TrustedProxies, peer: Address): boolean => {
  if (peer._tag === "Unix") return trusted.unix
  if (trusted.ranges.length === 0 || !ipaddr.isValid(peer.host)) return false
  const address = ipaddr.process(peer.host)
  return trusted.ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits))
}
