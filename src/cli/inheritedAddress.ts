/**
 * The address of a listening socket that this process has inherited, which Linux tells in /proc. Node has the address of a
 * descriptor only once it accepts connections.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import type { Address } from "../exchange/Address.js"
import { pathOf } from "../node/unixSocket.js"

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

// The inode of a descriptor that is a socket; `undefined` of another.
const inodeOf = (fd: number): string | undefined => {
  try {
    return /^socket:\[(\d+)\]$/.exec(Fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  } catch {
    // the descriptor is no longer open
    return undefined
  }
}

// The rows of a table of sockets, such as `tcp6`, by columns (proc_pid_net(5)); none if there is no such table.
const rowsOf = (name: string): ReadonlyArray<ReadonlyArray<string>> => {
  try {
    return Fs.readFileSync(`/proc/self/net/${name}`, "latin1").split("\n").map((line) => line.trim().split(/\s+/))
  } catch {
    // a kernel without IPv6 has no tcp6
    return []
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
