/**
 * The address of a listening socket that this process has inherited, which Linux tells in /proc. Node has the address of a
 * descriptor only once it accepts connections.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import type { Address } from "../exchange/Address.js"

/**
 * The address of a descriptor; `undefined` if the system does not tell it.
 *
 * @since 0.2.0
 * @category accessors
 */
export const inheritedAddress = (fd: number): Address | undefined => {
  try {
    const inode = inodeOf(fd)
    return inode === undefined ? undefined : tcpOf(inode) ?? unixOf(inode)
  } catch {
    return undefined
  }
}

/**
 * The ports on which this process listens; none if the system does not tell them.
 *
 * @param except descriptors of sockets that are left out
 *
 * @since 0.2.0
 * @category accessors
 */
export const listeningPorts = (except: ReadonlyArray<number>): ReadonlySet<number> => {
  const inodes = new Set(inodesOfProcess(except))
  const rows = [...rowsOf("tcp"), ...rowsOf("tcp6")].filter((row) => row[3] === listenState && inodes.has(row[9] ?? ""))
  return new Set(rows.map((row) => parseInt(row[1]?.split(":")[1] ?? "", 16)))
}

// proc_pid_net(5)
const listenState = "0A"

const inodesOfProcess = (except: ReadonlyArray<number>): ReadonlyArray<string> => {
  try {
    const fds = Fs.readdirSync("/proc/self/fd").map(Number).filter((fd) => !except.includes(fd))
    return fds.map((fd) => inodeOf(fd) ?? "")
  } catch {
    return []
  }
}

const inodeOf = (fd: number): string | undefined => {
  try {
    return /^socket:\[(\d+)\]$/.exec(Fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  } catch {
    // the descriptor is no longer open
    return undefined
  }
}

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

const unixOf = (inode: string): Address | undefined => {
  const row = rowsOf("unix").find((row) => row[6] === inode)
  const path = Buffer.from(row?.slice(7).join(" ") ?? "", "latin1").toString()
  return path === "" ? undefined : { _tag: "Unix", path }
}
