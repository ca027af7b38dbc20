/**
 * Heads of responses, final and interim, as applications give them. They are judged once, for every wire.
 *
 * Nothing here writes bytes. A wire gives a {@link FieldWriter}, which turns each judged field into what that wire sends: HTTP/1
 * makes lines of text. Fields are judged and written in one pass, because an application's iterable may give others in a second
 * pass.
 *
 * @since 0.2.0
 */
import { type FieldName, fieldName, mayTrail } from "./fieldNames.js"
import { isFieldValue, listMembers } from "./grammar.js"
import {
  invalid,
  invalidFields,
  type InvalidHead,
  invalidName,
  invalidReason,
  invalidStatus,
  invalidValue,
  tooManyParts
} from "./invalidHead.js"
import { reasonOf } from "./reasonPhrase.js"

/**
 * Field names and values of a response, in the order in which they are sent.
 *
 * @since 0.1.0
 */
export type FieldPairs = Iterable<readonly [name: string, value: string]>

/**
 * Copies fields that are read more than once, because an iterable such as a generator can only be read once, and a caller may
 * change an array. A value that is not iterable is returned as it is, and fails the checks.
 *
 * @since 0.2.0
 */
export const takeFields = (fields: FieldPairs): FieldPairs =>
  isIterable(fields) ? Array.from(fields, (pair) => Array.isArray(pair) ? [pair[0], pair[1]] : pair) : fields

/**
 * Fields with their names in title case, to be read once. A value that is not a field is given as it is, and fails the checks.
 *
 * @since 0.2.0
 */
export const inTitleCase = (fields: FieldPairs): FieldPairs => isIterable(fields) ? titled(fields) : fields

function* titled(fields: FieldPairs): Generator<readonly [name: string, value: string]> {
  for (const pair of fields) yield Array.isArray(pair) ? [fieldName(pair[0])?.title ?? pair[0], pair[1]] : pair
}

const isIterable = (fields: unknown): boolean =>
  typeof fields === "object" && fields !== null && Symbol.iterator in fields

/**
 * The head of a final response, as an application gives it.
 *
 * @since 0.1.0
 */
export interface ResponseHead {
  /** 200 to 999. RFC 9110, 15 defines those to 599, and clients treat others as 5xx. */
  readonly status: number
  /** The reason phrase, which only HTTP/1 sends; the registered one if it is left out. */
  readonly reason?: string | undefined
  readonly fields: FieldPairs
}

/**
 * Turns fields into what a wire sends.
 *
 * @since 0.2.0
 */
export interface FieldWriter<Written> {
  /** The value of a head without fields. */
  readonly none: Written
  /** Adds a field to those before it. `given` is its name as the application wrote it. */
  readonly add: (before: Written, name: FieldName, given: string, value: string) => Written
  /** Whether these fields were written for this wire, because a head may have been judged for another one. */
  readonly isWritten: (fields: unknown) => fields is Written
}

/**
 * A final head that was judged, before its wire adds fields of its own.
 *
 * @since 0.2.0
 */
export interface JudgedHead<Written = unknown> {
  readonly _tag: "JudgedHead"
  readonly status: number
  readonly reason: string
  /** The fields, without those that frame the body or steer the connection. */
  readonly fields: Written
  /** The Content-Length that the application gave. */
  readonly contentLength: number | undefined
  /** Whether the application gave a Date field. */
  readonly dated: boolean
  /** Whether the application gave `Connection: close`. */
  readonly close: boolean
  /** Whether the body is an event stream (`text/event-stream`). */
  readonly eventStream: boolean
}

/**
 * An interim head that was judged.
 *
 * @since 0.2.0
 */
export interface InterimHead<Written = unknown> {
  readonly _tag: "InterimHead"
  readonly status: number
  readonly fields: Written
}

/**
 * Trailer fields that were judged.
 *
 * @since 0.2.0
 */
export interface Trailers<Written = unknown> {
  readonly _tag: "Trailers"
  readonly fields: Written
}

/**
 * The length of a response's body in bytes: `Infinity` if only its end tells, and {@link noContent} if the response has none, so
 * that the body of the application is dropped (RFC 9110, 9.3.2, 15.4.5).
 *
 * @since 0.2.0
 */
export type ResponseLength = number

/**
 * @since 0.2.0
 */
export const noContent: ResponseLength = -1

/**
 * The length of the body that follows a head: none to HEAD, with a 204, 205 or 304, and with a 2xx to CONNECT (RFC 9110, 6.4.1).
 * A Content-Length from the application takes precedence over `bodyLength`.
 *
 * @since 0.2.0
 */
export const responseLength = (
  { contentLength, status }: Pick<JudgedHead, "contentLength" | "status">,
  method: string,
  bodyLength: number | undefined
): ResponseLength =>
  status === 204 || status === 304 || status === 205 || method === "HEAD" || (method === "CONNECT" && status < 300)
    ? noContent
    : contentLength ?? bodyLength ?? Infinity

const digits = /^[0-9]+$/
// each option of a Connection field gets a field of its own
const connection: FieldName = { _tag: "FieldName", title: "Connection", role: "Connection" }

/**
 * Judges a final head.
 *
 * @since 0.2.0
 */
export const judgeFinal = <Written>(
  head: ResponseHead,
  writer: FieldWriter<Written>
): JudgedHead<Written> | InvalidHead => {
  const status = head.status
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    return invalidStatus(status, "a final", "200 to 999")
  }
  const reason = head.reason ?? reasonOf(status)
  if (!isFieldValue(reason)) return invalidReason(reason)

  let fields = writer.none
  let contentLength: number | undefined
  let dated = false
  let close = false
  let eventStream = false
  if (!isIterable(head.fields)) return invalidFields(head.fields)
  for (const pair of head.fields) {
    if (!Array.isArray(pair)) return invalidFields(pair)
    if (pair.length > 2) return tooManyParts(pair)
    const given = pair[0]
    const value = pair[1]
    const name = judgeField(given, value)
    if (name._tag === "InvalidHead") return name
    switch (name.role) {
      case "ContentLength": {
        const length = lengthOf(value, contentLength)
        if (typeof length !== "number") return length
        contentLength = length
        continue
      }
      case "TransferEncoding":
        if (value.toLowerCase() !== "chunked") return cannotSend(value)
        continue
      case "Connection":
        // The server decides whether the connection persists; the application may end it, and add options of its own.
        for (const option of listMembers(value)) {
          if (option === "close") close = true
          else if (option !== "keep-alive") fields = writer.add(fields, connection, connection.title, option)
        }
        continue
      case "KeepAlive":
        continue
      case "Date":
        dated = true
        break
      case "ContentType":
        eventStream = isEventStream(value)
        break
      case "Other":
    }
    fields = writer.add(fields, name, given, value)
  }
  return new Judged(status, reason, fields, contentLength, dated, close, eventStream)
}

/**
 * A final head for the wire of this writer: judges one that was not judged before, and refuses one that was judged for another
 * wire.
 *
 * @since 0.2.0
 */
export const judgedFor = <Written>(
  given: ResponseHead | JudgedHead,
  writer: FieldWriter<Written>
): JudgedHead<Written> | InvalidHead =>
  !isJudged(given) ? judgeFinal(given, writer) : isWrittenFor(writer, given) ? given : judgedElsewhere

const isJudged = (head: ResponseHead | JudgedHead): head is JudgedHead => "_tag" in head && head._tag === "JudgedHead"

const isWrittenFor = <Written>(writer: FieldWriter<Written>, head: JudgedHead): head is JudgedHead<Written> =>
  writer.isWritten(head.fields)

const judgedElsewhere = invalid(
  "InvalidFields",
  "the head was drafted by an exchange of another protocol: draft it with this one"
)

/**
 * Judges an interim head: any 1xx but 101, which switches protocols (RFC 9110, 15.2).
 *
 * @since 0.2.0
 */
export const judgeInterim = <Written>(
  status: number,
  pairs: FieldPairs,
  writer: FieldWriter<Written>
): InterimHead<Written> | InvalidHead => {
  if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
    return invalidStatus(status, "an interim", "100, or 102 to 199")
  }
  let fields = writer.none
  if (!isIterable(pairs)) return invalidFields(pairs)
  for (const pair of pairs) {
    if (!Array.isArray(pair)) return invalidFields(pair)
    if (pair.length > 2) return tooManyParts(pair)
    const [given, value] = pair
    const name = judgeField(given, value)
    if (name._tag === "InvalidHead") return name
    // An interim response has no content that could be framed (RFC 9110, 8.6; RFC 9112, 6.1).
    if (name.role === "ContentLength" || name.role === "TransferEncoding") {
      return invalid("InvalidFieldName", `${given} is not allowed in an interim response`)
    }
    fields = writer.add(fields, name, given, value)
  }
  return { _tag: "InterimHead", status, fields }
}

/**
 * Judges the fields that follow a body (RFC 9110, 6.5): any but those that must be known before it.
 *
 * @since 0.2.0
 */
export const judgeTrailers = <Written>(
  pairs: FieldPairs,
  writer: FieldWriter<Written>
): Trailers<Written> | InvalidHead => {
  let fields = writer.none
  if (!isIterable(pairs)) return invalidFields(pairs)
  for (const pair of pairs) {
    if (!Array.isArray(pair)) return invalidFields(pair)
    if (pair.length > 2) return tooManyParts(pair)
    const [given, value] = pair
    const name = judgeField(given, value)
    if (name._tag === "InvalidHead") return name
    if (!mayTrail(name)) {
      return invalid("InvalidFieldName", `${given} is not allowed in trailers (RFC 9110, 6.5.1): give it with the head`)
    }
    fields = writer.add(fields, name, given, value)
  }
  return { _tag: "Trailers", fields }
}

// Returns the name if name and value are valid. The application may have given values of other types.
const judgeField = (given: string, value: unknown): FieldName | InvalidHead => {
  const name = fieldName(given)
  if (name === undefined) return invalidName(given)
  return typeof value !== "string" || !isFieldValue(value) ? invalidValue(given, value) : name
}

const lengthOf = (value: string, before: number | undefined): number | InvalidHead => {
  const length = digits.test(value) ? Number(value) : NaN
  if (!Number.isSafeInteger(length)) {
    return invalid("InvalidContentLength", `Content-Length: ${value} is not a whole number of bytes`)
  }
  return before === undefined || before === length
    ? length
    : invalid("InvalidContentLength", `two Content-Length fields differ: ${before} and ${length}`)
}

const cannotSend = (coding: string): InvalidHead =>
  invalid(
    "InvalidTransferEncoding",
    `Transfer-Encoding: ${coding} cannot be sent, because the server frames the body itself`
  )

// for most values one character decides
const isEventStream = (value: string): boolean =>
  value.length >= 17 && (value.charCodeAt(5) | 32) === 101 && /^text\/event-stream\b/i.test(value)

// this is an instance and not a literal, as a request's head is
class Judged<Written> implements JudgedHead<Written> {
  readonly _tag = "JudgedHead"

  constructor(
    readonly status: number,
    readonly reason: string,
    readonly fields: Written,
    readonly contentLength: number | undefined,
    readonly dated: boolean,
    readonly close: boolean,
    readonly eventStream: boolean
  ) {}
}
