/**
 * The sockets of this process, as Linux tells them in /proc. This file does not load Effect.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"

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

/**
 * The inode of a descriptor that is a socket; `undefined` of another.
 *
 * @since 0.2.0
 * @category accessors
 */
export const inodeOf = (fd: number): string | undefined => {
  try {
    return /^socket:\[(\d+)\]$/.exec(Fs.readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  } catch {
    // the descriptor is no longer open
    return undefined
  }
}

/**
 * The rows of a table of sockets, such as `tcp6`, by columns (proc_pid_net(5)); none if there is no such table.
 *
 * @since 0.2.0
 * @category accessors
 */
export const rowsOf = (name: string): ReadonlyArray<ReadonlyArray<string>> => {
  try {
    return Fs.readFileSync(`/proc/self/net/${name}`, "latin1").split("\n").map((line) => line.trim().split(/\s+/))
  } catch {
    // a kernel without IPv6 has no tcp6
    return []
  }
}
