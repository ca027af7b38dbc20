/**
 * A log in a file or on another descriptor, written through a buffer that is flushed when the process exits.
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
  /** Adds a line, whose end is not given. Never waits, never throws. */
  readonly write: (line: string) => void
  /** Opens the file of that name anew, once another program has moved it. Does nothing to a descriptor. */
  readonly reopen: () => void
  /** Writes out what is still held. */
  readonly close: () => Promise<void>
}

/**
 * Opens a file for appending. Its folder is made where it is missing. Throws an `OptionError` where that is impossible. A file or
 * folder that is removed is made again within a second, with a process warning.
 *
 * @since 0.2.0
 * @category constructors
 */
export const open = (path: string): LogFile => {
  try {
    return new Lines(openPath(path), path)
  } catch (cause) {
    throw new OptionError({
      option: "log",
      description: `${path} cannot be opened for writing (${cause instanceof Error ? cause.message : String(cause)})`
    })
  }
}

/**
 * A descriptor that is open, and stays open.
 *
 * @since 0.2.0
 * @category constructors
 */
export const onDescriptor = (descriptor: number): LogFile => new Lines(descriptor, undefined)

/**
 * Warns the operator through the process.
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

// With `recursive`, Node never stops trying where a folder cannot exist, as in /proc.
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

// The most lines that wait to be written: a full disk must not fill the memory too.
const mostHeld = 16_777_216

/**
 * Milliseconds for what is held to be written when the log is closed.
 *
 * @since 0.2.0
 * @category constants
 */
export const longestFlush = 500

/** Milliseconds until a file that cannot be written is opened again, and until it is looked whether it is there. */
const pause = 1000

// Loaded with the first line, because a server has none to write when it starts.
const begin = async (fd: number): Promise<SonicBoom> => {
  const { default: { SonicBoom } } = await load()
  return new SonicBoom({ fd, maxLength: mostHeld })
}

// A pipe that is not read must not keep a server from stopping.
const within = (milliseconds: number, begin: (resolve: () => void) => void): Promise<void> =>
  new Promise((resolve) => {
    const late = setTimeout(resolve, milliseconds)
    begin(() => {
      clearTimeout(late)
      resolve()
    })
  })

// One exit listener for all logs of the process, which may be many.
const atExit = new Set<() => void>()
const flushAll = (): void => {
  for (const flush of atExit) flush()
}

class Lines implements LogFile {
  private file: SonicBoom | undefined = undefined
  private began: Promise<void> | undefined = undefined
  private isOpen = true
  // A log that cannot be written must not end the server. Lines are held, and written again with the next one.
  private broken = false
  private trying = false
  private removed = false
  private looked = -Infinity
  // The lines of one turn of the event loop are written together.
  private gathered = ""

  // With a path, the descriptor is opened and closed here.
  constructor(private descriptor: number, private readonly path: string | undefined) {}

  readonly write = (line: string): void => {
    if (!this.isOpen) return
    this.began ??= this.begin()
    if (this.gathered === "") setImmediate(this.give)
    this.gathered += `${line}\n`
  }

  readonly reopen = (): void => {
    const { path } = this
    if (!this.isOpen || path === undefined) return
    try {
      this.openAgain(path)
    } catch (error) {
      warn(error)
    }
  }

  readonly close = async (): Promise<void> => {
    await this.began
    atExit.delete(this.flushAtExit)
    if (atExit.size === 0) process.off("exit", flushAll)
    if (!this.isOpen) return
    this.give()
    this.isOpen = false
    const { file, path } = this
    if (file === undefined) {
      if (path !== undefined) closeSync(this.descriptor)
      return
    }
    return within(longestFlush, (resolve) => {
      if (path === undefined) return file.flush(() => resolve())
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
      const file = await begin(this.descriptor)
      // it may have been opened anew meanwhile
      writeTo(file, this.descriptor)
      file.on("error", this.onError)
      this.file = file
      this.give()
    } catch (error) {
      this.isOpen = false
      this.gathered = ""
      warn(error)
    }
  }

  private readonly onError = (error: unknown): void => {
    this.trying = false
    if (this.broken) return
    this.broken = true
    this.looked = performance.now()
    // once each time that it begins to fail
    if (this.isOpen) warn(error)
    this.file?.once("write", this.works)
  }

  private readonly works = (): void => {
    this.broken = false
    this.trying = false
  }

  private readonly give = (): void => {
    const { file } = this
    if (this.gathered === "" || file === undefined) return
    const lines = this.gathered
    this.gathered = ""
    this.look()
    if (this.broken && !this.trying) {
      this.trying = true
      // a full buffer takes no more, and does not try by itself
      file.flush()
    }
    file.write(lines)
  }

  // Called now and then: opens the file again where it was removed, or where the old one cannot be written.
  private look(): void {
    const { path } = this
    if (path === undefined || (this.broken && this.trying)) return
    const now = performance.now()
    if (now - this.looked < pause) return
    this.looked = now
    // a file that was only moved still has a name, and is kept until `reopen`
    const removed = fstatSync(this.descriptor).nlink === 0
    if (removed && !this.removed) warn(new Error(`${path} was removed; it is made again`))
    this.removed = removed
    if (!removed && !this.broken) return
    try {
      this.openAgain(path)
    } catch {
      // reported already; the old file may still work
    }
  }

  private openAgain(path: string): void {
    const fresh = openPath(path)
    const old = this.descriptor
    this.descriptor = fresh
    const { file } = this
    if (file === undefined) {
      // other code finds out which file it is
      closeSync(old)
      return
    }
    writeTo(file, fresh)
    // A write may be under way. If the descriptor were closed now, its number could be another file's before the write gets to it.
    file.flush(() => closeSync(old))
  }

  private readonly flushAtExit = (): void => {
    if (!this.isOpen) return
    try {
      // the buffer is not ready yet
      if (this.file === undefined) writeSync(this.descriptor, this.gathered)
      else {
        this.give()
        this.file.flushSync()
      }
    } catch {
      // the process exits: there is no way left to report it
    }
  }
}
