/**
 * Decides what a request head means for its body and its connection. No other code decides that.
 *
 * RFC 9112, 6.3, for requests, in its order:
 *
 * | rule | head                                                   | body                                    |
 * | ---- | ------------------------------------------------------ | --------------------------------------- |
 * | 3    | Transfer-Encoding and Content-Length                   | refused (one switch: chunked, then close) |
 * | 4    | Transfer-Encoding, `chunked` once and nothing else     | chunked                                 |
 * | 4    | any other Transfer-Encoding, or one on HTTP/1.0        | refused                                 |
 * | 5    | Content-Length not `1*DIGIT`, or several that differ   | refused                                 |
 * | 6    | Content-Length                                         | that many bytes                         |
 * | 7    | neither                                                | none                                    |
 *
 * @since 0.1.0
 */
import { type Failure, failure } from "../failure.js"
import type { Fields } from "../fields.js"
import { isToken, listMembers, trimmed } from "../grammar.js"
import type { Leniency } from "../limits.js"
import { isHost } from "../target.js"
import type { Http1RequestHead } from "./requestHead.js"

/**
 * How a request body is delimited.
 *
 * @since 0.1.0
 */
export type Framing =
  | { readonly _tag: "None" }
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }

/**
 * What the head demands of the server.
 *
 * @since 0.1.0
 */
export interface Demands {
  readonly _tag: "Demands"
  readonly framing: Framing
  /** Whether the connection may have another request after this one (RFC 9112, 9.3). */
  readonly persistent: boolean
  /** Whether the client says that this is its last request, by `close`, or by HTTP/1.0 without `keep-alive`. */
  readonly asksClose: boolean
  /** Whether the client names `keep-alive` in Connection. */
  readonly asksKeepAlive: boolean
  /**
   * Whether the client waits for a 100 before it sends the body (RFC 9110, 10.1.1). Always false for HTTP/1.0, and without a
   * body.
   */
  readonly expectsContinue: boolean
  /** The protocols that Upgrade offers, if Connection names it (RFC 9110, 7.8); empty otherwise and on HTTP/1.0. */
  readonly upgrade: string
}

const none: Framing = { _tag: "None" }
const chunked: Framing = { _tag: "Chunked" }
const digits = /^[0-9]+$/
// nearly all requests without a body have these demands, and share the object
const plain: Demands = {
  _tag: "Demands",
  framing: none,
  persistent: true,
  asksClose: false,
  asksKeepAlive: false,
  expectsContinue: false,
  upgrade: ""
}
const plainKeepAlive: Demands = { ...plain, asksKeepAlive: true }
const plainClose: Demands = { ...plain, persistent: false, asksClose: true }

/**
 * Reads and judges the fields that steer the connection.
 *
 * @since 0.1.0
 */
export const demands = (head: Http1RequestHead, leniency: Leniency): Demands | Failure => {
  const steering = new SteeringFields()
  const refused = steering.read(head.fields) ?? refuseHost(steering.host, head, leniency)
  if (refused !== undefined) return refused
  const { connection, contentLength, expect, transferEncoding, upgrade } = steering
  const isHttp11 = head.minorVersion === 1
  if (
    contentLength === undefined && transferEncoding === undefined && expect === undefined && isHttp11 &&
    head.method !== "CONNECT"
  ) {
    if (connection === undefined) return plain
    if (connection === "keep-alive") return plainKeepAlive
    if (connection === "close") return plainClose
  }
  const framing = framingOf(head, contentLength, transferEncoding, leniency)
  if (framing._tag === "Failure") return framing
  const options = connection === undefined ? [] : listMembers(connection)
  const bothLengths = contentLength !== undefined && transferEncoding !== undefined
  const asksKeepAlive = options.includes("keep-alive")
  const asksClose = options.includes("close") || (!isHttp11 && !asksKeepAlive)
  const hasBody = framing._tag === "Chunked" || (framing._tag === "Length" && framing.length > 0)
  return {
    _tag: "Demands",
    framing,
    persistent: !asksClose && !bothLengths && head.method !== "CONNECT",
    asksClose,
    asksKeepAlive,
    expectsContinue: hasBody && isHttp11 && expect !== undefined && listMembers(expect).includes("100-continue"),
    upgrade: isHttp11 && upgrade !== undefined && options.includes("upgrade") ? upgrade : ""
  }
}

// The fields that steer the connection. Those that may occur several times are joined.
class SteeringFields {
  host: string | undefined = undefined
  contentLength: string | undefined = undefined
  transferEncoding: string | undefined = undefined
  connection: string | undefined = undefined
  expect: string | undefined = undefined
  upgrade: string | undefined = undefined

  read(fields: Fields): Failure | undefined {
    let contentType = false
    let authorization = false
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]
      const value = fields[i + 1]
      // the length rules out most names before they are lower-cased
      switch (name.length) {
        case 4:
          if (isNamed(name, "host")) {
            if (this.host !== undefined) return failure("RepeatedHost", "more than one Host field")
            this.host = value
          }
          break
        case 6:
          if (isNamed(name, "expect")) this.expect = joined(this.expect, value)
          break
        case 7:
          if (isNamed(name, "upgrade")) this.upgrade = joined(this.upgrade, value)
          break
        case 10:
          if (isNamed(name, "connection")) this.connection = joined(this.connection, value)
          break
        case 12:
          if (isNamed(name, "content-type")) {
            if (contentType) return failure("RepeatedSingletonField", "more than one Content-Type field")
            contentType = true
          }
          break
        case 13:
          if (isNamed(name, "authorization")) {
            if (authorization) return failure("RepeatedSingletonField", "more than one Authorization field")
            authorization = true
          }
          break
        case 14:
          if (isNamed(name, "content-length")) this.contentLength = joined(this.contentLength, value)
          break
        case 17:
          if (isNamed(name, "transfer-encoding")) this.transferEncoding = joined(this.transferEncoding, value)
          break
      }
    }
    return undefined
  }
}

const refuseHost = (host: string | undefined, head: Http1RequestHead, leniency: Leniency): Failure | undefined => {
  if (host !== undefined) return isHost(host) ? undefined : failure("MalformedHost", "the Host field names no host")
  return head.minorVersion === 1 && leniency.requireHost
    ? failure("MissingHost", "HTTP/1.1 without a Host field")
    : undefined
}

const isNamed = (name: string, lowerCase: string): boolean =>
  (name.charCodeAt(0) | 0x20) === lowerCase.charCodeAt(0) && name.toLowerCase() === lowerCase

const joined = (before: string | undefined, value: string): string =>
  before === undefined ? value : `${before},${value}`

const framingOf = (
  head: Http1RequestHead,
  contentLength: string | undefined,
  transferEncoding: string | undefined,
  leniency: Leniency
): Framing | Failure => {
  if (transferEncoding !== undefined) {
    if (head.minorVersion === 0) {
      return failure("TransferEncodingInHttp10", "Transfer-Encoding in an HTTP/1.0 request")
    }
    if (contentLength !== undefined && !leniency.allowContentLengthWithTransferEncoding) {
      return failure("ContentLengthWithTransferEncoding", "both Content-Length and Transfer-Encoding")
    }
    return transferEncoding.toLowerCase() === "chunked" ? chunked : refuseCodings(transferEncoding)
  }
  if (contentLength === undefined) return none
  // A list of equal lengths is one length (RFC 9112, 6.3, rule 5), in one field line or in several.
  const values = contentLength.split(",").map(trimmed)
  if (!values.every((value) => digits.test(value))) {
    return failure("MalformedContentLength", "Content-Length is not a number of bytes")
  }
  if (values.some((value) => value !== values[0])) {
    return failure("DifferingContentLength", "Content-Length fields that differ")
  }
  const length = Number(values[0])
  if (!Number.isSafeInteger(length)) return failure("MalformedContentLength", "Content-Length is out of range")
  return length === 0 ? none : { _tag: "Length", length }
}

const refuseCodings = (transferEncoding: string): Failure => {
  const codings = listMembers(transferEncoding)
  const last = codings.length - 1
  const known = codings.every((coding) => isToken(trimmed(coding.split(";")[0])))
  // Returns true if the field is well-formed and ends in one `chunked`, but has a coding that is unknown here (RFC 9112, 6.1).
  return known && last > 0 && codings.indexOf("chunked") === last
    ? failure("UnsupportedTransferCoding", "a transfer coding other than chunked")
    : failure("MalformedTransferEncoding", "Transfer-Encoding does not end in chunked, once")
}
