/** The addresses whose connections are counted together. */
import { expect, it } from "vitest"
import { AddressShares, networkOf } from "../../src/exchange/AddressShares.js"

it("an IPv4 address, and a /64 of IPv6", () => {
  expect(networkOf("192.0.2.1")).toBe("192.0.2.1")
  expect(networkOf("::ffff:192.0.2.1")).toBe("192.0.2.1")
  expect(networkOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2")
  expect(networkOf("2001:db8:1:2::9")).toBe("2001:db8:1:2")
  expect(networkOf("2001:db8::1")).toBe("2001:db8:0:0")
  expect(networkOf("::1")).toBe("0:0:0:0")
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0")
})

it("an address that is exempt has no share, and one without a connection is forgotten", () => {
  const shares = new AddressShares((address) => address._tag === "Tcp" && address.host === "192.0.2.9")
  expect(shares.join({ _tag: "Unix", path: "/a" })).toBeUndefined()
  expect(shares.join({ _tag: "Tcp", host: "192.0.2.9", port: 1 })).toBeUndefined()
  const first = shares.join({ _tag: "Tcp", host: "192.0.2.1", port: 1 })
  expect(shares.join({ _tag: "Tcp", host: "192.0.2.1", port: 2 })).toBe(first)
  expect(first?.connections).toBe(2)
  shares.leave(first)
  shares.leave(first)
  expect(shares.join({ _tag: "Tcp", host: "192.0.2.1", port: 3 })).not.toBe(first)
})
