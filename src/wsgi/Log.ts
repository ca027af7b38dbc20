/**
 * Where the lines of a server's log go.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import type { SonicBoom } from "sonic-boom"
import { lookAt } from "../server/lookAt.js"
import { OptionError } from "../server/ServerError.js"

/**
 * A place for lines: a logger, something with `write`, a function, a file's path, or a descriptor. Lines given to `write`
 * end in a newline.
 *
 * @since 0.1.0
 * @category models
 */
export type LogTarget =
  | { readonly info: (line: string) => void; readonly debug: (line: string) => void }
  | { readonly write: (text: string) => unknown }
  | ((line: string) => void)
  | string
  | number

/**
 * @since 0.1.0
 * @category models
 */
export interface LogSink {
  readonly info: (line: string) => void
  /** Absent where lines for the developer are not wanted. */
  readonly debug: ((line: string) => void) | undefined
  /** Writes out what is still held. */
  readonly close: () => Promise<void>
}

const nothingHeld = (): Promise<void> => Promise.resolve()

/**
 * Opens a log. Files, and standard error by default, are written through a buffer that is flushed when the process exits.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (target: LogTarget = 2, debug: boolean): LogSink => {
  if (typeof target === "function") {
    const write = guarded(target)
    return { info: write, debug: debug ? write : undefined, close: nothingHeld }
  }
  if (typeof target === "object") {
    if ("info" in target) {
      return {
        info: guarded((line) => target.info(line)),
        debug: guarded((line) => target.debug(line)),
        close: nothingHeld
      }
    }
    if ("write" in target) {
      listenForErrors(target)
      const write = guarded((line) => target.write(`${line}\n`))
      return { info: write, debug: debug ? write : undefined, close: nothingHeld }
    }
    throw new OptionError({
      option: "log",
      description: "give a logger with info and debug, something with write, a function, a path or a descriptor"
    })
  }
  return typeof target === "number"
    ? throughBuffer(target, debug, undefined)
    : throughBuffer(openPath(target), debug, target)
}

// A log that fails must not take requests with it; its owner is told once, through the process.
const guarded = (write: (line: string) => unknown): (line: string) => void => {
  let told = false
  const failed = (error: unknown): void => {
    if (told) return
    told = true
    warn(error)
  }
  return (line) => {
    try {
      lookAt(write(line), failed)
    } catch (error) {
      failed(error)
    }
  }
}

// Several servers may share a stream: it has one listener for all.
const heard = new WeakSet<object>()

const listenForErrors = (target: object): void => {
  if (heard.has(target) || !Predicate.hasProperty(target, "on") || !Predicate.isFunction(target.on)) return
  heard.add(target)
  let told = false
  Reflect.apply(target.on, target, ["error", (error: unknown) => {
    if (!told) warn(error)
    told = true
  }])
}

const warn = (error: unknown): void =>
  process.emitWarning(
    `the log failed: ${error instanceof Error ? error.message : Inspectable.toStringUnknown(error)}`,
    "TsgiWarning"
  )

// Lines that wait to be written, at the most: a full disk must not fill the memory too.
const mostHeld = 16_777_216

/** Milliseconds for what is held to be written when the log is closed. */
const longestFlush = 1000

/** Milliseconds until a file that cannot be written is opened again. */
const pause = 1000

// Loaded with the first line: a server that starts has none to write, and answers a little earlier.
const begin = async (fd: number): Promise<SonicBoom> => {
  const { default: { SonicBoom } } = await import("sonic-boom")
  return new SonicBoom({ fd, maxLength: mostHeld })
}

// With a path the descriptor is ours, to close and to open again.
const throughBuffer = (fd: number, debug: boolean, path: string | undefined): LogSink => {
  let buffer: LineBuffer | undefined
  let closed = false
  const write = (line: string): void => {
    if (!closed) (buffer ??= lineBuffer(fd, path)).write(line)
  }
  return {
    info: write,
    debug: debug ? write : undefined,
    close: async () => {
      if (closed) return
      closed = true
      if (buffer !== undefined) return buffer.close()
      if (path !== undefined) closeSync(fd)
    }
  }
}

interface LineBuffer {
  readonly write: (line: string) => void
  readonly close: () => Promise<void>
}

const lineBuffer = (fd: number, path: string | undefined): LineBuffer => {
  let file: SonicBoom | undefined
  let current = fd
  let open = true
  // A log that cannot be written must not end the server. What was to be written is held, and tried again with each line.
  let broken = false
  let trying = false
  let opened = 0
  const works = (): void => {
    broken = false
    trying = false
  }
  const began = begin(fd).then((begun) => {
    begun.on("error", (error: unknown) => {
      trying = false
      if (broken) return
      broken = true
      opened = performance.now()
      // once for each time that it breaks
      if (open) warn(error)
      begun.once("write", works)
    })
    file = begun
    give()
  }).catch((error: unknown) => {
    open = false
    gathered = ""
    warn(error)
  })
  const openAgain = (file: SonicBoom, path: string): void => {
    opened = performance.now()
    try {
      const fresh = openSync(path, "a")
      closeSync(current)
      current = fresh
      Reflect.set(file, "fd", fresh)
    } catch {
      // told already; the old one may do yet
    }
  }
  // The lines of one turn of the event loop leave together: a write for each costs as much as a request.
  let gathered = ""
  const give = (): void => {
    if (gathered === "" || file === undefined) return
    const lines = gathered
    gathered = ""
    if (broken && !trying) {
      if (path !== undefined && performance.now() - opened >= pause) openAgain(file, path)
      trying = true
      // a full buffer takes no more, and would not try by itself
      file.flush()
    }
    file.write(lines)
  }
  const write = (line: string): void => {
    if (!open) return
    if (gathered === "") setImmediate(give)
    gathered += `${line}\n`
  }
  const flushAtExit = (): void => {
    if (!open) return
    try {
      // too early for the buffer
      if (file === undefined) writeSync(fd, gathered)
      else {
        give()
        file.flushSync()
      }
    } catch {
      // there is nobody left to tell
    }
  }
  process.on("exit", flushAtExit)
  return {
    write,
    close: async () => {
      await began
      process.off("exit", flushAtExit)
      if (!open || file === undefined) return
      give()
      open = false
      const last = file
      return within(longestFlush, (resolve) => {
        if (path === undefined) return last.flush(() => resolve())
        // what cannot be written now is lost
        last.once("error", () => {
          last.once("error", () => resolve())
          last.destroy()
        })
        last.once("close", resolve)
        last.end()
      })
    }
  }
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

const openPath = (path: string): number => {
  try {
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, "a")
  } catch (cause) {
    throw new OptionError({
      option: "log",
      description: `${path} cannot be opened for writing (${cause instanceof Error ? cause.message : String(cause)})`
    })
  }
}
