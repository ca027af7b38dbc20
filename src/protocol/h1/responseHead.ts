/**
 * Final heads as HTTP/1 text: the application's fields, with those of the connection (RFC 9112, 4, 6 and 9). This module decides
 * framing and persistence.
 *
 * @since 0.1.0
 */
import { judgedFor, type JudgedHead, judgeFinal, noContent, type ResponseHead, responseLength } from "../heads.js"
import type { InvalidHead } from "../invalidHead.js"
import { dateLine, type FieldCase, fieldLines, statusLine } from "./headLines.js"

/**
 * The facts about request, connection and body on which a head depends.
 *
 * @since 0.1.0
 */
export interface ResponseContext {
  readonly method: string
  /**
   * The minor version of the status line and of the framing: the lower of the client's version and the highest that the server
   * may use.
   */
  readonly minorVersion: 0 | 1
  /** Whether request and server allow the connection to stay open after this response. */
  readonly persistent: boolean
  /** Whether the client names `keep-alive`. HTTP/1.0 clients are told that it was granted. */
  readonly asksKeepAlive: boolean
  /** Whole seconds for `Keep-Alive: timeout=`, which is only sent to clients that have asked; `undefined` sends nothing. */
  readonly keepAliveSeconds: number | undefined
  /** Length of the body in bytes, if it is known before it is sent. A Content-Length from the application takes precedence. */
  readonly bodyLength: number | undefined
  /** The value of the Date field, if the application gives none. */
  readonly date: string
  readonly fieldCase: FieldCase
}

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
 * A head that is ready to be sent.
 *
 * @since 0.1.0
 */
export interface PreparedHead {
  readonly _tag: "PreparedHead"
  readonly status: number
  /** Latin-1 text, with the empty line. */
  readonly text: string
  readonly framing: ResponseFraming
  readonly persistent: boolean
}

const none: ResponseFraming = { _tag: "None" }
const chunked: ResponseFraming = { _tag: "Chunked" }
const untilClose: ResponseFraming = { _tag: "Close" }

/**
 * A judged head whose fields are written as HTTP/1 lines, before the connection adds its own.
 *
 * @since 0.1.0
 */
export type HeadDraft = JudgedHead<string>

/**
 * Judges the final head that an application gave, and writes its field lines.
 *
 * @since 0.1.0
 */
export const draft = (head: ResponseHead, fieldCase: FieldCase = "title"): HeadDraft | InvalidHead =>
  judgeFinal(head, fieldLines[fieldCase])

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
export const prepare = (given: ResponseHead | JudgedHead, context: ResponseContext): PreparedHead | InvalidHead => {
  const head = judgedFor(given, fieldLines[context.fieldCase])
  return head._tag === "InvalidHead" ? head : writeFinal(head, context)
}

/**
 * Writes a judged head, as {@link prepare} does.
 *
 * @since 0.2.0
 */
export const writeFinal = (head: HeadDraft, context: ResponseContext): PreparedHead => {
  const { status } = head
  let text = statusLine(context.minorVersion, status, head.reason) + head.fields
  if (!head.dated) text += dateLine(context.date)

  // RFC 9112, 9.3: HTTP/1.0 only persists if both sides ask for it.
  let closing = !context.persistent || head.close || (context.minorVersion === 0 && !context.asksKeepAlive)
  let framing: ResponseFraming
  const length = responseLength(head, context.method, context.bodyLength)
  if (length === noContent) {
    framing = none
    text += lengthWithoutBody(head, context.method)
  } else if (length < Infinity) {
    framing = new Length(length)
    // a body that is longer is cut, and the client must not expect that the connection stays open
    if (context.bodyLength !== undefined && context.bodyLength > length) closing = true
    text += `Content-Length: ${length}\r\n`
  } else if (context.minorVersion === 1) {
    framing = chunked
    text += "Transfer-Encoding: chunked\r\n"
  } else {
    framing = untilClose
    closing = true
  }
  if (closing) text += "Connection: close\r\n"
  else if (context.asksKeepAlive) {
    // RFC 9110, 7.6.1: Connection names the fields that concern the connection, Keep-Alive among them.
    if (context.keepAliveSeconds !== undefined) {
      text += `Connection: keep-alive\r\nKeep-Alive: timeout=${context.keepAliveSeconds}\r\n`
    } else if (context.minorVersion === 0) text += "Connection: keep-alive\r\n"
  }
  return new Prepared(status, text + "\r\n", framing, !closing)
}

// The Content-Length of a response without a body: the length that the body of a GET would have (RFC 9110, 8.6), or 0 (15.3.6).
const lengthWithoutBody = ({ contentLength, status }: HeadDraft, method: string): string =>
  method === "CONNECT" || status === 204
    ? ""
    : status === 205 && method !== "HEAD"
    ? "Content-Length: 0\r\n"
    : contentLength === undefined
    ? ""
    : `Content-Length: ${contentLength}\r\n`

// these are instances and not literals, as a request's head is
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
}
