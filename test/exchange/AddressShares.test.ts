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
  const shares = new AddressShares((address) => address._tag === "Tcp" && address.host === "192.0.2.9", 2)
  expect(shares.join({ _tag: "Unix", path: "/a" })).toBeUndefined()
  expect(shares.join({ _tag: "Tcp", host: "192.0.2.9", port: 1 })).toBeUndefined()
  const first = shares.join({ _tag: "Tcp", host: "192.0.2.1", port: 1 })
  expect(shares.join({ _tag: "Tcp", host: "192.0.2.1", port: 2 })).toBe(first)
  expect(first?.connections).toBe(2)
  shares.leave(first)
  shares.leave(first)
  expect(shares.join({ _tag: "Tcp", host: "192.0.2.1", port: 3 })).not.toBe(first)
})

it("a connection is asked for its place by its own address, and by those that have less than their share", () => {
  const shares = new AddressShares((address) => address._tag === "Tcp" && address.host === "192.0.2.9", 2)
  const [one, other, third] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((host) =>
    shares.join({ _tag: "Tcp", host, port: 1 })
  )
  const asked = (): ReadonlyArray<boolean> => [one, other, third, undefined].map((share) => shares.isAsked(share))
  const none = [false, false, false, false]
  const all = [true, true, true, true]
  expect(asked()).toEqual(none)
  shares.countRequest(one, 1)
  expect([shares.isBelow(one), shares.isAbove(one), ...asked()]).toEqual([true, false, ...all])
  shares.countPlace(one, 1)
  expect(asked()).toEqual(all)
  // it has its share
  shares.countPlace(one, 1)
  expect([shares.isBelow(one), shares.isAbove(one), ...asked()]).toEqual([false, false, true, false, false, false])
  shares.countPlace(one, 1)
  expect([shares.isBelow(one), shares.isAbove(one), ...asked()]).toEqual([false, true, true, false, false, false])
  shares.countRequest(one, 1)
  shares.countRequest(other, 1)
  expect(asked()).toEqual(all)
  shares.countRequest(other, -1)
  expect(asked()).toEqual([true, false, false, false])
  shares.countRequest(undefined, 1)
  expect(asked()).toEqual(all)
  shares.countRequest(undefined, -1)
  shares.countPlace(one, -1)
  shares.countPlace(one, -1)
  expect(asked()).toEqual(all)
  shares.countRequest(one, -1)
  shares.countRequest(one, -1)
  expect(asked()).toEqual(none)
})
