/**
 * PROXY headers: those that the specification allows, those that it forbids, and any other bytes, however they are cut.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { crc32c, type ProxyReading, type ProxyVersions, readProxyHeader } from "../../src/protocol/proxyHeader.js"
import { ipv4, ipv6, signature, tlv, version2 } from "../utils/proxyHeader.js"
import { runs } from "../utils/runs.js"
import { everySplit } from "../utils/splits.js"

const request = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

/** Reads chunks one after the other, and returns the first result that does not ask for more. */
const read = (chunks: ReadonlyArray<Uint8Array>, versions: ProxyVersions = "any"): ProxyReading => {
  let bytes = Buffer.alloc(0)
  for (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk])
    const reading = readProxyHeader(bytes, versions)
    if (reading._tag !== "More") return reading
  }
  return { _tag: "More" }
}

/** Reads a header in all cuts, with a request after it and without, and checks that the result is the same. */
const readInAllWays = (header: Uint8Array, versions: ProxyVersions = "any"): ProxyReading => {
  const alone = everySplit(header, (chunks) => read(chunks, versions))
  const followed = everySplit(Buffer.concat([header, request]), (chunks) => read(chunks, versions))
  if (alone._tag !== "More") expect(followed).toEqual(alone)
  return followed
}

const line = (text: string) => Buffer.from(text, "latin1")

describe("version 1", () => {
  it.each([
    ["TCP4 192.0.2.7 198.51.100.1 4711 443", "192.0.2.7", 4711, "198.51.100.1", 443],
    ["TCP4 0.0.0.0 255.255.255.255 0 65535", "0.0.0.0", 0, "255.255.255.255", 65_535],
    ["TCP6 2001:db8::7 2001:db8::1 4711 443", "2001:db8::7", 4711, "2001:db8::1", 443],
    ["TCP6 2001:DB8:0:0:0:0:0:7 ::1 4711 443", "2001:db8::7", 4711, "::1", 443],
    ["TCP6 ::ffff:192.0.2.7 ::1 4711 443", "192.0.2.7", 4711, "::1", 443],
    [
      "TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      65_535,
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      65_535
    ]
  ])("%s", (text, host, port, destination, destinationPort) => {
    const header = line(`PROXY ${text}\r\n`)
    for (const versions of ["v1", "any"] as const) {
      expect(readInAllWays(header, versions)).toMatchObject({
        _tag: "Source",
        length: header.length,
        source: { host, port },
        header: {
          version: 1,
          source: { host, port },
          destination: { host: destination, port: destinationPort },
          tlvs: []
        }
      })
    }
  })

  it.each(["UNKNOWN", "UNKNOWN whatever it says: 1 2 3", `UNKNOWN ${"x".repeat(107 - 16)}`])(
    "%s leaves the peer as it is",
    (text) => {
      const header = line(`PROXY ${text}\r\n`)
      expect(readInAllWays(header)).toMatchObject({ _tag: "Local", length: header.length, header: { version: 1 } })
    }
  )

  it.each([
    "TCP4 192.0.2.7 198.51.100.1 4711\r\n",
    "TCP4 192.0.2.7 198.51.100.1 4711 443 \r\n",
    "TCP4  192.0.2.7 198.51.100.1 4711 443\r\n",
    "TCP4\t192.0.2.7 198.51.100.1 4711 443\r\n",
    "TCP4 192.0.2.7 198.51.100.1 4711 443\n",
    "TCP4 192.0.2.7 198.51.100.1 4711 443\r \r\n",
    "TCP4 192.0.2.07 198.51.100.1 4711 443\r\n",
    "TCP4 192.0.2.256 198.51.100.1 4711 443\r\n",
    "TCP4 192.0.2 198.51.100.1 4711 443\r\n",
    "TCP4 2001:db8::7 2001:db8::1 4711 443\r\n",
    "TCP4 192.0.2.7 198.51.100.1 04711 443\r\n",
    "TCP4 192.0.2.7 198.51.100.1 +1 443\r\n",
    "TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
    "TCP6 192.0.2.7 198.51.100.1 4711 443\r\n",
    "TCP6 2001:db8::7::1 ::1 4711 443\r\n",
    "TCP6 fe80::1%eth0 ::1 4711 443\r\n",
    "TCP6 [::1] ::1 4711 443\r\n",
    "TCP5 192.0.2.7 198.51.100.1 4711 443\r\n",
    "UDP4 192.0.2.7 198.51.100.1 4711 443\r\n",
    "tcp4 192.0.2.7 198.51.100.1 4711 443\r\n",
    "UNKNOWNTCP4\r\n",
    "\r\n",
    `UNKNOWN ${"x".repeat(107 - 15)}\r\n`,
    "x".repeat(200)
  ])("refuses %j", (text) => {
    expect(readInAllWays(line(`PROXY ${text}`))).toMatchObject({ _tag: "Failure", reason: "Malformed" })
  })
})

describe("version 2", () => {
  const ssl = Buffer.concat([
    Buffer.from([0b111, 0, 0, 0, 0]),
    tlv(0x21, line("TLSv1.3")),
    tlv(0x22, line("client.example")),
    tlv(0x23, line("TLS_AES_128_GCM_SHA256"))
  ])

  it.each<[string, Buffer, object]>([
    ["TCP over IPv4", version2(), { source: { host: "192.0.2.7", port: 4711 } }],
    ["UDP over IPv4", version2({ family: 0x12 }), { source: { host: "192.0.2.7", port: 4711 } }],
    [
      "TCP over IPv6",
      version2({
        family: 0x21,
        addresses: ipv6("2001:db8:0:0:0:0:0:7", 4711, "2001:db8:0:0:0:0:0:1", 443)
      }),
      { source: { host: "2001:db8::7", port: 4711 }, destination: { host: "2001:db8::1", port: 443 } }
    ],
    [
      "IPv4 in IPv6's clothes",
      version2({ family: 0x21, addresses: ipv6("0:0:0:0:0:ffff:c000:207", 4711, "0:0:0:0:0:0:0:1", 443) }),
      { source: { host: "192.0.2.7", port: 4711 }, destination: { host: "::1", port: 443 } }
    ],
    [
      "unix",
      version2({
        family: 0x31,
        addresses: Buffer.concat([Buffer.from("/run/client.sock\0garbage".padEnd(108, "\0")), Buffer.alloc(108)])
      }),
      { source: { path: "/run/client.sock" }, destination: { path: "" } }
    ],
    ["a good checksum", version2({ checksum: 0 }), { source: { host: "192.0.2.7", port: 4711 } }],
    ["bytes of no meaning (NOOP)", version2({ tlvs: [[0x04, Buffer.alloc(100)]] }), { version: 2 }],
    [
      "all values that have a name here",
      version2({
        tlvs: [
          [0x01, line("h2")],
          [0x02, Buffer.from("bücher.example")],
          [0x05, Buffer.from([1, 2, 3])],
          [0x20, ssl],
          [0x30, line("blue")],
          [0xe4, Buffer.from([9])]
        ],
        checksum: 0
      }),
      {
        alpn: "h2",
        authority: "bücher.example",
        uniqueId: Uint8Array.of(1, 2, 3),
        netns: "blue",
        ssl: {
          secured: true,
          certificate: true,
          verified: true,
          version: "TLSv1.3",
          cipher: "TLS_AES_128_GCM_SHA256",
          commonName: "client.example"
        }
      }
    ],
    [
      "a client certificate that was not verified",
      version2({ tlvs: [[0x20, Buffer.from([0b011, 0, 0, 0, 1])]] }),
      { ssl: { secured: true, certificate: true, verified: false, version: undefined } }
    ],
    ["the longest", version2({ tlvs: [[0x04, Buffer.alloc(4096 - 12 - 3)]] }), { version: 2 }]
  ])("%s", (_, header, expected) => {
    expect(readInAllWays(header, "v2")).toMatchObject({
      _tag: "Source",
      length: header.length,
      header: { version: 2, ...expected }
    })
  })

  it.each<[string, Buffer]>([
    ["LOCAL, bare", version2({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })],
    ["LOCAL with addresses", version2({ command: 0x20 })],
    ["LOCAL with a good checksum", version2({ command: 0x20, checksum: 0 })],
    ["LOCAL with what nobody can read", version2({ command: 0x20, addresses: Buffer.from("garbage") })],
    ["UNSPEC", version2({ family: 0, addresses: Buffer.alloc(0) })],
    ["UNSPEC with what nobody can read", version2({ family: 0, addresses: Buffer.from("garbage") })],
    ["a family without a transport", version2({ family: 0x10 })]
  ])("%s leaves the peer as it is", (_, header) => {
    expect(readInAllWays(header)).toMatchObject({ _tag: "Local", length: header.length, header: { source: undefined } })
  })

  it("UNSPEC may have values all the same", () => {
    const header = version2({ family: 0, addresses: Buffer.alloc(0), tlvs: [[0x05, Buffer.from([7])]] })
    expect(readInAllWays(header)).toMatchObject({ _tag: "Local", header: { uniqueId: Uint8Array.of(7) } })
  })

  it.each<[string, Buffer]>([
    ["version 1 in version 2's clothes", version2({ command: 0x11 })],
    ["a command that there is not", version2({ command: 0x22 })],
    ["a family that there is not", version2({ family: 0x41 })],
    ["a transport that there is not", version2({ family: 0x13 })],
    ["more than may follow", version2({ tlvs: [[0x04, Buffer.alloc(4096 - 12 - 2)]] })],
    ["the most that can be said to follow", version2({ length: 65_535 })],
    ["no room for its addresses", version2({ addresses: Buffer.alloc(11) })],
    ["no room for IPv6", version2({ family: 0x21 })],
    ["no room for paths", version2({ family: 0x31 })],
    ["a value that is cut off", version2({ addresses: Buffer.concat([Buffer.alloc(12), Buffer.from([1, 0, 9, 1])]) })],
    ["a value without its length", version2({ addresses: Buffer.concat([Buffer.alloc(12), Buffer.from([1])]) })],
    ["a bad checksum", version2({ checksum: 1 })],
    ["a bad checksum of LOCAL", version2({ command: 0x20, checksum: 1 })],
    ["a bad checksum of UNSPEC", version2({ family: 0, addresses: Buffer.alloc(0), checksum: 1 })],
    ["two checksums", version2({ tlvs: [[0x03, Buffer.alloc(4)]], checksum: 0 })],
    ["a checksum of three bytes", version2({ tlvs: [[0x03, Buffer.alloc(3)]] })],
    ["a unique id that is too long", version2({ tlvs: [[0x05, Buffer.alloc(129)]] })],
    ["TLS without what verifying said", version2({ tlvs: [[0x20, Buffer.from([1, 0, 0])]] })],
    ["TLS with a value that is cut off", version2({ tlvs: [[0x20, Buffer.from([1, 0, 0, 0, 0, 0x21, 0, 9])]] })]
  ])("refuses %s", (_, header) => {
    expect(readInAllWays(header)).toMatchObject({ _tag: "Failure", reason: "Malformed" })
  })

  it("keeps nothing of what was read with it", () => {
    const all = Buffer.concat([version2({ tlvs: [[0x05, Buffer.from([7])]] }), Buffer.alloc(65_536)])
    const reading = readProxyHeader(all)
    if (reading._tag !== "Source") throw new Error(reading._tag)
    expect(reading.header.tlvs.map(({ value }) => value.buffer.byteLength)).toEqual([1])
  })
})

describe("what is no header is missing", () => {
  it.each<[string, Uint8Array, ProxyVersions]>([
    ["a request", request, "any"],
    ["a request that begins like one", line("POST / HTTP/1.1\r\n"), "any"],
    ["lower case", line("proxy TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"), "any"],
    ["TLS", Buffer.from([0x16, 3, 1, 2, 0]), "any"],
    ["empty lines", line("\r\n\r\n\r\n"), "any"],
    ["version 2 where 1 is expected", version2(), "v1"],
    ["version 1 where 2 is expected", line("PROXY UNKNOWN\r\n"), "v2"]
  ])("%s", (_, bytes, versions) => {
    expect(readInAllWays(bytes, versions)).toMatchObject({ _tag: "Failure", reason: "Missing" })
  })
})

it("the checksum is that of the standard", () => {
  expect(crc32c(line("123456789"))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array())).toBe(0)
})

describe("whatever comes", () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const value = fc.uint8Array({ maxLength: 40 })
  // these are all types without a meaning of their own
  const tlvs = fc.array(fc.tuple(fc.integer({ min: 0xe0, max: 0xff }), value), { maxLength: 4 })

  it("is read as it was written", () => {
    fc.assert(
      fc.property(fc.ipV4(), port, fc.ipV4(), port, tlvs, fc.boolean(), (from, fromPort, to, toPort, tlvs, sum) => {
        const header = version2({
          addresses: ipv4(from, fromPort, to, toPort),
          tlvs,
          ...(sum ? { checksum: 0 } : {})
        })
        const reading = readProxyHeader(Buffer.concat([header, request]), "v2")
        expect(reading).toMatchObject({
          _tag: "Source",
          length: header.length,
          source: { host: from, port: fromPort },
          header: { destination: { host: to, port: toPort } }
        })
        if (reading._tag !== "Source") return
        expect(reading.header.tlvs.slice(0, tlvs.length)).toEqual(tlvs.map(([type, value]) => ({ type, value })))
      })
    )
  })

  it("has no byte of an address or of its checksum changed", () => {
    const header = version2({ checksum: 0 })
    const [addresses, checksum] = [fc.integer({ min: 16, max: 27 }), fc.integer({ min: 31, max: 34 })]
    fc.assert(fc.property(fc.oneof(addresses, checksum), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(header)
      changed[at] ^= change
      expect(read([changed])).toMatchObject({ _tag: "Failure", reason: "Malformed" })
    }))
  })

  it("is answered, the same however it is cut, without an exception", () => {
    const beginnings = fc.constantFrom(
      signature,
      line("PROXY "),
      line("PROXY TCP4 "),
      line("PROXY UNKNOWN "),
      version2().subarray(0, 16),
      line("")
    )
    const any = fc.uint8Array({ maxLength: 150 })
    // a line of version 1 ends within its longest length, or later
    const lineEnds = fc.constantFrom(line(""), line("\n"), line("\r\n"))
    const bytes = fc.tuple(beginnings, any, lineEnds, any).map((parts) => Buffer.concat(parts))
    fc.assert(
      fc.property(bytes, fc.constantFrom<ProxyVersions>("v1", "v2", "any"), fc.nat(300), (bytes, versions, at) => {
        const reading = read([bytes], versions)
        expect(read([bytes.subarray(0, at), bytes.subarray(at)], versions)).toEqual(reading)
        if (reading._tag === "Source" || reading._tag === "Local") {
          expect(reading.length).toBeLessThanOrEqual(bytes.length)
        }
        // the reader never waits for more bytes than a header may have
        if (reading._tag === "More") expect(bytes.length).toBeLessThan(16 + 4096)
      }),
      runs(300)
    )
  })
})
