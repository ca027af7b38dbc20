/**
 * The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): what a load balancer says about its client, before
 * the client's first byte. A header that is not as specified is a failure.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import { canonicalIp } from "./forwarded.js"
import { isIpv4, isIpv6 } from "./target.js"

/**
 * The versions that are accepted: one of them, or either.
 *
 * @since 0.2.0
 * @category models
 */
export type ProxyVersions = "v1" | "v2" | "any"

/**
 * An address in a PROXY header: a TCP address, or the path of a unix socket.
 *
 * @since 0.2.0
 * @category models
 */
export type ProxyAddress =
  | { readonly host: string; readonly port: number }
  /** The path of a unix socket, without its first zero byte and all that follows; empty if the socket has no name. */
  | { readonly path: string }

/**
 * One of the values that version 2 may add (section 2.2).
 *
 * @since 0.2.0
 * @category models
 */
export interface ProxyTlv {
  readonly type: number
  readonly value: Uint8Array
}

/**
 * The client's TLS session with the proxy (section 2.2.6).
 *
 * @since 0.2.0
 * @category models
 */
export interface ProxySsl {
  /** Whether the client has spoken TLS. */
  readonly secured: boolean
  /** Whether the client has shown a certificate, on this connection or in this session. */
  readonly certificate: boolean
  /** Whether the client has shown a certificate that was verified. */
  readonly verified: boolean
  /** The version of TLS, such as `TLSv1.3`. */
  readonly version: string | undefined
  readonly cipher: string | undefined
  /** The common name of the client's certificate. */
  readonly commonName: string | undefined
}

/**
 * What a PROXY header says about a connection.
 *
 * @since 0.2.0
 * @category models
 */
export interface ProxyHeader {
  readonly version: 1 | 2
  /**
   * The address of the client that connected to the proxy; `undefined` if the proxy does not say (UNKNOWN, UNSPEC) or speaks for
   * itself (LOCAL).
   */
  readonly source: ProxyAddress | undefined
  /** The address at which the client reached the proxy. */
  readonly destination: ProxyAddress | undefined
  /** The application protocol agreed on with the client (ALPN), one character for each byte. */
  readonly alpn: string | undefined
  /** The name for which the client has asked (SNI). */
  readonly authority: string | undefined
  /** The name that the proxy gives this connection. */
  readonly uniqueId: Uint8Array | undefined
  readonly ssl: ProxySsl | undefined
  /** The name of the network namespace. */
  readonly netns: string | undefined
  /** All values, including those above, in order. */
  readonly tlvs: ReadonlyArray<ProxyTlv>
}

/**
 * The result of reading the first bytes of a connection. `length` is that of the header; the bytes after it are the client's.
 *
 * @since 0.2.0
 * @category models
 */
export type ProxyReading =
  | { readonly _tag: "More" }
  /** The proxy speaks for itself, or does not know its client, so the connection's own addresses count. */
  | { readonly _tag: "Local"; readonly length: number; readonly header: ProxyHeader }
  | { readonly _tag: "Source"; readonly length: number; readonly header: ProxyHeader; readonly source: ProxyAddress }
  | ProxyFailure

/**
 * With `Missing`, the first bytes are those of another protocol.
 *
 * @since 0.2.0
 * @category models
 */
export interface ProxyFailure {
  readonly _tag: "Failure"
  readonly reason: "Missing" | "Malformed"
  readonly message: string
}

/**
 * The most bytes of a header: with version 1 including its line end, with version 2 after its first 16.
 *
 * @since 0.2.0
 * @category constants
 */
export const longest = { v1: 107, v2: 4096 }

/**
 * Reads the header at the beginning of `bytes`, which are all that have arrived so far.
 *
 * @since 0.2.0
 * @category parsing
 */
export const readProxyHeader = (bytes: Uint8Array, versions: ProxyVersions = "any"): ProxyReading => {
  if (bytes.length === 0) return more
  if (versions !== "v2" && startsAlike(bytes, textStart)) return readText(bytes)
  if (versions !== "v1" && startsAlike(bytes, signature)) {
    return readBinary(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  }
  return failure("Missing", `the connection does not begin with a PROXY header${expected[versions]}`)
}

const expected = { v1: " of version 1", v2: " of version 2", any: "" }

const more: ProxyReading = { _tag: "More" }
const textStart = Buffer.from("PROXY ", "latin1")
const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")

const failure = (reason: ProxyFailure["reason"], message: string): ProxyFailure => ({
  _tag: "Failure",
  reason,
  message
})
const malformed = (message: string): ProxyFailure => failure("Malformed", message)

const startsAlike = (bytes: Uint8Array, start: Uint8Array): boolean => {
  for (let i = Math.min(bytes.length, start.length) - 1; i >= 0; i--) if (bytes[i] !== start[i]) return false
  return true
}

// ---------------------------------------------------------------------------------------------------------------------
// version 1: a line

const readText = (bytes: Uint8Array): ProxyReading => {
  const end = bytes.subarray(0, longest.v1).indexOf(0x0a)
  if (end < 0) return bytes.length < longest.v1 ? more : malformed(`the line is longer than ${longest.v1} bytes`)
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, end + 1).toString("latin1")
  const [, family, source, destination, sourcePort, destinationPort] = addressLine.exec(line) ?? []
  const length = end + 1
  if (family === undefined) {
    return unknown.test(line)
      ? { _tag: "Local", length, header: plain(1) }
      : malformed("the line is malformed")
  }
  const isAddress = family === "TCP4" ? isIpv4 : isIpv6
  if (!isAddress(source) || !isAddress(destination)) return malformed(`the line has no two addresses of ${family}`)
  const [from, to] = [Number(sourcePort), Number(destinationPort)]
  if (from > 65_535 || to > 65_535) return malformed("the line has a port above 65535")
  return sourced(length, {
    ...plain(1),
    source: { host: hostOf(source), port: from },
    destination: { host: hostOf(destination), port: to }
  })
}

const hostOf = (address: string): string => isIpv4(address) ? address : canonicalIp(address)

// numbers have no leading zeros
const addressLine = /^PROXY (TCP4|TCP6) ([0-9.a-fA-F:]+) ([0-9.a-fA-F:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n$/
const unknown = /^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/

const plain = (version: 1 | 2): ProxyHeader => ({
  version,
  source: undefined,
  destination: undefined,
  alpn: undefined,
  authority: undefined,
  uniqueId: undefined,
  ssl: undefined,
  netns: undefined,
  tlvs: []
})

const sourced = (length: number, header: ProxyHeader & { readonly source: ProxyAddress }): ProxyReading => ({
  _tag: "Source",
  length,
  header,
  source: header.source
})

// ---------------------------------------------------------------------------------------------------------------------
// version 2: signature, version and command, family and transport, length; then addresses and values

const Command = { Local: 0, Proxy: 1 }

const headLength = 16

const readBinary = (bytes: Buffer): ProxyReading => {
  // each part is checked as soon as it is there
  if (bytes.length > 12 && bytes[12] >> 4 !== 2) return malformed(`unsupported version ${bytes[12] >> 4}`)
  if (bytes.length > 12 && (bytes[12] & 15) > Command.Proxy) return malformed(`unknown command ${bytes[12] & 15}`)
  if (bytes.length > 13 && (bytes[13] >> 4 > 3 || (bytes[13] & 15) > 2)) {
    return malformed(`its family and transport are 0x${bytes[13].toString(16).padStart(2, "0")}`)
  }
  if (bytes.length < headLength) return more
  const size = bytes.readUInt16BE(14)
  if (size > longest.v2) return malformed(`it declares ${size} bytes, and at most ${longest.v2} are allowed`)
  const length = headLength + size
  if (bytes.length < length) return more
  const header = bytes.subarray(0, length)
  const family = header[13] >> 4
  // without a family or a transport there are no addresses
  const hasAddresses = family !== 0 && (header[13] & 15) !== 0
  if ((header[12] & 15) === Command.Local) {
    // the rest is ignored, but for its checksum
    const tlvs = tlvsFrom(header, headLength + (hasAddresses ? addressLengths[family] : 0))
    return tlvs !== undefined && !isIntact(header, tlvs) ? damaged : { _tag: "Local", length, header: plain(2) }
  }
  if (!hasAddresses) {
    const tlvs = tlvsFrom(header, headLength)
    const values = tlvs === undefined ? plain(2) : valued(header, tlvs)
    return "_tag" in values ? values : { _tag: "Local", length, header: values }
  }
  if (size < addressLengths[family]) return malformed("it is too short for its addresses")
  const tlvs = tlvsFrom(header, headLength + addressLengths[family])
  if (tlvs === undefined) return malformed("the values do not end where the header ends")
  const values = valued(header, tlvs)
  return "_tag" in values ? values : sourced(length, { ...values, ...addresses[family](header) })
}

const addressLengths = [0, 12, 36, 216]

type Addresses = { readonly source: ProxyAddress; readonly destination: ProxyAddress }

const addresses: ReadonlyArray<(header: Buffer) => Addresses> = [
  () => ({ source: { path: "" }, destination: { path: "" } }),
  (header) => ({
    source: { host: header.subarray(16, 20).join("."), port: header.readUInt16BE(24) },
    destination: { host: header.subarray(20, 24).join("."), port: header.readUInt16BE(26) }
  }),
  (header) => ({
    source: { host: ipv6At(header, 16), port: header.readUInt16BE(48) },
    destination: { host: ipv6At(header, 32), port: header.readUInt16BE(50) }
  }),
  (header) => ({ source: { path: pathAt(header, 16) }, destination: { path: pathAt(header, 124) } })
]

const ipv6At = (header: Buffer, at: number): string =>
  canonicalIp(Array.from({ length: 8 }, (_, i) => header.readUInt16BE(at + 2 * i).toString(16)).join(":"))

const pathAt = (header: Buffer, at: number): string => {
  const path = header.subarray(at, at + 108)
  const end = path.indexOf(0)
  return path.toString("utf8", 0, end < 0 ? undefined : end)
}

const Type = {
  Alpn: 0x01,
  Authority: 0x02,
  Crc32c: 0x03,
  UniqueId: 0x05,
  Ssl: 0x20,
  SslVersion: 0x21,
  SslCommonName: 0x22,
  SslCipher: 0x23,
  Netns: 0x30
}

interface PlacedTlv extends ProxyTlv {
  /** The index at which its value begins. */
  readonly at: number
}

// returns `undefined` if they do not fill the rest exactly
const tlvsFrom = (bytes: Buffer, start: number): ReadonlyArray<PlacedTlv> | undefined => {
  const tlvs: Array<PlacedTlv> = []
  let at = start
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return undefined
    const end = at + 3 + bytes.readUInt16BE(at + 1)
    if (end > bytes.length) return undefined
    // the value is copied, so that a few bytes do not keep the memory of a whole read
    tlvs.push({ type: bytes[at], value: Uint8Array.from(bytes.subarray(at + 3, end)), at: at + 3 })
    at = end
  }
  return at === bytes.length ? tlvs : undefined
}

const valued = (header: Buffer, tlvs: ReadonlyArray<PlacedTlv>): ProxyHeader | ProxyFailure => {
  if (!isIntact(header, tlvs)) return damaged
  // if there are several, the first one counts
  const valueOf = (type: number): Uint8Array | undefined => tlvs.find((tlv) => tlv.type === type)?.value
  const ssl = valueOf(Type.Ssl)
  const uniqueId = valueOf(Type.UniqueId)
  const session = ssl === undefined ? undefined : readSsl(Buffer.from(ssl))
  if (ssl !== undefined && session === undefined) return malformed("the TLS value is malformed")
  if (uniqueId !== undefined && uniqueId.length > 128) return malformed("its unique id is longer than 128 bytes")
  return {
    ...plain(2),
    alpn: textOf(valueOf(Type.Alpn), "latin1"),
    authority: textOf(valueOf(Type.Authority), "utf8"),
    uniqueId,
    ssl: session,
    netns: textOf(valueOf(Type.Netns), "latin1"),
    tlvs: tlvs.map(({ type, value }) => ({ type, value }))
  }
}

const textOf = (value: Uint8Array | undefined, encoding: "latin1" | "utf8"): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString(encoding)

// the value is a byte of flags, four bytes for the result of the verification (0 is good), and nested values
const readSsl = (value: Buffer): ProxySsl | undefined => {
  const tlvs = value.length < 5 ? undefined : tlvsFrom(value, 5)
  if (tlvs === undefined) return undefined
  const text = (type: number): string | undefined => textOf(tlvs.find((tlv) => tlv.type === type)?.value, "utf8")
  const certificate = (value[0] & 0b110) !== 0
  return {
    secured: (value[0] & 0b001) !== 0,
    certificate,
    verified: certificate && value.readUInt32BE(1) === 0,
    version: text(Type.SslVersion),
    cipher: text(Type.SslCipher),
    commonName: text(Type.SslCommonName)
  }
}

const damaged = malformed("the checksum does not match")

// The checksum is of the whole header, with its own four bytes as zeros.
const isIntact = (header: Buffer, tlvs: ReadonlyArray<PlacedTlv>): boolean => {
  const sums = tlvs.filter(({ type }) => type === Type.Crc32c)
  if (sums.length === 0) return true
  const [{ at, value }] = sums
  if (sums.length > 1 || value.length !== 4) return false
  const blank = Uint8Array.from(header).fill(0, at, at + 4)
  return crc32c(blank) === header.readUInt32BE(at)
}

/**
 * CRC-32C (RFC 9260, appendix A), as an unsigned number.
 *
 * @since 0.2.0
 */
export const crc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}
