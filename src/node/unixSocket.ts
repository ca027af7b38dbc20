/**
 * The files of unix sockets. They are created with their mode, replace the file of a dead server, and are only removed by their
 * owner.
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
 * Binds at `path`. Returns a function that removes the file, unless another socket has replaced it. The file of a dead server is
 * replaced; if a live one listens, this rejects with `EADDRINUSE`.
 *
 * When a socket is closed, libuv removes the file at the name to which the socket was bound, even if the file is another socket's
 * by then. So the socket is bound to a unique name, and its file is moved to `path` afterwards. No client finds it there before
 * it has its mode and listens.
 *
 * @param bind binds to a name; it creates the socket's file before it first waits
 *
 * @since 0.2.0
 * @category constructors
 */
export const claim = async (
  path: string,
  mode: number | undefined,
  bind: (name: string) => Promise<void>
): Promise<() => void> => {
  // either there is no file, or the cluster's primary binds once for all workers and removes it
  const direct = path.startsWith("\0") || process.platform === "win32" || cluster.isWorker
  const name = direct ? path : nameFor(path)
  try {
    await withUmask(mode, () => bind(name))
  } catch (error) {
    if (name !== path || codeOf(error) !== "EADDRINUSE" || !await isStale(path)) throw ofPath(error, name, path)
    Fs.unlinkSync(path)
    await withUmask(mode, () => bind(name))
  }
  if (mode !== undefined && !path.startsWith("\0")) Fs.chmodSync(name, mode)
  if (direct) return () => undefined
  const own = statOf(name)
  await place(name, path)
  return () => {
    if (own !== undefined && isSame(own, statOf(path))) Fs.unlinkSync(path)
  }
}

/**
 * The path of an inherited, listening unix socket; `undefined` if the system does not tell it.
 *
 * @since 0.2.0
 * @category accessors
 */
export const pathOf = (descriptor: number): string | undefined => {
  try {
    const { ino } = Fs.fstatSync(descriptor, { bigint: true })
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

// The path to which the file of a socket was moved, given the name to which the socket was bound.
const placeOf = (bound: string): string => {
  const [, folder = "", file] = uniqueName.exec(bound) ?? []
  return file !== undefined && !Fs.existsSync(bound) ? `${folder}${file}` : bound
}

// `.app.sock.k3x9` for `app.sock`
const uniqueName = /^(.*\/)?\.([^/]+)\.[0-9a-z]{4}$/

const nameFor = (path: string): string => {
  const mark = Math.floor(Math.random() * 36 ** 4).toString(36).padStart(4, "0")
  const name = join(dirname(path), `.${basename(path)}.${mark}`)
  if (Buffer.byteLength(name) <= longestPath) return name
  // the name is shortened if the whole of it is too long
  return join(dirname(path), mark.repeat(4).slice(0, Buffer.byteLength(basename(path))))
}

const place = async (name: string, path: string): Promise<void> => {
  for (;;) {
    const there = statOf(path)
    if (there === undefined) {
      try {
        // this fails if another process has created a file meanwhile
        Fs.linkSync(name, path)
        Fs.unlinkSync(name)
        return
      } catch (error) {
        if (codeOf(error) === "EEXIST") continue
        // the file system has no links
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

// Creates the file with a umask, so that a client that the mode excludes cannot connect before the mode is set. A worker thread
// cannot change the umask.
const withUmask = async (mode: number | undefined, bind: () => Promise<void>): Promise<void> => {
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

// Names the missing folder, for which the system has the same code as for a missing permission.
const ofPath = (error: unknown, name: string, path: string): unknown => {
  const folder = dirname(path)
  if (!path.startsWith("\0") && !Fs.existsSync(folder)) {
    return Object.assign(new Error(`no such folder: ${folder}`), { code: "EADDRNOTAVAIL" })
  }
  return error instanceof Error
    ? Object.assign(new Error(error.message.replaceAll(name, path)), { code: codeOf(error) })
    : error
}

// On Node 20, imports resolve no symlinks once the latest stat without `bigint` was of a socket.
const statOf = (path: string): Fs.BigIntStats | undefined => Fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })

const isSame = (one: Fs.BigIntStats, other: Fs.BigIntStats | undefined): boolean =>
  one.ino === other?.ino && one.dev === other.dev

const isStale = async (path: string): Promise<boolean> =>
  statOf(path)?.isSocket() === true && !await answers(path) && !isHeld(path)

// Whether a process has bound there and does not listen yet. A connection fails then as with a dead server. This is only known on
// Linux.
const isHeld = (path: string): boolean => {
  try {
    return Fs.readFileSync("/proc/net/unix", "utf8").split("\n").some((line) => {
      // proc_pid_net(5): this is an unconnected stream socket that does not accept
      const [, name] = /^(?:\S+\s+){3}00000000 0001 01 +\d+ (.+)$/.exec(line) ?? []
      return name !== undefined && (resolve(placeOf(name)) === resolve(path) || isMoving(name, path))
    })
  } catch {
    return false
  }
}

// Whether a file has both names, as while its process moves it.
const isMoving = (name: string, path: string): boolean => {
  const [one, other] = [statOf(name), statOf(path)]
  return one !== undefined && isSame(one, other)
}

// Whether a process accepts there. The socket file of a dead server refuses connections.
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
