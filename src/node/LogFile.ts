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
 * Opens a file to add to; its folder is made where there is none. Throws an `OptionError` where that cannot be. A file that
 * is removed, or its folder, is made again within a second, with a warning of the process.
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
 * A descriptor that is open, and stays so.
 *
 * @since 0.2.0
 * @category constructors
 */
export const onDescriptor = (descriptor: number): LogFile => new Lines(descriptor, undefined)

/**
 * Tells the log's owner, through the process.
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

// With `recursive` Node tries for ever where there can be none, as in /proc.
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

// Lines that wait to be written, at the most: a full disk must not fill the memory too.
const mostHeld = 16_777_216

/** Milliseconds for what is held to be written when the log is closed. */
const longestFlush = 500

/** Milliseconds until a file that cannot be written is opened again, and until it is looked whether it is there. */
const pause = 1000

// Loaded with the first line: a server that starts has none to write, and answers a little earlier.
const begin = async (fd: number): Promise<SonicBoom> => {
  const { default: { SonicBoom } } = await import("sonic-boom")
  return new SonicBoom({ fd, maxLength: mostHeld })
}

// A pipe that nobody reads must not keep a server from stopping.
const within = (milliseconds: number, begin: (resolve: () => void) => void): Promise<void> =>
  new Promise((resolve) => {
    const late = setTimeout(resolve, milliseconds)
    begin(() => {
      clearTimeout(late)
      resolve()
    })
  })

// One listener for all logs of the process, which may be many.
const atExit = new Set<() => void>()
const flushAll = (): void => {
  for (const flush of atExit) flush()
}

class Lines implements LogFile {
  private file: SonicBoom | undefined = undefined
  private began: Promise<void> | undefined = undefined
  private isOpen = true
  // A log that cannot be written must not end the server. What was to be written is held, and tried again with each line.
  private broken = false
  private trying = false
  private removed = false
  private looked = -Infinity
  // The lines of one turn of the event loop leave together: a write for each costs as much as a request.
  private gathered = ""

  // With a path the descriptor is ours, to close and to open again.
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
      // what cannot be written now is lost
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
    // once for each time that it breaks
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
      // a full buffer takes no more, and would not try by itself
      file.flush()
    }
    file.write(lines)
  }

  // Now and then: is the file there, and does another one do where this does not?
  private look(): void {
    const { path } = this
    if (path === undefined || (this.broken && this.trying)) return
    const now = performance.now()
    if (now - this.looked < pause) return
    this.looked = now
    // a file that was only moved has a name still, and is kept until `reopen`
    const removed = fstatSync(this.descriptor).nlink === 0
    if (removed && !this.removed) warn(new Error(`${path} was removed; it is made again`))
    this.removed = removed
    if (!removed && !this.broken) return
    try {
      this.openAgain(path)
    } catch {
      // told already; the old one may do yet
    }
  }

  private openAgain(path: string): void {
    const fresh = openPath(path)
    const old = this.descriptor
    this.descriptor = fresh
    const { file } = this
    if (file === undefined) {
      // whoever begins to use it looks which one it is
      closeSync(old)
      return
    }
    writeTo(file, fresh)
    // A write may be under way: closed now, the number could be another file's before that gets to it.
    file.flush(() => closeSync(old))
  }

  private readonly flushAtExit = (): void => {
    if (!this.isOpen) return
    try {
      // too early for the buffer
      if (this.file === undefined) writeSync(this.descriptor, this.gathered)
      else {
        this.give()
        this.file.flushSync()
      }
    } catch {
      // there is nobody left to tell
    }
  }
}
