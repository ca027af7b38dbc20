/**
 * Field lines: the section that ends with an empty line, in heads and in trailers (RFC 9112, 5 and 7.1.2).
 *
 * @since 0.1.0
 */
import { type Failure, failure } from "./failure.js"
import { COLON, CR, fieldBytes, hex, HTAB, latin1, LF, SP, tokenBytes } from "./grammar.js"

/**
 * Field names and values in the order in which they arrived, alternating: `[name, value, name, value, ...]`. Names keep their
 * case, values have no white space around them, and both are latin-1 text.
 *
 * @since 0.1.0
 */
export type Fields = ReadonlyArray<string>

/**
 * Bounds on a section.
 *
 * @since 0.1.0
 */
export interface SectionLimits {
  /** The longest line in bytes, without its line end. */
  readonly line: number
  /** The most bytes of all lines, including line ends. */
  readonly section: number
  /** The most lines. */
  readonly count: number
}

// Parsing is synchronous, so all parsers share one list of offsets.
const offsets: Array<number> = []

/**
 * Reads field sections, one after another, line by line. Give `parse` the bytes. When it returns `undefined`, call it again
 * with the bytes after `consumed`, followed by more.
 *
 * @since 0.1.0
 */
export class FieldSection {
  /** Index of the first byte that was not yet taken, in the array last given to `parse`. */
  consumed = 0
  private fields: Array<string> = []
  // the text of the section, if it arrived in one piece
  private text = ""
  private used = 0
  // The section before this one. Clients repeat most of their fields, often all. Text that is the same is not read again, and a
  // name that is the same string is not hashed again.
  private known: Array<string> = []
  private knownText = ""
  // the number of characters that were the same in the section before it: a field that has changed once changes again
  private steadyLength = 0
  private steadyLines = 0
  // index of the current line in the known section, or -1 without one; `changed` says that an earlier line differed
  private knownAt = -1
  private changed = false

  constructor(private readonly limits: SectionLimits) {}

  private take(): Fields {
    const fields = this.fields
    this.known = fields
    this.knownText = this.text
    this.fields = []
    this.text = ""
    this.used = 0
    return fields
  }

  /**
   * Returns the fields when the empty line was read, and `undefined` if more bytes are needed. If the caller gave the section as
   * text and that is the same as before, the array is the same too. `text` has some of the bytes, from the index `textStart` on.
   */
  parse(bytes: Uint8Array, from: number, text = "", textStart = from): Fields | undefined | Failure {
    const isFirst = this.used === 0
    const known = isFirst && text !== "" ? this.knownText : ""
    let found = 0
    let lineStart = from
    let outcome: true | undefined | Failure = undefined
    this.knownAt = known === "" ? -1 : 0
    this.changed = false
    if (known !== "") {
      if (isPart(known, 0, known.length, bytes, from, text, textStart)) return this.repeat(from + known.length)
      if (this.steadyLength > 0 && isPart(known, 0, this.steadyLength, bytes, from, text, textStart)) {
        while (found < this.steadyLines * 4) found = asKnown(found)
        this.knownAt = this.steadyLength
        this.used = this.steadyLength
        lineStart += this.steadyLength
      }
    } else if (isFirst) this.setSteady(0, 0)
    while (lineStart < bytes.length) {
      if (bytes[lineStart] === CR) {
        outcome = emptyLine(bytes, lineStart)
        if (outcome !== true) break
        lineStart += 2
        // the section has fewer lines than the known one
        if (this.knownAt >= 0 && !this.changed) this.setSteady(this.knownAt, found / 4)
        break
      }
      const same = this.knownAt < 0 ? 0 : this.repeated(bytes, lineStart, found, text, textStart)
      if (same > 0) {
        lineStart += same
        if (this.knownAt < 0) {
          while (found < this.known.length * 2) found = asKnown(found)
          outcome = true
          break
        }
        found = asKnown(found)
        this.used += same
        continue
      }
      const next = this.line(bytes, lineStart, found)
      if (typeof next !== "number") {
        outcome = next
        break
      }
      found += 4
      this.used += next - lineStart
      lineStart = next
    }
    if (found > 0) {
      const isText = text !== "" && lineStart - textStart <= text.length
      const section = isText ? text.slice(from - textStart, lineStart - textStart) : latin1(bytes, from, lineStart)
      this.add(section, from, found)
      this.text = isFirst && outcome === true ? section : ""
    }
    this.consumed = lineStart
    return outcome === true ? this.take() : outcome
  }

  // The number of bytes from an index on that are the next known line or, once a line differed, the whole rest of the known
  // section; 0 if they are neither.
  private repeated(bytes: Uint8Array, at: number, found: number, text: string, textStart: number): number {
    const { knownAt, knownText } = this
    const left = this.limits.section - this.used
    if (this.changed) {
      const rest = knownText.length - knownAt
      if (rest <= left && isPart(knownText, knownAt, knownText.length, bytes, at, text, textStart)) {
        this.knownAt = -1
        return rest
      }
    }
    const knownEnd = knownText.indexOf("\n", knownAt) + 1
    const lineLength = knownEnd - knownAt
    if (lineLength <= left && isPart(knownText, knownAt, knownEnd, bytes, at, text, textStart)) {
      this.knownAt = knownEnd
      return lineLength
    }
    if (!this.changed) {
      this.changed = true
      this.setSteady(knownAt, found / 4)
    }
    this.knownAt = knownEnd < knownText.length ? knownEnd : -1
    return 0
  }

  // Reads one line, and stores its offsets from `found` on. Returns the index after it, or `undefined` if more bytes are needed.
  private line(bytes: Uint8Array, start: number, found: number): number | Failure | undefined {
    const length = bytes.length
    // The number of bytes that are still within both limits, plus one for the byte that breaks them.
    const left = this.limits.section - this.used
    const stop = start + Math.min(this.limits.line, left) + 1
    const end = stop < length ? stop : length

    let i = start
    while (i < end && tokenBytes[bytes[i]] === 1) i++
    if (i < end && (bytes[i] !== COLON || i === start)) return refuseName(bytes[i], i === start)
    const nameEnd = i
    i++
    while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
    const valueStart = i
    while (i < end && fieldBytes[bytes[i]] === 1) i++
    if (i >= end) return end === stop ? this.tooLong(left) : undefined
    if (bytes[i] !== CR) return refuseValue(bytes[i])
    if (i + 1 >= length) return undefined
    if (bytes[i + 1] !== LF) return failure("BareCarriageReturn", "CR without LF in a field line")
    if (this.fields.length / 2 + found / 4 >= this.limits.count) {
      return failure("TooManyFields", `more than ${this.limits.count} field lines`)
    }
    if (i + 2 - start > left) return this.sectionTooLarge()
    let valueEnd = i
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--
    offsets[found] = start
    offsets[found + 1] = nameEnd
    offsets[found + 2] = valueStart
    offsets[found + 3] = valueEnd
    return i + 2
  }

  private setSteady(length: number, lines: number): void {
    this.steadyLength = length
    this.steadyLines = lines
  }

  private repeat(end: number): Fields {
    this.fields = this.known
    this.text = this.knownText
    this.consumed = end
    return this.take()
  }

  // Converts all lines at once and slices the text, which saves a call into native code for each line.
  private add(text: string, from: number, found: number): void {
    const { fields, known } = this
    for (let at = 0; at < found; at += 4) {
      const place = fields.length
      if (offsets[at] < 0) {
        fields.push(known[place], known[place + 1])
        continue
      }
      const name = text.slice(offsets[at] - from, offsets[at + 1] - from)
      fields.push(
        name === known[place] ? known[place] : name,
        text.slice(offsets[at + 2] - from, offsets[at + 3] - from)
      )
    }
  }

  private tooLong(left: number): Failure {
    return left <= this.limits.line
      ? this.sectionTooLarge()
      : failure("FieldLineTooLong", `a field line longer than ${this.limits.line} bytes`)
  }

  private sectionTooLarge(): Failure {
    return failure("FieldSectionTooLarge", `field lines longer than ${this.limits.section} bytes together`)
  }
}

// Marks a line that is the same as the known one.
const asKnown = (found: number): number => {
  offsets[found] = -1
  return found + 4
}

// Whether the bytes from an index on are a part of the known section. `text` has some of them, from `textStart` on.
const isPart = (
  known: string,
  start: number,
  end: number,
  bytes: Uint8Array,
  from: number,
  text: string,
  textStart: number
): boolean => {
  const stop = from + end - start
  // parts end in a line end, and lines that differ mostly differ in length
  if (stop - textStart > text.length || bytes[stop - 1] !== LF) return false
  const given = text.slice(from - textStart, stop - textStart)
  // slices are compared, because `startsWith` compares character by character
  return given === (start === 0 && end === known.length ? known : known.slice(start, end))
}

// Returns true for the end of a section, or the failure if this line is not an empty one.
const emptyLine = (bytes: Uint8Array, at: number): true | undefined | Failure =>
  at + 1 >= bytes.length
    ? undefined
    : bytes[at + 1] === LF
    ? true
    : failure("BareCarriageReturn", "CR without LF at the start of a field line")

const refuseValue = (byte: number): Failure =>
  byte === LF
    ? failure("BareLineFeed", "LF without CR at the end of a field line")
    : failure("MalformedFieldValue", `control byte ${hex(byte)} in a field value`)

// RFC 9112, 5.1 (nothing between name and colon), 5.2 (no line folding) and 2.2 (line ends)
const refuseName = (byte: number, first: boolean): Failure => {
  if (byte === SP || byte === HTAB) {
    return first
      ? failure("ObsoleteLineFolding", "a field line that starts with white space")
      : failure("SpaceBeforeColon", "white space between field name and colon")
  }
  if (byte === COLON) return failure("MalformedFieldName", "a field line without a name")
  if (byte === LF) return failure("BareLineFeed", "LF without CR in the field section")
  if (byte === CR) return failure("MalformedFieldName", "a field line without a colon")
  return failure("MalformedFieldName", `byte ${hex(byte)} in a field name`)
}
