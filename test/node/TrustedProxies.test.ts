/**
 * Trusted proxies are the peers that an entry names. The family: addresses, ranges of both families, an IPv4-mapped IPv6 address,
 * an address with its zone, named ranges, unix sockets; and invalid entries, which are refused.
 */
import { OptionError } from "tsgi"
import { TrustedProxies } from "tsgi/effect"
import { expect, it } from "vitest"

const tcp = (host: string) => ({ _tag: "Tcp", host, port: 1 }) as const

it.each<[entries: ReadonlyArray<string>, trusted: ReadonlyArray<string>, others: ReadonlyArray<string>]>([
  [[], [], ["127.0.0.1", "::1", ""]],
  [["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2", "::a00:1"]],
  [["10.0.0.0/8", "::1"], ["10.255.0.9", "::1"], ["11.0.0.1", "::2"]],
  [["::ffff:10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]],
  [["fe80::/10"], ["fe80::1", "fe80::1%eth0", "FEBF::1"], ["fec0::1", "127.0.0.1"]],
  [["::/0"], ["::1", "2001:db8::1"], ["127.0.0.1"]],
  [["0.0.0.0/0"], ["127.0.0.1"], ["::1"]],
  [["loopback"], ["127.0.0.1", "127.9.9.9", "::1"], ["128.0.0.1", "::2", "10.0.0.1"]],
  [["linklocal"], ["169.254.1.1", "fe80::1%eth0"], ["169.253.1.1", "fec0::1"]],
  [
    ["uniquelocal"],
    ["10.1.1.1", "172.16.0.1", "172.31.255.255", "192.168.9.9", "fd00::1"],
    ["172.32.0.1", "192.169.0.1", "fe80::1", "8.8.8.8"]
  ],
  [["loopback", "8.8.8.8"], ["::1", "8.8.8.8"], ["8.8.4.4"]]
])("%j", (entries, trusted, others) => {
  const proxies = TrustedProxies.make(entries)
  expect(trusted.filter((host) => !proxies.trusts(tcp(host)))).toEqual([])
  expect(others.filter((host) => proxies.trusts(tcp(host)))).toEqual([])
  expect(proxies.trusts({ _tag: "Unix", path: "" })).toBe(false)
})

it("peers on unix sockets are trusted when they are named", () => {
  expect(TrustedProxies.make(["unix"]).trusts({ _tag: "Unix", path: "" })).toBe(true)
})

it.each([
  ["nonsense", /^trustedProxies: nonsense is not an address, a CIDR range, or one of loopback, .*, unix$/],
  ["lopback", /; did you mean loopback\?$/],
  ["unique-local", /; did you mean uniquelocal\?$/],
  [
    "*",
    /^trustedProxies: \* would believe every client: name the proxies, or give 0\.0\.0\.0\/0 and ::\/0$/
  ],
  ["all", /would believe every client/]
])("%s is refused with what to give instead", (entry, message) => {
  expect(() => TrustedProxies.make([entry])).toThrow(message)
})

it.each(["", "localhost", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.0/8/8", "::1/129", "10.0.0", "fe80::1%eth0", "/8"])(
  "%j is refused",
  (entry) => {
    expect(() => TrustedProxies.make([entry])).toThrow(OptionError)
  }
)
