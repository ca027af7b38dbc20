/**
 * The files of unix sockets: made with their mode, put in the place of a dead server's, removed by their owner only.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import cluster from "node:cluster"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { basename, dirname, join, resolve } from "node:path"
import { isMainThread } from "node:worker_threads"
import { longestPath } from "./listenChecks.js"

/**
 * Binds at `path`. Returns the server with a function that removes the file, if that is still its own. A file that a dead server left
 * is replaced; where a living one listens, it fails with `EADDRINUSE`.
 *
 * When a socket is closed, libuv removes the name that it was bound by, whichever socket has that name then. So the socket is bound by
 * a unique name, and its file gets `path` afterwards: no client finds it there before it has its mode and listens.
 *
 * @param bind makes the socket and its file, before it first waits
 *
 * @since 0.2.0
 * @category constructors
 */
export const claim = async (
  path: string,
  mode: number | undefined,
  bind: (name: string) => Promise<void>
): Promise<() => void> => {
  // no file here, or the cluster's primary binds, once for all workers, and removes it
  const direct = path.startsWith("\0") || process.platform === "win32" || cluster.isWorker
  const name = direct ? path : nameFor(path)
  try {
    await masked(mode, () => bind(name))
  } catch (error) {
    if (name !== path || codeOf(error) !== "EADDRINUSE" || !await isStale(path)) throw ofPath(error, name, path)
    Fs.unlinkSync(path)
    await masked(mode, () => bind(name))
  }
  if (mode !== undefined && !path.startsWith("\0")) Fs.chmodSync(name, mode)
  if (direct) return () => undefined
  const own = Fs.lstatSync(name)
  await place(name, path)
  return () => {
    if (isSame(own, statOf(path))) Fs.unlinkSync(path)
  }
}

/**
 * The path of a listening unix socket that was inherited; `undefined` where the system does not say.
 *
 * @since 0.2.0
 * @category accessors
 */
export const pathOf = (descriptor: number): string | undefined => {
  try {
    const { ino } = Fs.fstatSync(descriptor)
    // proc_pid_net(5): Num RefCount Protocol Flags Type St Inode Path
    const line = Fs.readFileSync("/proc/net/unix", "utf8").split("\n").find((line) => line.split(/\s+/)[6] === `${ino}`)
    const bound = line === undefined ? undefined : /^(?:\S+\s+){6}\d+ (.+)$/.exec(line)?.[1]
    if (bound === undefined) return undefined
    if (bound.startsWith("@")) return `\0${bound.slice(1)}`
    return placeOf(bound)
  } catch {
    return undefined
  }
}

// Removes the unique name of a socket, if its file did not get `path`.
const placeOf = (bound: string): string => {
  const [, folder = "", file] = own.exec(bound) ?? []
  return file !== undefined && !Fs.existsSync(bound) ? `${folder}${file}` : bound
}

// `.app.sock.k3x9` for `app.sock`
const own = /^(.*\/)?\.([^/]+)\.[0-9a-z]{4}$/

const nameFor = (path: string): string => {
  const mark = Math.floor(Math.random() * 36 ** 4).toString(36).padStart(4, "0")
  const name = join(dirname(path), `.${basename(path)}.${mark}`)
  if (Buffer.byteLength(name) <= longestPath) return name
  // shortened where the system has no room for all of it
  return join(dirname(path), mark.repeat(4).slice(0, Buffer.byteLength(basename(path))))
}

const place = async (name: string, path: string): Promise<void> => {
  for (;;) {
    const there = statOf(path)
    if (there === undefined) {
      try {
        // fails where another file came meanwhile
        Fs.linkSync(name, path)
        Fs.unlinkSync(name)
        return
      } catch (error) {
        if (codeOf(error) === "EEXIST") continue
        // a file system without links
        Fs.renameSync(name, path)
        return
      }
    }
    if (!await isStale(path)) {
      throw there.isSocket()
        ? Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), { code: "EADDRINUSE" })
        : Object.assign(new Error(`no socket: ${path}`), { code: "EEXIST" })
    }
    if (!isSame(there, statOf(path))) continue
    Fs.renameSync(name, path)
    return
  }
}

// Binds with a mode. A client that the mode excludes must not connect even before it is set, so the file is made with a umask. A worker
// thread cannot change the umask.
const masked = async (mode: number | undefined, bind: () => Promise<void>): Promise<void> => {
  if (mode === undefined || !isMainThread) return bind()
  const umask = process.umask(0o777 & ~mode)
  let bound: Promise<void>
  try {
    bound = bind()
  } finally {
    process.umask(umask)
  }
  return bound
}

// The system has the same code for a missing folder and for one without permission.
const ofPath = (error: unknown, name: string, path: string): unknown => {
  const folder = dirname(path)
  if (!path.startsWith("\0") && !Fs.existsSync(folder)) {
    return Object.assign(new Error(`no such folder: ${folder}`), { code: "EADDRNOTAVAIL" })
  }
  return error instanceof Error
    ? Object.assign(new Error(error.message.replaceAll(name, path)), { code: codeOf(error) })
    : error
}

const statOf = (path: string): Fs.Stats | undefined => Fs.lstatSync(path, { throwIfNoEntry: false })

const isSame = (one: Fs.Stats, other: Fs.Stats | undefined): boolean => one.ino === other?.ino && one.dev === other.dev

const isStale = async (path: string): Promise<boolean> =>
  statOf(path)?.isSocket() === true && !await answers(path) && !isHeld(path)

// Has a process bound there that does not listen yet? Connecting fails, as with a dead server. Only Linux tells.
const isHeld = (path: string): boolean => {
  try {
    return Fs.readFileSync("/proc/net/unix", "utf8").split("\n").some((line) => {
      // proc_pid_net(5): a stream socket, unconnected, that does not accept
      const [, name] = /^(?:\S+\s+){3}00000000 0001 01 +\d+ (.+)$/.exec(line) ?? []
      return name !== undefined && resolve(placeOf(name)) === resolve(path)
    })
  } catch {
    return false
  }
}

// Does a process accept there? The socket file of a dead server refuses connections.
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = Net.connect({ path })
    probe.once("connect", () => {
      probe.destroy()
      resolve(true)
    })
    probe.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"))
  })

const codeOf = (error: unknown): unknown => error instanceof Error && "code" in error ? error.code : undefined
