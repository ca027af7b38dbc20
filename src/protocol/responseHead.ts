/**
 * Response heads: the application's fields, with those of the connection (RFC 9112, 4, 6 and 9).
 *
 * `prepare` decides framing and persistence and writes the head in one go. The wire that sends it decides nothing.
 *
 * @since 0.1.0
 */
import { fieldName } from "./fieldNames.js"
import { isFieldValue, listMembers } from "./grammar.js"
import { dateLine, statusLine } from "./headLines.js"
import { invalid, invalidFields, type InvalidHead, invalidName, invalidStatus, invalidValue } from "./invalidHead.js"
import { reasonOf } from "./reasonPhrase.js"

export { titleCase } from "./fieldNames.js"
export type { InvalidHead } from "./invalidHead.js"

/**
 * Field names and values of a response, in the order they go out.
 *
 * @since 0.1.0
 */
export type FieldPairs = Iterable<readonly [name: string, value: string]>

/**
 * Copies fields that are read more than once: an iterable such as a generator can be read only once, and a caller may change an array. A
 * value that is not iterable is returned as it is, and fails the checks.
 *
 * @since 0.2.0
 */
export const takeFields = (fields: FieldPairs): FieldPairs =>
  isIterable(fields) ? Array.from(fields, (pair) => Array.isArray(pair) ? [pair[0], pair[1]] : pair) : fields

/**
 * A head, as an application gives it.
 *
 * @since 0.1.0
 */
export interface ResponseHead {
  /** 200 to 999; RFC 9110, 15 defines those to 599, and clients take others for 5xx. */
  readonly status: number
  /** Reason phrase; the registered one where it is left out. */
  readonly reason?: string | undefined
  readonly fields: FieldPairs
}

/**
 * The facts about request, connection and body that a head depends on.
 *
 * @since 0.1.0
 */
export interface ResponseContext {
  readonly method: string
  /** Minor version of the status line and of the framing: the lower of what the client speaks and what the server may. */
  readonly minorVersion: 0 | 1
  /** May the connection go on after this response, as far as the request and the server are concerned? */
  readonly persistent: boolean
  /** Did the client name `keep-alive`? HTTP/1.0 clients are told that it was granted. */
  readonly asksKeepAlive: boolean
  /** Whole seconds for `Keep-Alive: timeout=`, told only to clients that asked; `undefined` tells nothing. */
  readonly keepAliveSeconds: number | undefined
  /** Length of the body in bytes where it is known before it is sent. A Content-Length that the application gave takes precedence. */
  readonly bodyLength: number | undefined
  /** Value of the Date field where the application gives none. */
  readonly date: string
  readonly fieldCase: FieldCase
}

/**
 * How field names are written: `title` makes `sOMe-WEirD` into `Some-Weird`, `preserve` sends them as given.
 *
 * @since 0.1.0
 */
export type FieldCase = "title" | "preserve"

/**
 * How the body after a head is delimited. With `None`, what the application writes is dropped.
 *
 * @since 0.1.0
 */
export type ResponseFraming =
  | { readonly _tag: "None" }
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "Close" }

/**
 * A head that is ready to go out.
 *
 * @since 0.1.0
 */
export interface PreparedHead {
  readonly _tag: "PreparedHead"
  readonly status: number
  /** Latin-1 text, the empty line included. */
  readonly text: string
  readonly framing: ResponseFraming
  readonly persistent: boolean
  /**
   * Is it the head of an event stream without a length, which ends only when one side leaves?
   *
   * @since 0.2.0
   */
  readonly isEventStream: boolean
}

const noBody: ResponseFraming = { _tag: "None" }
const chunked: ResponseFraming = { _tag: "Chunked" }
const chunkedEvents: ResponseFraming = { _tag: "Chunked" }
const untilClose: ResponseFraming = { _tag: "Close" }
const eventsUntilClose: ResponseFraming = { _tag: "Close" }
const digits = /^[0-9]+$/

/**
 * A response head whose fields have been checked and written, before the connection adds its own.
 *
 * @since 0.1.0
 */
export interface HeadDraft {
  readonly _tag: "HeadDraft"
  readonly status: number
  readonly reason: string
  /** Field lines as latin-1 text, without those that frame the body or steer the connection. */
  readonly lines: string
  /** The Content-Length given. */
  readonly contentLength: number | undefined
  /** Was a Date field given? */
  readonly dated: boolean
  /** Was `Connection: close` given? */
  readonly close: boolean
  /**
   * Is the body an event stream (`text/event-stream`)?
   *
   * @since 0.2.0
   */
  readonly eventStream: boolean
}

/**
 * Checks what an application gave for a final head, and writes its field lines.
 *
 * @since 0.1.0
 */
export const draft = (head: ResponseHead, fieldCase: FieldCase = "title"): HeadDraft | InvalidHead => {
  const status = head.status
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    return invalidStatus(status, "a final", "200 to 999")
  }
  const reason = head.reason ?? reasonOf(status)
  if (!isFieldValue(reason)) return invalid("InvalidReason", "control or non-latin-1 characters in a reason phrase")

  let lines = ""
  let contentLength: number | undefined
  let dated = false
  let close = false
  let eventStream = false
  if (!isIterable(head.fields)) return invalidFields(head.fields)
  for (const pair of head.fields) {
    if (!Array.isArray(pair)) return invalidFields(pair)
    const given = pair[0]
    const value = pair[1]
    const name = fieldName(given)
    if (name === undefined) return invalidName(given)
    if (typeof value !== "string" || !isFieldValue(value)) return invalidValue(given, value)
    switch (name.role) {
      case "ContentLength": {
        const length = digits.test(value) ? Number(value) : NaN
        if (!Number.isSafeInteger(length) || (contentLength !== undefined && contentLength !== length)) {
          return invalid("InvalidContentLength", `Content-Length: ${value} is not one number of bytes`)
        }
        contentLength = length
        continue
      }
      case "TransferEncoding":
        if (value.toLowerCase() !== "chunked") {
          return invalid("InvalidTransferEncoding", `the server frames the body itself, it cannot send ${value}`)
        }
        continue
      case "Connection":
        // The server decides whether the connection persists; the application may end it, and add options of its own.
        for (const option of listMembers(value)) {
          if (option === "close") close = true
          else if (option !== "keep-alive") lines += `Connection: ${option}\r\n`
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
    lines += `${fieldCase === "title" ? name.title : given}: ${value}\r\n`
  }
  return new Draft(status, reason, lines, contentLength, dated, close, eventStream)
}

/**
 * Writes a final head.
 *
 * | response                          | body                    | fields added                      |
 * | --------------------------------- | ----------------------- | --------------------------------- |
 * | to HEAD; 204, 304; 2xx to CONNECT | none (RFC 9112, 6.3, 1) | none; Content-Length kept for HEAD and 304 |
 * | 205                               | none (RFC 9110, 15.3.6) | `Content-Length: 0`               |
 * | length known                      | that many bytes         | Content-Length; `Connection: close` where the body is longer than the one given |
 * | length unknown, HTTP/1.1          | chunked                 | Transfer-Encoding                 |
 * | length unknown, HTTP/1.0          | until close             | `Connection: close`               |
 *
 * @since 0.1.0
 */
export const prepare = (given: ResponseHead | HeadDraft, context: ResponseContext): PreparedHead | InvalidHead => {
  const head = isDraft(given) ? given : draft(given, context.fieldCase)
  if (head._tag === "InvalidHead") return head
  const { contentLength, status } = head
  let text = statusLine(context.minorVersion, status, head.reason) + head.lines
  if (!head.dated) text += dateLine(context.date)

  // RFC 9112, 9.3: HTTP/1.0 persists only where both sides ask for it.
  let closing = !context.persistent || head.close || (context.minorVersion === 0 && !context.asksKeepAlive)
  let framing: ResponseFraming
  if (
    status === 204 || status === 304 || context.method === "HEAD" || (context.method === "CONNECT" && status < 300)
  ) {
    framing = noBody
    if (contentLength !== undefined && status !== 204 && context.method !== "CONNECT") {
      text += `Content-Length: ${contentLength}\r\n`
    }
  } else if (status === 205) {
    // RFC 9110, 15.3.6: no content, and the length says so
    framing = noBody
    text += "Content-Length: 0\r\n"
  } else {
    const length = contentLength ?? context.bodyLength
    if (length !== undefined) {
      framing = new Length(length)
      // a body that is longer is cut, and the client must not expect that the connection stays
      if (context.bodyLength !== undefined && context.bodyLength > length) closing = true
      text += `Content-Length: ${length}\r\n`
    } else if (context.minorVersion === 1) {
      framing = head.eventStream ? chunkedEvents : chunked
      text += "Transfer-Encoding: chunked\r\n"
    } else {
      framing = head.eventStream ? eventsUntilClose : untilClose
      closing = true
    }
  }
  if (closing) text += "Connection: close\r\n"
  else if (context.asksKeepAlive) {
    // RFC 9110, 7.6.1: Connection names the fields that are about the connection, Keep-Alive among them.
    if (context.keepAliveSeconds !== undefined) {
      text += `Connection: keep-alive\r\nKeep-Alive: timeout=${context.keepAliveSeconds}\r\n`
    } else if (context.minorVersion === 0) text += "Connection: keep-alive\r\n"
  }
  return new Prepared(status, text + "\r\n", framing, !closing)
}

// instances and not literals, as a request's head is
class Draft implements HeadDraft {
  readonly _tag = "HeadDraft"

  constructor(
    readonly status: number,
    readonly reason: string,
    readonly lines: string,
    readonly contentLength: number | undefined,
    readonly dated: boolean,
    readonly close: boolean,
    readonly eventStream: boolean
  ) {}
}

class Length {
  readonly _tag = "Length"

  constructor(readonly length: number) {}
}

class Prepared implements PreparedHead {
  readonly _tag = "PreparedHead"

  constructor(
    readonly status: number,
    readonly text: string,
    readonly framing: ResponseFraming,
    readonly persistent: boolean
  ) {}

  get isEventStream(): boolean {
    return this.framing === chunkedEvents || this.framing === eventsUntilClose
  }
}

// tests one character of most values
const isEventStream = (value: string): boolean =>
  value.length >= 17 && (value.charCodeAt(5) | 32) === 101 && /^text\/event-stream\b/i.test(value)

const isDraft = (given: ResponseHead | HeadDraft): given is HeadDraft => "_tag" in given && given._tag === "HeadDraft"

/**
 * @since 0.2.0
 */
export const isIterable = (fields: unknown): boolean =>
  typeof fields === "object" && fields !== null && Symbol.iterator in fields
