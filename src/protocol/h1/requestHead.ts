/**
 * The request head: request line and field section (RFC 9112, 2.1, 3 and 5).
 *
 * This module reads bytes and judges their grammar. `framing.ts` decides what the head means for the body and for the connection.
 *
 * @since 0.1.0
 */
import { type Failure, failure } from "../failure.js"
import { type Fields, FieldSection } from "../fields.js"
import { CR, hex, latin1, LF, SP, targetBytes, tokenBytes } from "../grammar.js"
import type { Leniency, Limits } from "../limits.js"
import type { RequestHead } from "../requestHead.js"
import { parseTarget, type Target } from "../target.js"

/**
 * The head of a request of HTTP/1.
 *
 * @since 0.2.0
 */
export interface Http1RequestHead extends RequestHead {
  /** The minor version of HTTP/1 for the answer: 0 or 1. Higher ones count as 1 (RFC 9110, 2.5). */
  readonly minorVersion: 0 | 1
}

// The number of bytes of a connection's first head that are converted to text at once.
const usualHead = 1024
const longestText = 16_384

// RFC 9112, 2.2: at least one empty line before the request line is ignored; a few more are tolerated
const mostEmptyLines = 4

/**
 * Reads request heads from a stream of bytes, one after another. Give `parse` the bytes. When it returns `undefined`, call it
 * again with the bytes after `consumed`, followed by more.
 *
 * @since 0.1.0
 */
export class RequestHeadParser {
  /** Index of the first byte that was not read, in the array last given to `parse`. */
  consumed = 0
  private emptyLines = 0
  private head: StartedHead | undefined = undefined
  private refusedLine = ""
  // One call into native code converts the request line to text, together with as many of the bytes after it as the last head
  // had, and a few more. A slice of a head keeps all of that text alive.
  private text = ""
  private textStart = 0
  private likelyLength = usualHead
  private readonly section: FieldSection

  constructor(private readonly limits: Limits, private readonly leniency: Leniency) {
    this.section = new FieldSection({ line: limits.fieldLine, section: limits.fieldSection, count: limits.fieldCount })
  }

  /** Whether a part of a head was already taken. Bytes of an incomplete line do not count; they belong to the caller. */
  get started(): boolean {
    return this.head !== undefined
  }

  /** The request line of a head that is being read, for the log. If it was refused, it has what was read until then. */
  get requestLine(): string {
    const head = this.head
    return head === undefined ? this.refusedLine : head.line
  }

  parse(bytes: Uint8Array, from: number): Http1RequestHead | Failure | undefined {
    let head = this.head
    if (head === undefined) {
      const begun = this.parseLine(bytes, from)
      if (begun === undefined || begun._tag === "Failure") return begun
      this.head = head = begun
      from = this.consumed
    }
    const done = this.section.parse(bytes, from, this.text, this.textStart)
    this.consumed = this.section.consumed
    if (this.text !== "") {
      this.likelyLength = Math.min(longestText, Math.max(this.text.length >> 1, this.consumed - this.textStart + 32))
      this.text = ""
    }
    if (done === undefined || "_tag" in done) return done
    this.head = undefined
    this.emptyLines = 0
    head.fields = done
    return head
  }

  private parseLine(bytes: Uint8Array, from: number): StartedHead | Failure | undefined {
    const refused = this.skipEmptyLines(bytes, from)
    if (refused !== undefined) return refused
    const length = bytes.length
    const start = this.consumed
    if (start >= length || bytes[start] === CR) return undefined

    // This is one byte more than the line may have, for the byte that breaks the limit.
    const stop = start + this.limits.requestLine + 1
    const end = stop < length ? stop : length
    let i = start
    while (i < end && tokenBytes[bytes[i]] === 1) i++
    const methodEnd = i
    if (i < end) {
      if (bytes[i] !== SP || i === start) return this.refuse(bytes, start, i, "the method")
      i++
    }
    const targetStart = i
    if (this.leniency.allowNonAsciiTarget) {
      while (i < end && (targetBytes[bytes[i]] === 1 || bytes[i] > 0x7f)) i++
    } else {
      while (i < end && targetBytes[bytes[i]] === 1) i++
    }
    const targetEnd = i
    if (i < end) {
      if (bytes[i] !== SP || i === targetStart) return this.refuse(bytes, start, i, "the request target")
      i++
    }
    const versionStart = i
    while (i < end && targetBytes[bytes[i]] === 1) i++
    if (i >= end) {
      if (end < stop) return undefined
      this.refusedLine = latin1(bytes, start, end)
      return failure("RequestLineTooLong", `a request line longer than ${this.limits.requestLine} bytes`)
    }
    if (bytes[i] !== CR) return this.refuse(bytes, start, i, "the HTTP version")
    if (i + 1 >= length) return undefined
    if (bytes[i + 1] !== LF) return failure("BareCarriageReturn", "CR without LF in the request line")
    const text = latin1(bytes, start, Math.min(length, Math.max(i, start + this.likelyLength)))
    const line = text.slice(0, i - start)
    this.refusedLine = line
    const version = i - versionStart === 8 && isHttp11(bytes, versionStart)
      ? "HTTP/1.1"
      : line.slice(versionStart - start)
    const minorVersion = minorVersionOf(version)
    if (typeof minorVersion !== "number") return minorVersion
    const method = text.slice(0, methodEnd - start)
    const target = text.slice(targetStart - start, targetEnd - start)
    const form = parseTarget(method, target)
    if (form === undefined) return failure("MalformedTarget", "a request target of no known form")
    this.consumed = i + 2
    this.refusedLine = ""
    this.text = text
    this.textStart = start
    return new StartedHead(line, method, target, form, minorVersion, version)
  }

  // Skips the empty lines before a request line.
  private skipEmptyLines(bytes: Uint8Array, from: number): Failure | undefined {
    const length = bytes.length
    let start = from
    this.consumed = from
    while (start < length && (bytes[start] === CR || bytes[start] === LF)) {
      if (bytes[start] === LF) return failure("BareLineFeed", "LF without CR before the request line")
      if (start + 1 >= length) break
      if (bytes[start + 1] !== LF) return failure("BareCarriageReturn", "CR without LF before the request line")
      if (++this.emptyLines > mostEmptyLines) {
        return failure("MalformedRequestLine", `more than ${mostEmptyLines} empty lines before the request line`)
      }
      start += 2
    }
    this.consumed = start
    return undefined
  }

  // RFC 9112, 3: there are three parts, with one space between them and no white space within
  private refuse(bytes: Uint8Array, start: number, at: number, where: string): Failure {
    const byte = bytes[at]
    this.refusedLine = latin1(bytes, start, byte === LF || byte === CR ? at : at + 1)
    if (byte === LF) return failure("BareLineFeed", `LF without CR in ${where}`)
    if (byte === CR) return failure("MalformedRequestLine", `the request line ends in ${where}`)
    return where === "the request target" && byte !== SP
      ? failure("MalformedTarget", `byte ${hex(byte)} in the request target`)
      : failure("MalformedRequestLine", `byte ${hex(byte)} in ${where}`)
  }
}

const none: Fields = []

// A head whose request line was read; its fields are set later. Objects that are made for every request are instances and not
// literals: V8 may allocate literals among old objects, where they keep alive what they refer to (see test/bench/README.md).
class StartedHead implements Http1RequestHead {
  readonly _tag = "RequestHead"
  fields: Fields = none

  constructor(
    readonly line: string,
    readonly method: string,
    readonly target: string,
    readonly form: Target,
    readonly minorVersion: 0 | 1,
    readonly version: string
  ) {}
}

const http11 = [72, 84, 84, 80, 47, 49, 46, 49]

const isHttp11 = (bytes: Uint8Array, at: number): boolean => {
  for (let i = 0; i < 8; i++) if (bytes[at + i] !== http11[i]) return false
  return true
}

// RFC 9112, 2.3: HTTP/DIGIT.DIGIT, case-sensitive; RFC 9110, 15.6.6: other major versions are answered 505
const minorVersionOf = (version: string): 0 | 1 | Failure => {
  if (version === "HTTP/1.1") return 1
  if (version === "HTTP/1.0") return 0
  if (/^HTTP\/1\.[2-9]$/.test(version)) return 1
  return /^HTTP\/[0-9]\.[0-9]$/.test(version)
    ? failure("UnsupportedVersion", `${version} is not supported`)
    : failure("MalformedRequestLine", "no HTTP version at the end of the request line")
}

/**
 * The host of an absolute target replaces the value of Host, or a missing Host, so that no code can believe the other one (RFC
 * 9112, 3.2.2). The latter is one field more than came, and `limits.fieldCount` does not count it.
 *
 * @since 0.2.0
 */
export const hostFromTarget = (
  head: Http1RequestHead,
  { authority }: { readonly authority: string }
): Http1RequestHead => {
  const fields = [...head.fields]
  const at = fields.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "host")
  if (at < 0) fields.unshift("Host", authority)
  else fields[at + 1] = authority
  return { ...head, fields }
}
