/**
 * The lines of HTTP/1 heads.
 *
 * @since 0.2.0
 */
import type { FieldWriter } from "../heads.js"
import { reasonOf } from "../reasonPhrase.js"

// Nearly all heads begin with one of a few lines, and end with the date of the current second. Each of these is made once.
const statusLines = new Map<number, readonly [http10: string, http11: string]>()

/** @since 0.2.0 */
export const statusLine = (minorVersion: 0 | 1, status: number, reason: string): string => {
  if (reason !== reasonOf(status)) return `HTTP/1.${minorVersion} ${status} ${reason}\r\n`
  let lines = statusLines.get(status)
  if (lines === undefined) {
    lines = [`HTTP/1.0 ${status} ${reason}\r\n`, `HTTP/1.1 ${status} ${reason}\r\n`]
    statusLines.set(status, lines)
  }
  return lines[minorVersion]
}

let lastDate = ""
let lastDateLine = ""

/** @since 0.2.0 */
export const dateLine = (date: string): string => {
  if (date !== lastDate) {
    lastDate = date
    lastDateLine = `Date: ${date}\r\n`
  }
  return lastDateLine
}

/**
 * How field names are written: `title` makes `sOMe-WEirD` into `Some-Weird`, `preserve` sends them as given.
 *
 * @since 0.1.0
 */
export type FieldCase = "title" | "preserve"

const isText = (fields: unknown): fields is string => typeof fields === "string"

/**
 * Writes fields as lines of latin-1 text.
 *
 * @since 0.2.0
 */
export const fieldLines: { readonly [Case in FieldCase]: FieldWriter<string> } = {
  title: {
    none: "",
    add: (before, name, _given, value) => before + `${name.title}: ${value}\r\n`,
    isWritten: isText
  },
  preserve: {
    none: "",
    add: (before, _name, given, value) => before + `${given}: ${value}\r\n`,
    isWritten: isText
  }
}
