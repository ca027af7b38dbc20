/**
 * The supervisor's log: a line for each event, and the newest events for the status.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { Newest } from "./Newest.js"

/**
 * @since 0.2.0
 * @category models
 */
export type Level = "debug" | "info" | "warn" | "error"

/**
 * @since 0.2.0
 * @category models
 */
export interface JournalEvent {
  readonly at: string
  readonly level: Level
  /** The kind of the event, in one word. */
  readonly event: string
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

type Note = (event: string, text: string, fields?: Readonly<Record<string, unknown>>) => Effect.Effect<void>

/**
 * @since 0.2.0
 * @category tags
 */
export class Journal extends Context.Tag("tsgi/cli/Journal")<
  Journal,
  & { readonly [L in Level]: Note }
  & {
    /** The newest twenty events, latest first. Debug lines are not among them, whatever the log level is. */
    readonly newest: Effect.Effect<ReadonlyArray<JournalEvent>>
  }
>() {}

const levels: ReadonlyArray<Level> = ["debug", "info", "warn", "error"]
const mostKept = 20

/**
 * @since 0.2.0
 * @category models
 */
export interface JournalOptions {
  readonly format: "text" | "json"
  readonly least: Level
  /** Whether a banner takes the place of the lines of `info` up to the event `serving`, but for `starting`. Default `false`. */
  readonly banner?: boolean
}

/**
 * @param write called with each line, without a newline
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  options: JournalOptions & { readonly pid: number },
  write: (line: string) => void
): Context.Tag.Service<Journal> => {
  const newest = new Newest<JournalEvent>(mostKept)
  let starting = options.banner === true && options.least !== "debug"
  const note = (level: Level): Note => (event, text, fields = {}) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const entry = { at: new Date(now).toISOString(), level, event, text, fields }
      if (level !== "debug") newest.add(entry)
      const isReplaced = starting && level === "info" && event !== "starting"
      const isShown = !isReplaced && levels.indexOf(level) >= levels.indexOf(options.least)
      if (event === "serving") starting = false
      if (isShown) write(format(entry, options))
    })
  return {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    newest: Effect.sync(() => newest.all)
  }
}

const format = (
  { at, event, fields, level, text }: JournalEvent,
  { format, pid }: { readonly format: "text" | "json"; readonly pid: number }
): string =>
  format === "json"
    ? JSON.stringify({ at, level, event, text, pid, ...fields })
    : `${typeof fields["details"] === "string" ? `${fields["details"]}\n` : ""}${at} tsgi[${pid}] ${level.padEnd(5)} ${
      text.replaceAll("\n", " ")
    }`

/**
 * Writes to standard error. A line that cannot be written is dropped.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (options: JournalOptions): Layer.Layer<Journal> =>
  Layer.sync(Journal, () =>
    make({ ...options, pid: process.pid }, (line) => {
      try {
        Fs.writeSync(2, `${line}\n`)
      } catch {
        // the error is EPIPE, EAGAIN or ENOSPC, for instance
      }
    }))
