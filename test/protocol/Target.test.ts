/**
 * Targets and hosts: those that RFC 3986 allows have a form, and all others have none, without an exception. IPv6 addresses are
 * those that Node knows.
 */
import * as fc from "fast-check"
import { isIPv6 } from "node:net"
import { isHost, parseTarget } from "tsgi/protocol"
import { expect, it } from "vitest"
import { runs } from "../utils/runs.js"

it("knows the IPv6 addresses that Node knows (RFC 3986, 3.2.2)", () => {
  const piece = fc.constantFrom(
    ":",
    ":",
    "::",
    "0",
    "1",
    "ff",
    "2001",
    "12345",
    "g",
    "1.2.3.4",
    "256.1.1.1",
    "01.2.3.4",
    "."
  )
  const groups = fc.array(fc.constantFrom("0", "abc", "FFFF"), { minLength: 6, maxLength: 9 }).map((all) =>
    all.join(":")
  )
  const nearly = fc.tuple(groups, fc.nat(40), piece).map(([text, at, put]) =>
    text.slice(0, at) + put + text.slice(at + 1)
  )
  const addresses = fc.oneof(fc.array(piece, { maxLength: 10 }).map((all) => all.join("")), groups, nearly, fc.ipV6())
  fc.assert(fc.property(addresses, (text) => isHost(`[${text}]`) === isIPv6(text)), runs(600))
})

it("finds a form for what RFC 3986 can make, and no error for anything else", () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
      const { host, pathname, protocol } = new URL(url)
      const form = parseTarget("GET", url)
      expect(form).toMatchObject({ _tag: "Absolute", scheme: protocol.slice(0, -1) })
      if (form?._tag === "Absolute" && form.path === pathname) expect(form.authority).toBe(host)
    }),
    // a random URL takes ten thousand steps to make and to judge
    runs(25)
  )
  fc.assert(
    fc.property(fc.constantFrom("GET", "OPTIONS", "CONNECT"), fc.string({ unit: "binary" }), (method, target) => {
      const form = parseTarget(method, target)
      if (form?._tag === "Origin") {
        expect(form.query === undefined ? form.path : `${form.path}?${form.query}`).toBe(target)
      }
    }),
    runs(100)
  )
})
