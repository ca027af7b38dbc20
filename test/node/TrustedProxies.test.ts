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
  [["0.0.0.0/0"], ["127.0.0.1"], ["::1"]]
])("%j", (entries, trusted, others) => {
  const proxies = TrustedProxies.make(entries)
  expect(trusted.filter((host) => !proxies.trusts(tcp(host)))).toEqual([])
  expect(others.filter((host) => proxies.trusts(tcp(host)))).toEqual([])
  expect(proxies.trusts({ _tag: "Unix", path: "" })).toBe(false)
})

it("peers on unix sockets are trusted when they are named", () => {
  expect(TrustedProxies.make(["unix"]).trusts({ _tag: "Unix", path: "" })).toBe(true)
})

it.each(["", "localhost", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.0/8/8", "::1/129", "10.0.0", "fe80::1%eth0", "/8"])(
  "%j is refused",
  (entry) => {
    expect(() => TrustedProxies.make([entry])).toThrow(OptionError)
  }
)
