/**
 * What proxies say about the requests that they pass on, read from the right as long as the sender is trusted.
 *
 * The family: the values that the client wrote to the left of a proxy's are never believed, whatever they are and on whatever
 * line; a value that cannot be read ends the walk, and is not believed; a field that the option does not name is not read.
 */
import { isIP } from "node:net"
import { describe, expect, it } from "vitest"
import {
  type ForwardedField,
  forwardedFields,
  type ForwardedValues,
  readForwarded
} from "../../src/protocol/forwarded.js"

// private addresses are those of trusted proxies
const trusts = (host: string): boolean => host.startsWith("10.") || host.startsWith("fd00:")
const x: ReadonlyArray<ForwardedField> = forwardedFields.filter((field) => field !== "forwarded")

/** Renders values as `client:port scheme host port`, with `-` for a missing one. */
const inWords = ({ client, host, port, scheme }: ForwardedValues): string => {
  const peer = client === undefined ? "-" : `${client.host}${client.port === undefined ? "" : `#${client.port}`}`
  return [peer, scheme ?? "-", host ?? "-", port ?? "-"].join(" ")
}

const read = (lines: ReadonlyArray<string>, believed: ReadonlyArray<ForwardedField>): string =>
  inWords(
    readForwarded(
      lines.flatMap((line) => {
        const colon = line.indexOf(":")
        return [line.slice(0, colon), line.slice(colon + 1).trim()]
      }),
      new Set(believed),
      trusts
    )
  )

type Row = readonly [what: string, fields: ReadonlyArray<string>, told: string]

const olderRows: ReadonlyArray<Row> = [
  ["nothing", [], "- - - -"],
  ["the client of a proxy", ["X-Forwarded-For: 1.2.3.4"], "1.2.3.4 - - -"],
  ["what the client wrote before it", ["X-Forwarded-For: 6.6.6.6, 1.2.3.4"], "1.2.3.4 - - -"],
  ["an address of ours that the client wrote", ["X-Forwarded-For: 10.0.0.9, 1.2.3.4"], "1.2.3.4 - - -"],
  ["two proxies", ["X-Forwarded-For: 1.2.3.4, 10.0.0.2"], "1.2.3.4 - - -"],
  ["two proxies, and what the client wrote", ["X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4 - - -"],
  ["nobody but proxies", ["X-Forwarded-For: 10.0.0.3, 10.0.0.2"], "10.0.0.3 - - -"],
  [
    "several lines",
    ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 1.2.3.4", "x-forwarded-for: 10.0.0.2"],
    "1.2.3.4 - - -"
  ],
  ["empty members", ["X-Forwarded-For: , 1.2.3.4,, 10.0.0.2 ,", "X-Forwarded-For: ,"], "1.2.3.4 - - -"],
  ["nothing but commas", ["X-Forwarded-For: ,,"], "- - - -"],
  ["a port", ["X-Forwarded-For: 1.2.3.4:5678"], "1.2.3.4#5678 - - -"],
  ["port 0", ["X-Forwarded-For: 1.2.3.4:0"], "1.2.3.4#0 - - -"],
  ["a port that is none", ["X-Forwarded-For: 1.2.3.4:65536"], "- - - -"],
  ["a port with six digits", ["X-Forwarded-For: 1.2.3.4:000080"], "- - - -"],
  ["IPv6", ["X-Forwarded-For: 2001:db8::1"], "2001:db8::1 - - -"],
  ["IPv6 in brackets", ["X-Forwarded-For: [2001:db8::1]"], "2001:db8::1 - - -"],
  ["IPv6 with a port", ["X-Forwarded-For: [2001:DB8:0:0::1]:99"], "2001:db8::1#99 - - -"],
  ["IPv6 of a proxy", ["X-Forwarded-For: 1.2.3.4, FD00:0::2"], "1.2.3.4 - - -"],
  ["IPv4 in IPv6's clothes", ["X-Forwarded-For: ::ffff:1.2.3.4"], "1.2.3.4 - - -"],
  ["the same in hexadecimal", ["X-Forwarded-For: 9.9.9.9, ::ffff:a00:1"], "9.9.9.9 - - -"],
  ["brackets that do not close", ["X-Forwarded-For: [2001:db8::1"], "- - - -"],
  ["brackets around IPv4", ["X-Forwarded-For: [1.2.3.4]"], "- - - -"],
  ["a zone", ["X-Forwarded-For: fe80::1%eth0"], "- - - -"],
  ["leading zeros", ["X-Forwarded-For: 010.0.0.1"], "- - - -"],
  ["three numbers", ["X-Forwarded-For: 1.2.3"], "- - - -"],
  ["a number", ["X-Forwarded-For: 2130706433"], "- - - -"],
  ["a name", ["X-Forwarded-For: localhost"], "- - - -"],
  ["unknown", ["X-Forwarded-For: unknown"], "- - - -"],
  ["unknown to a proxy of ours", ["X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.2"], "10.0.0.2 - - -"],
  ["quotes", ["X-Forwarded-For: \"1.2.3.4\""], "- - - -"],
  ["a line of markup", ["X-Forwarded-For: <script>alert(1)</script>"], "- - - -"],

  ["the scheme", ["X-Forwarded-Proto: https"], "- https - -"],
  ["the scheme in another case", ["X-Forwarded-Proto: HTTPS"], "- https - -"],
  ["http", ["X-Forwarded-Proto: http"], "- http - -"],
  ["a WebSocket's", ["X-Forwarded-Proto: wss"], "- https - -"],
  ["a WebSocket's in the clear", ["X-Forwarded-Proto: ws"], "- http - -"],
  ["another scheme", ["X-Forwarded-Proto: ftp"], "- - - -"],
  ["no scheme", ["X-Forwarded-Proto: https://"], "- - - -"],
  ["one that the client wrote", ["X-Forwarded-Proto: https, http"], "- http - -"],
  ["one that the client wrote on a line", ["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"], "- http - -"],
  [
    "one for each hop",
    ["X-Forwarded-For: 1.2.3.4, 10.0.0.2", "X-Forwarded-Proto: ftp, https, http"],
    "1.2.3.4 https - -"
  ],
  ["one for all hops", ["X-Forwarded-For: 1.2.3.4, 10.0.0.2", "X-Forwarded-Proto: https"], "1.2.3.4 https - -"],

  ["the host", ["X-Forwarded-Host: example.org"], "- - example.org -"],
  ["the host with a port", ["X-Forwarded-Host: example.org:8443"], "- - example.org:8443 -"],
  ["the host in IPv6", ["X-Forwarded-Host: [::1]:8443"], "- - [::1]:8443 -"],
  ["one that the client wrote", ["X-Forwarded-Host: evil, example.org"], "- - example.org -"],
  ["a path", ["X-Forwarded-Host: example.org/evil"], "- - - -"],
  ["a user", ["X-Forwarded-Host: a@example.org"], "- - - -"],
  ["a space", ["X-Forwarded-Host: a b"], "- - - -"],
  ["no name", ["X-Forwarded-Host: :80"], "- - - -"],
  ["a port that is none", ["X-Forwarded-Host: example.org:99999"], "- - - -"],
  ["bare IPv6", ["X-Forwarded-Host: 2001:db8::1"], "- - - -"],

  ["the port", ["X-Forwarded-Port: 443"], "- - - 443"],
  ["one that the client wrote", ["X-Forwarded-Port: 1, 443"], "- - - 443"],
  ["no port", ["X-Forwarded-Port: 0"], "- - - -"],
  ["too high a port", ["X-Forwarded-Port: 65536"], "- - - -"],
  ["a sign", ["X-Forwarded-Port: +443"], "- - - -"],
  ["what nobody reads", ["Forwarded: for=6.6.6.6;proto=https;host=evil"], "- - - -"]
]

const standardRows: ReadonlyArray<Row> = [
  ["an element", ["Forwarded: for=1.2.3.4;proto=https;host=example.org;by=10.0.0.1"], "1.2.3.4 https example.org -"],
  ["names in any case", ["Forwarded: For=1.2.3.4;PROTO=HTTPS;Host=example.org"], "1.2.3.4 https example.org -"],
  ["white space behind semicolons", ["Forwarded: for=1.2.3.4; proto=https ; host=a"], "1.2.3.4 https a -"],
  ["what the client wrote before it", ["Forwarded: for=6.6.6.6;proto=https, for=1.2.3.4"], "1.2.3.4 - - -"],
  ["two proxies", ["Forwarded: for=1.2.3.4;proto=https;host=a, for=10.0.0.2;proto=http;host=b"], "1.2.3.4 https a -"],
  ["the scheme of the nearer one only", ["Forwarded: for=1.2.3.4, for=10.0.0.2;proto=https"], "1.2.3.4 https - -"],
  [
    "three, and the client's words",
    ["Forwarded: for=10.6.6.6, for=1.2.3.4, for=10.0.0.3, for=10.0.0.2"],
    "1.2.3.4 - - -"
  ],
  ["several lines", ["Forwarded: for=6.6.6.6", "Forwarded: for=1.2.3.4", "Forwarded: for=10.0.0.2"], "1.2.3.4 - - -"],
  ["empty members", ["Forwarded: , for=1.2.3.4, , for=10.0.0.2,", "Forwarded: "], "1.2.3.4 - - -"],
  ["IPv6", ["Forwarded: for=\"[2001:DB8::1]:4711\""], "2001:db8::1#4711 - - -"],
  ["IPv6 without quotes", ["Forwarded: for=[2001:db8::1]"], "- - - -"],
  ["IPv6 without brackets", ["Forwarded: for=\"2001:db8::1\""], "- - - -"],
  ["a port", ["Forwarded: for=\"1.2.3.4:80\""], "1.2.3.4#80 - - -"],
  ["a hidden port", ["Forwarded: for=\"1.2.3.4:_p\""], "1.2.3.4 - - -"],
  ["a port without quotes", ["Forwarded: for=1.2.3.4:80"], "- - - -"],
  ["escapes", ["Forwarded: for=\"1.\\2.3.4\";host=\"ex\\ample\\.org\""], "1.2.3.4 - example.org -"],
  ["unknown", ["Forwarded: for=unknown;proto=https"], "- https - -"],
  ["hidden", ["Forwarded: for=6.6.6.6, for=_hidden, for=10.0.0.2"], "10.0.0.2 - - -"],
  ["a hop that names nobody", ["Forwarded: for=6.6.6.6, proto=https"], "- https - -"],
  ["other parameters", ["Forwarded: for=1.2.3.4;secret=\"a, for=6.6.6.6\";x=y"], "1.2.3.4 - - -"],
  ["a comma in quotes", ["Forwarded: for=1.2.3.4;by=\"a,b\", for=10.0.0.2"], "1.2.3.4 - - -"],
  ["a quote that the client left open", ["Forwarded: for=\"6.6.6.6, for=1.2.3.4"], "1.2.3.4 - - -"],
  ["one that the proxy's would close", ["Forwarded: x=\", for=\"[2001:db8::1]\""], "2001:db8::1 - - -"],
  ["one that ends in an escape", ["Forwarded: x=\"\\, for=\"1.2.3.4\""], "1.2.3.4 - - -"],
  ["one before a proxy of ours", ["Forwarded: x=\", for=1.2.3.4, for=\"10.0.0.2\""], "1.2.3.4 - - -"],
  ["a line that is left open", ["Forwarded: for=\"6.6.6.6", "Forwarded: for=1.2.3.4"], "1.2.3.4 - - -"],
  ["nonsense at the end", ["Forwarded: for=1.2.3.4, ;;=;"], "- - - -"],
  ["nothing but semicolons", ["Forwarded: for=6.6.6.6, ;;"], "- - - -"],
  ["a parameter twice", ["Forwarded: for=1.2.3.4;for=6.6.6.6"], "- - - -"],
  ["a parameter twice, in another case", ["Forwarded: proto=http;Proto=https"], "- - - -"],
  ["no value", ["Forwarded: for="], "- - - -"],
  ["spaces around the sign", ["Forwarded: for = 1.2.3.4"], "- - - -"],
  ["a host that is none", ["Forwarded: for=1.2.3.4;host=\"a/b\""], "1.2.3.4 - - -"],
  ["what nobody reads", ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https"], "- - - -"]
]

describe("X-Forwarded-For, -Proto, -Host and -Port", () => {
  it.each(olderRows)("%s: %j", (_, lines, told) => {
    expect(read(lines, x)).toBe(told)
  })

  it("what is not named is not read", () => {
    const lines = [
      "X-Forwarded-For: 1.2.3.4",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil",
      "X-Forwarded-Port: 1"
    ]
    expect(read(lines, ["x-forwarded-for", "x-forwarded-proto"])).toBe("1.2.3.4 https - -")
    expect(read(lines, ["x-forwarded-host"])).toBe("- - evil -")
    expect(read(lines, [])).toBe("- - - -")
  })
})

describe("Forwarded (RFC 7239)", () => {
  it.each(standardRows)("%s: %j", (_, lines, told) => {
    expect(read(lines, ["forwarded"])).toBe(told)
  })

  it("takes no longer for hostile values", () => {
    const hostile = ["=\"", ",", ";", "a=b;", "a=\"", "a=\"\\\",", "\",", " ; ", "for=\"x\","].flatMap((piece) =>
      [1, 2, 3].map((count) => (piece.repeat(count) + "a").repeat(16_384 / (piece.length * count + 1)))
    )
    const before = process.cpuUsage()
    for (const value of hostile) read([`Forwarded: ${value}`, `X-Forwarded-For: ${value}`], forwardedFields)
    // a second and a half would be a hundred times as much as it takes
    expect(process.cpuUsage(before).user).toBeLessThan(1_500_000)
  })
})

describe("both kinds", () => {
  it.each<Row>([
    ["one of them", ["Forwarded: for=1.2.3.4"], "1.2.3.4 - - -"],
    ["the other", ["X-Forwarded-For: 1.2.3.4"], "1.2.3.4 - - -"],
    ["agreed", ["Forwarded: for=1.2.3.4;host=A", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: a"], "1.2.3.4 - A -"],
    [
      "each its own",
      ["Forwarded: proto=https", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Port: 9"],
      "1.2.3.4 https - 9"
    ],
    ["another address", ["Forwarded: for=6.6.6.6", "X-Forwarded-For: 1.2.3.4"], "- - - -"],
    ["another scheme", ["Forwarded: for=1.2.3.4;proto=https", "X-Forwarded-Proto: http"], "- - - -"],
    ["another host", ["Forwarded: for=1.2.3.4;host=a", "X-Forwarded-Host: b"], "- - - -"]
  ])("%s: %j", (_, lines, told) => {
    expect(read(lines, forwardedFields)).toBe(told)
  })
})

it("every address that is told is one, in the form in which peers are told", () => {
  const groups = ["0", "1", "ffff", "00ab", "db8"]
  for (let seed = 1; seed < 4000; seed++) {
    const at = (place: number): string => groups[(seed * 7919 + place * (seed % 97)) % groups.length]
    const left = Array.from({ length: seed % 9 }, (_, i) => at(i)).join(":")
    const right = Array.from({ length: (seed >> 3) % 9 }, (_, i) => at(i + 9)).join(":")
    const given = seed % 2 === 0 ? `${left}::${right}` : left
    const told = read([`X-Forwarded-For: ${given}`], x).split(" ")[0]
    expect([given, told !== "-"]).toEqual([given, isIP(given) === 6])
    if (told !== "-") expect(isIP(told)).toBeGreaterThan(0)
  }
})
