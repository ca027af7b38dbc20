/**
 * The address of a listening socket that this process has inherited, which Linux tells in /proc. Node has the address of a
 * descriptor only once it accepts connections.
 *
 * @since 0.2.0
 */
import * as Os from "node:os"
import type { Address } from "../exchange/Address.js"
import { pathOf } from "../node/unixSocket.js"
import { inodeOf, rowsOf } from "./procNet.js"

/**
 * The address of a descriptor; `undefined` if the system does not tell it.
 *
 * @since 0.2.0
 * @category accessors
 */
export const inheritedAddress = (fd: number): Address | undefined => {
  try {
    const inode = inodeOf(fd)
    return inode === undefined ? undefined : tcpOf(inode) ?? unixOf(fd)
  } catch {
    return undefined
  }
}

const tcpOf = (inode: string): Address | undefined => {
  const row = [...rowsOf("tcp"), ...rowsOf("tcp6")].find((row) => row[9] === inode)
  const [digits = "", port = ""] = row?.[1]?.split(":") ?? []
  if (digits === "") return undefined
  return {
    _tag: "Tcp",
    host: digits.length === 8 ? ipv4(bytesOf(digits)) : ipv6(bytesOf(digits)),
    port: parseInt(port, 16)
  }
}

// Each 32 bits are written as a number in the byte order of the machine.
const bytesOf = (digits: string): Buffer => {
  const bytes = Buffer.from(digits, "hex")
  return Os.endianness() === "LE" ? bytes.swap32() : bytes
}

const ipv4 = (bytes: Buffer): string => bytes.join(".")

const ipv6 = (bytes: Buffer): string => {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(":")
  // a URL writes an address in its short form
  return new URL(`http://[${groups}]`).hostname.slice(1, -1)
}

// An abstract socket has no path that `--listen` could take.
const unixOf = (fd: number): Address | undefined => {
  const path = pathOf(fd)
  return path === undefined || path.startsWith("\0") ? undefined : { _tag: "Unix", path }
}
