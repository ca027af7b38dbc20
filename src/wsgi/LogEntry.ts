/**
 * Entries of a server's log that are not requests: starts and stops, refusals, failures, and what applications write to
 * `wsgi.errors`.
 *
 * @since 0.2.0
 */
import { catchRejection } from "../server/catchRejection.js"
import { failureName } from "../server/FailureText.js"
import { asRecord, inOneLine } from "../server/logText.js"
import { noText } from "../server/noText.js"
import type { LogSink } from "./Log.js"

/**
 * An entry of the log that is not a request: a failure, a refusal, a start or stop, or a line of `wsgi.errors`.
 *
 * @since 0.2.0
 * @category models
 */
export interface LogEntry {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly level: "debug" | "info" | "error"
  /** The source: the server, or the application through `wsgi.errors`. */
  readonly from: "server" | "application"
  /** A message from the server is one line, with the peer, and with method and path if it is about a request. */
  readonly message: string
  /** The failure's text and stack, in several lines. */
  readonly failure: string | undefined
}

/**
 * Makes the text of an entry. The result is escaped, and all lines but the first are indented.
 *
 * @since 0.2.0
 * @category models
 */
export type LogEntryFormat = (entry: LogEntry) => string

const text: LogEntryFormat = ({ failure, from, message }) => {
  const line = from === "server" ? `(${process.pid}) ${message}` : message
  return failure === undefined ? line : `${line}\n${failure}`
}

const json: LogEntryFormat = ({ failure, from, level, message, time }) =>
  inOneLine(JSON.stringify({ time: new Date(time).toISOString(), pid: process.pid, level, from, message, failure }))

/**
 * The formats that have a name. `text` is the process id and the message, with a failure in the lines below. `json` is one line
 * of JSON.
 *
 * @since 0.2.0
 * @category constants
 */
export const formats = { text, json } as const

/**
 * Writes one entry.
 *
 * @since 0.2.0
 * @category models
 */
export type LogEntryWriter = (
  level: LogEntry["level"],
  from: LogEntry["from"],
  message: string,
  failure?: string
) => void

/**
 * Writes entries to a sink.
 *
 * @since 0.2.0
 * @category constructors
 */
export const writer = (sink: LogSink | undefined, format: LogEntryFormat): LogEntryWriter => {
  let isReported = false
  return (level, from, message, failure) => {
    const write = level === "debug" ? sink?.debug : sink?.info
    if (write === undefined) return
    const entry: LogEntry = { time: Date.now(), level, from, message, failure }
    const line = made(format, entry)
    if (typeof line === "string") return write(asRecord(line))
    write(asRecord(text(entry)))
    if (isReported) return
    isReported = true
    const reason = inOneLine(`errorFormat failed, entries are written as text: ${line.message}`)
    write(asRecord(text({ time: entry.time, level: "error", from: "server", message: reason, failure: undefined })))
  }
}

const made = (format: LogEntryFormat, entry: LogEntry): string | { readonly message: string } => {
  try {
    const line: unknown = format(entry)
    if (typeof line === "string") return line
    catchRejection(line, () => undefined)
    return { message: noText("it", line) }
  } catch (error) {
    return { message: failureName(error) }
  }
}
