/**
 * A log in a file or on another descriptor. Lines are buffered; the buffer is flushed when the process exits.
 *
 * @since 0.2.0
 */
import * as Inspectable from "effect/Inspectable"
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import type { SonicBoom } from "sonic-boom"
import { OptionError } from "../exchange/ServerError.js"
import { inOneLine } from "../server/logText.js"
import { writeTo } from "./internal.js"
import { load } from "./sonicBoom.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface LogFile {
  /** Adds a line, given without its line end. Never waits, never throws. */
  readonly write: (line: string) => void
  /** Reopens the path after another program has moved the file. Does nothing for a descriptor. */
  readonly reopen: () => void
  /** Writes the buffered lines, for at most {@link longestFlush} milliseconds, and closes a file that was opened here. */
  readonly close: () => Promise<void>
}

/**
 * Opens a file for appending, and creates a missing folder. Throws an `OptionError` if that is impossible. A file or folder that
 * is removed later is created again within a second, and a process warning says so.
 *
 * @param loadWriter loads the module of the writer, with the first line
 * @since 0.2.0
 * @category constructors
 */
export const open = (path: string, loadWriter = load): LogFile => {
  try {
    return new BufferedLog(openPath(path), path, loadWriter)
  } catch (cause) {
    throw new OptionError({
      option: "log",
      description: `${path} cannot be opened for writing (${cause instanceof Error ? cause.message : String(cause)})`
    })
  }
}

/**
 * A log on an open descriptor, which is never closed here.
 *
 * @param loadWriter loads the module of the writer, with the first line
 * @since 0.2.0
 * @category constructors
 */
export const onDescriptor = (descriptor: number, loadWriter = load): LogFile =>
  new BufferedLog(descriptor, undefined, loadWriter)

/**
 * Warns of a failed log, by a process warning of type `TsgiWarning`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const warn = (error: unknown): void =>
  process.emitWarning(
    inOneLine(`the log failed: ${error instanceof Error ? error.message : Inspectable.toStringUnknown(error)}`),
    "TsgiWarning"
  )

const openPath = (path: string): number => {
  makeFolder(dirname(path))
  return openSync(path, "a")
}

// With `recursive`, Node retries for ever if a folder cannot exist, as in /proc.
const makeFolder = (path: string): void => {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // another process may have made it meanwhile
    if (!existsSync(path)) throw error
  }
}

// The most characters that are buffered, because a full disk must not fill the memory too. Further lines are dropped.
const mostBuffered = 16_777_216

/**
 * Milliseconds for buffered lines to be written when the log is closed.
 *
 * @since 0.2.0
 * @category constants
 */
export const longestFlush = 500

/** Milliseconds between two attempts to open a failing file again, and between two checks that the file exists. */
const pause = 1000

// A pipe that is not read must not keep a server from stopping. Returns whether the end came in time.
const endsIn = (milliseconds: number, start: (ended: () => void) => void): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds)
    start(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })

// The largest number of a descriptor in Node. No system gives it to a file.
const noDescriptor = 2 ** 31 - 1

// A descriptor is its owner's again when the log is closed, and its number may soon be that of a connection. Lines that it has
// not taken by then go nowhere: the writer would try them again and again.
const writeNoMore = (file: SonicBoom): void => {
  // to destroy it closes the descriptor that it has
  if (writeTo(file, noDescriptor)) file.destroy()
}

// One exit listener serves all logs of the process.
const atExit = new Set<() => void>()
const flushAll = (): void => {
  for (const flush of atExit) flush()
}

class BufferedLog implements LogFile {
  private file: SonicBoom | undefined = undefined
  private loading: Promise<void> | undefined = undefined
  private isOpen = true
  // true: the last write has failed, and its lines are written again with the next ones
  private failing = false
  private retrying = false
  private removed = false
  private checkedAt = -Infinity
  // the lines of this turn of the event loop, which are written together
  private lines = ""

  // A descriptor that has a path is reopened and closed here.
  constructor(
    private descriptor: number,
    private readonly path: string | undefined,
    private readonly loadWriter: typeof load
  ) {}

  readonly write = (line: string): void => {
    if (!this.isOpen) return
    this.loading ??= this.begin()
    if (this.lines === "") setImmediate(this.writeLines)
    this.lines += `${line}\n`
  }

  readonly reopen = (): void => {
    const { path } = this
    if (!this.isOpen || path === undefined) return
    try {
      this.reopenPath(path)
    } catch (error) {
      warn(error)
    }
  }

  readonly close = async (): Promise<void> => {
    const { loading } = this
    const until = performance.now() + longestFlush
    if (loading !== undefined) await endsIn(longestFlush, (ended) => void loading.then(ended))
    atExit.delete(this.flushAtExit)
    if (atExit.size === 0) process.off("exit", flushAll)
    if (!this.isOpen) return
    this.writeLines()
    this.isOpen = false
    const { file, path } = this
    if (file === undefined) {
      this.writeAtOnce()
      if (path !== undefined) closeSync(this.descriptor)
      return
    }
    const left = Math.max(0, until - performance.now())
    if (path === undefined) {
      if (!await endsIn(left, (ended) => file.flush(() => ended()))) writeNoMore(file)
      return
    }
    await endsIn(left, (resolve) => {
      // lines that cannot be written now are lost
      file.once("error", () => {
        file.once("error", () => resolve())
        file.destroy()
      })
      file.once("close", resolve)
      file.end()
    })
  }

  private async begin(): Promise<void> {
    if (atExit.size === 0) process.on("exit", flushAll)
    atExit.add(this.flushAtExit)
    try {
      const { default: { SonicBoom } } = await this.loadWriter()
      // the log may have been closed meanwhile
      if (!this.isOpen) return
      const file = new SonicBoom({ fd: this.descriptor, maxLength: mostBuffered })
      file.on("error", this.onError)
      this.file = file
      this.writeLines()
    } catch (error) {
      if (!this.isOpen) return
      this.isOpen = false
      this.lines = ""
      if (this.path !== undefined) closeSync(this.descriptor)
      warn(error)
    }
  }

  // Called when the writer was not loaded in time. A file takes lines at once; a pipe might never.
  private writeAtOnce(): void {
    if (this.lines === "") return
    try {
      if (!fstatSync(this.descriptor, { bigint: true }).isFile()) throw new Error("its writer was not loaded in time")
      writeSync(this.descriptor, this.lines)
    } catch (error) {
      warn(error)
    }
  }

  private readonly onError = (error: unknown): void => {
    this.retrying = false
    if (this.failing) return
    this.failing = true
    this.checkedAt = performance.now()
    if (this.isOpen) warn(error)
    this.file?.once("write", this.onWritten)
  }

  private readonly onWritten = (): void => {
    this.failing = false
    this.retrying = false
  }

  private readonly writeLines = (): void => {
    const { file } = this
    if (this.lines === "" || file === undefined) return
    const { lines } = this
    this.lines = ""
    this.checkFile()
    if (this.failing && !this.retrying) {
      this.retrying = true
      // a full buffer does not retry by itself
      file.flush()
    }
    file.write(lines)
  }

  // Reopens the path if the file was removed or cannot be written. It checks at most once a second.
  private checkFile(): void {
    const { path } = this
    if (path === undefined || (this.failing && this.retrying)) return
    const now = performance.now()
    if (now - this.checkedAt < pause) return
    this.checkedAt = now
    // a moved file still has a link, and is used until `reopen`
    const removed = fstatSync(this.descriptor, { bigint: true }).nlink === 0n
    if (removed && !this.removed) warn(new Error(`${path} was removed; it is created again`))
    this.removed = removed
    if (!removed && !this.failing) return
    try {
      this.reopenPath(path)
    } catch {
      // this was reported; the old file may still work
    }
  }

  private reopenPath(path: string): void {
    const fresh = openPath(path)
    const old = this.descriptor
    this.descriptor = fresh
    const { file } = this
    if (file === undefined) {
      closeSync(old)
      return
    }
    writeTo(file, fresh)
    // the old descriptor is closed after the write in progress, because its number could become another file's
    file.flush(() => closeSync(old))
  }

  private readonly flushAtExit = (): void => {
    if (!this.isOpen) return
    try {
      // the writer is not loaded yet
      if (this.file === undefined) writeSync(this.descriptor, this.lines)
      else {
        this.writeLines()
        this.file.flushSync()
      }
    } catch {
      // the process exits, so nothing can report this
    }
  }
}
