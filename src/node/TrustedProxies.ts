/**
 * The addresses of proxies that are believed about their clients.
 *
 * @module
 * @since 0.1.0
 */
import { BlockList, isIP } from "node:net"
import { OptionError } from "../exchange/ServerError.js"
import type { TrustedProxies } from "../exchange/TrustedProxies.js"
import { nearest } from "../server/OptionNames.js"

/**
 * Reads addresses and CIDR ranges, IPv4 and IPv6, and names: `"loopback"`, `"linklocal"` and `"uniquelocal"` are the ranges
 * of RFC 6890 (`uniquelocal` also those of RFC 1918), and `"unix"` is all peers on unix sockets. Throws an `OptionError` that
 * names an invalid entry.
 *
 * @param option the name of the option, for messages
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (entries: ReadonlyArray<string>, option = "trustedProxies"): TrustedProxies => {
  const unix = entries.includes("unix")
  // each family has its own list, because an IPv6 range that includes the IPv4-mapped addresses must not match IPv4 peers
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const entry of entries) {
    if (entry === "unix") continue
    for (const range of named.get(entry) ?? [entry]) add(lists, range, option)
  }
  return {
    trusts: (peer) => {
      if (peer._tag === "Unix") return unix
      if (entries.length === 0) return false
      const host = withoutZone(peer.host)
      const kind = kindOf(host)
      return kind !== undefined && lists[kind].check(host, kind)
    }
  }
}

type Kind = "ipv4" | "ipv6"

const named: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["loopback", ["127.0.0.0/8", "::1"]],
  ["linklocal", ["169.254.0.0/16", "fe80::/10"]],
  ["uniquelocal", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]]
])
const names = [...named.keys(), "unix"]

const add = (lists: Readonly<Record<Kind, BlockList>>, entry: string, option: string): void => {
  const [, given = "", length] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(entry) ?? []
  // a peer has the IPv4 address of an IPv4-mapped one (RFC 4291, 2.5.5.2)
  const address = length === undefined ? given.replace(/^::ffff:(?=.*\.)/i, "") : given
  const kind = kindOf(address)
  const bits = kind === "ipv4" ? 32 : 128
  if (kind === undefined || address.includes("%") || Number(length ?? bits) > bits) {
    throw new OptionError({ option, description: remedyFor(entry) })
  }
  if (length === undefined) lists[kind].addAddress(address, kind)
  else lists[kind].addSubnet(address, Number(length), kind)
}

const remedyFor = (entry: string): string => {
  if (/^(?:\*|all|any)$/i.test(entry)) {
    return `${entry} would believe every client: name the proxies, or give 0.0.0.0/0 and ::/0`
  }
  // a caller without types may give another value
  const close = nearest(`${entry}`, names)
  return `${entry} is not an address, a CIDR range, or one of ${names.join(", ")}${
    close === undefined ? "" : `; did you mean ${close}?`
  }`
}

const kindOf = (host: string): Kind | undefined => {
  const version = isIP(host)
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined
}

const withoutZone = (host: string): string => host.includes("%") ? host.slice(0, host.indexOf("%")) : host
