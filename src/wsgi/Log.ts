/**
 * The targets of a server's log.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { onDescriptor, open as openFile, warn } from "../node/LogFile.js"
import { catchRejection } from "../server/catchRejection.js"
import type { Option } from "../server/checkOptions.js"
import { isClass } from "../server/guards.js"
import { notRun } from "../server/notRun.js"

/**
 * A target for lines: a logger, an object with `write`, a function, a file's path, or a descriptor. Lines given to `write`
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
 * A log that is open.
 *
 * @since 0.1.0
 * @category models
 */
export interface LogSink {
  readonly info: (line: string) => void
  /** Absent if debug lines are not logged. */
  readonly debug: ((line: string) => void) | undefined
  /** Reopens the file by its name; does nothing for other targets. */
  readonly reopen: () => void
  /** Writes the buffered lines, and closes a file that was opened here. */
  readonly close: () => Promise<void>
}

/**
 * The option whose value is a {@link LogTarget}.
 *
 * @since 0.2.0
 * @category constants
 */
export const target: Option = {
  expected: "a logger with info and debug, something with write, a function, a path or a descriptor",
  accepts: (given) =>
    typeof given === "string" || (typeof given === "function" && !isClass(given)) ||
    (typeof given === "number" && Number.isInteger(given) && given >= 0) ||
    Predicate.hasProperty(given, "info") || Predicate.hasProperty(given, "write")
}

const nothingHeld = { reopen: (): void => undefined, close: (): Promise<void> => Promise.resolve() }

/**
 * Opens a log. Files, and standard error by default, are written through a buffer that is flushed when the process exits.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (target: LogTarget = 2, debug: boolean): LogSink => {
  if (typeof target === "function") {
    const write = guarded(target)
    return { info: write, debug: debug ? write : undefined, ...nothingHeld }
  }
  if (typeof target === "object") {
    if ("info" in target) {
      return {
        info: guarded((line) => target.info(line)),
        debug: guarded((line) => target.debug(line)),
        ...nothingHeld
      }
    }
    listenForErrors(target)
    const write = guarded((line) => target.write(`${line}\n`))
    return { info: write, debug: debug ? write : undefined, ...nothingHeld }
  }
  const { close, reopen, write } = typeof target === "number" ? onDescriptor(target) : openFile(target)
  return { info: write, debug: debug ? write : undefined, reopen, close }
}

// A log that fails does not end requests. It is reported once, as a process warning.
const guarded = (write: (line: string) => unknown): (line: string) => void => {
  let isReported = false
  const failed = (error: unknown): void => {
    if (isReported) return
    isReported = true
    warn(error)
  }
  return (line) => {
    try {
      const returned = write(line)
      catchRejection(returned, failed)
      const error = notRun(returned, "it", "write in the function itself")
      if (error !== undefined) failed(error)
    } catch (error) {
      failed(error)
    }
  }
}

// Streams that already have the listener for errors, because several servers may share one stream.
const streams = new WeakSet<object>()

const listenForErrors = (target: object): void => {
  if (streams.has(target) || !Predicate.hasProperty(target, "on") || !Predicate.isFunction(target.on)) return
  streams.add(target)
  let isReported = false
  Reflect.apply(target.on, target, ["error", (error: unknown) => {
    if (!isReported) warn(error)
    isReported = true
  }])
}
