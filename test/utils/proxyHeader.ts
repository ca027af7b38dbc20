/** PROXY headers of version 2, valid or invalid, byte by byte. */
import { crc32c } from "../../src/protocol/proxyHeader.js"

export const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex")

export interface Version2 {
  /** Version and command. Default `0x21`: PROXY. */
  readonly command?: number
  /** Family and transport. Default `0x11`: TCP over IPv4. */
  readonly family?: number
  readonly addresses?: Uint8Array
  readonly tlvs?: ReadonlyArray<readonly [type: number, value: Uint8Array]>
  /** The length field. Default: the actual length. */
  readonly length?: number
  /** Adds a checksum: the correct one plus this number. */
  readonly checksum?: number
}

export const ipv4 = (source: string, sourcePort: number, destination: string, destinationPort: number): Buffer => {
  const bytes = Buffer.alloc(12)
  ;[...source.split("."), ...destination.split(".")].forEach((part, i) => bytes.writeUInt8(Number(part), i))
  bytes.writeUInt16BE(sourcePort, 8)
  bytes.writeUInt16BE(destinationPort, 10)
  return bytes
}

export const ipv6 = (source: string, sourcePort: number, destination: string, destinationPort: number): Buffer => {
  const bytes = Buffer.alloc(36)
  ;[...source.split(":"), ...destination.split(":")].forEach((group, i) =>
    bytes.writeUInt16BE(parseInt(group, 16), 2 * i)
  )
  bytes.writeUInt16BE(sourcePort, 32)
  bytes.writeUInt16BE(destinationPort, 34)
  return bytes
}

export const tlv = (type: number, value: Uint8Array): Buffer => {
  const head = Buffer.from([type, value.length >> 8, value.length & 255])
  return Buffer.concat([head, value])
}

export const version2 = ({
  addresses = ipv4("192.0.2.7", 4711, "198.51.100.1", 443),
  checksum,
  command = 0x21,
  family = 0x11,
  length,
  tlvs = []
}: Version2 = {}): Buffer => {
  const values = [...tlvs, ...(checksum === undefined ? [] : [[0x03, Buffer.alloc(4)] as const])]
  const rest = Buffer.concat([addresses, ...values.map(([type, value]) => tlv(type, value))])
  const size = length ?? rest.length
  const header = Buffer.concat([signature, Buffer.from([command, family, size >> 8, size & 255]), rest])
  if (checksum !== undefined) header.writeUInt32BE((crc32c(header) + checksum) >>> 0, header.length - 4)
  return header
}
