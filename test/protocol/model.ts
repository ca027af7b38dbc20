/**
 * Valid requests, generated together with what they mean.
 */
import * as fc from "fast-check"
import { hosted } from "./reference.js"

export interface Model {
  readonly bytes: Buffer
  readonly request: {
    readonly line: string
    readonly fields: ReadonlyArray<string>
    readonly body: string
    readonly trailers: ReadonlyArray<string>
  }
}

const charsOf = (from: number, to: number): ReadonlyArray<string> =>
  Array.from({ length: to - from + 1 }, (_, at) => String.fromCharCode(from + at))
const visible = charsOf(0x21, 0x7e)
const tchars = visible.filter((char) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(char))
const text = (chars: ReadonlyArray<string>, lengths: fc.StringConstraints = {}): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...chars), maxLength: 12, ...lengths })

const token = text(tchars, { minLength: 1 })
const blank = fc.constantFrom("", " ", "\t", " \t ")
const steering = /^(?:host|content-length|transfer-encoding|content-type|authorization)$/i

const method = fc.oneof(
  fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "get", "M-SEARCH"),
  token.filter((name) => name !== "CONNECT")
)
const host = fc.constantFrom(
  "a",
  "example.com",
  "example.com:8080",
  "127.0.0.1:80",
  "[::1]",
  "[2001:db8::1]:443",
  "a_b"
)
const afterSlash = text(visible.filter((char) => char !== "#"))
const methodAndTarget = fc.oneof(
  fc.tuple(method, afterSlash.map((rest) => `/${rest}`)),
  fc.tuple(method, fc.tuple(host, afterSlash).map(([name, rest]) => `http://${name}/${rest}`)),
  fc.tuple(fc.constant("OPTIONS"), fc.constant("*")),
  fc.tuple(fc.constant("CONNECT"), fc.constantFrom("a:443", "[::1]:80"))
)

const content = text([...charsOf(0x20, 0x7e), ...charsOf(0x80, 0xff), "\t"])
const value = content.map((raw) => raw.replace(/^[ \t]+|[ \t]+$/g, ""))
const field = fc.tuple(token.filter((name) => !steering.test(name)), value)
const trailer = fc.tuple(token.map((name) => `X-${name}`), value)

/** A name in random case: each bit turns a letter. */
const cased = (name: string): fc.Arbitrary<string> =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(name.length)) - 1n }).map((bits) =>
    [...name].map((char, at) => ((bits >> BigInt(at)) & 1n) === 1n ? char.toUpperCase() : char.toLowerCase()).join("")
  )

interface Body {
  readonly field: readonly [string, string] | undefined
  readonly wire: string
  readonly body: string
  readonly trailers: ReadonlyArray<readonly [string, string]>
}

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.constantFrom("\r\n\r\n", "0\r\n\r\n", "GET / HTTP/1.1\r\nHost: evil\r\n\r\n", "\r", "\n")
)
const someBytes = anyBytes.filter((bytes) => bytes !== "")

const linesOf = (fields: ReadonlyArray<readonly [string, string]>, padding: ReadonlyArray<string>): string =>
  fields.map(([name, content], at) =>
    `${name}:${padding[(2 * at) % padding.length]}${content}${padding[(2 * at + 1) % padding.length]}\r\n`
  ).join("")
const padding = fc.array(blank, { minLength: 2, maxLength: 6 })

const noBody = fc.constant<Body>({ field: undefined, wire: "", body: "", trailers: [] })

const lengthBody: fc.Arbitrary<Body> = fc.record({
  name: cased("content-length"),
  zeros: fc.constantFrom("", "0", "000"),
  times: fc.integer({ min: 1, max: 3 }),
  body: anyBytes
}).map(({ body, name, times, zeros }) => ({
  field: [name, Array<string>(times).fill(`${zeros}${body.length}`).join(", ")],
  wire: body,
  body,
  trailers: []
}))

const extension = fc.oneof(
  fc.constant(""),
  fc.tuple(blank, fc.stringMatching(/^(;[a-z]+(="[ -!#-~]*"|=[a-z]+)?){1,3}$/)).map(([before, rest]) => before + rest)
)

const chunkedBody: fc.Arbitrary<Body> = fc.record({
  name: cased("transfer-encoding"),
  coding: cased("chunked"),
  chunks: fc.array(
    fc.record({ data: someBytes, extension, zeros: fc.integer({ min: 0, max: 8 }), upper: fc.boolean() }),
    { maxLength: 4 }
  ),
  last: fc.tuple(fc.constantFrom("0", "000"), extension),
  trailers: fc.array(trailer, { maxLength: 3 }),
  padding
}).map(({ chunks, coding, last, name, padding, trailers }) => {
  const size = (length: number, upper: boolean): string =>
    upper ? length.toString(16).toUpperCase() : length.toString(16)
  return {
    field: [name, coding],
    wire: chunks.map(({ data, extension, upper, zeros }) =>
      `${"0".repeat(zeros)}${size(data.length, upper)}${extension}\r\n${data}\r\n`
    ).join("") + `${last.join("")}\r\n${linesOf(trailers, padding)}\r\n`,
    body: chunks.map((chunk) =>
      chunk.data
    ).join(""),
    trailers
  }
})

/** One valid request. */
export const validRequest: fc.Arbitrary<Model> = fc.record({
  emptyLines: fc.constantFrom("", "", "", "\r\n", "\r\n\r\n\r\n\r\n"),
  methodAndTarget,
  version: fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.2", "HTTP/1.0"),
  host: fc.tuple(cased("host"), host),
  fields: fc.array(field, { maxLength: 6 }),
  hostAt: fc.nat(6),
  bodyAt: fc.nat(7),
  body: fc.oneof(noBody, lengthBody, chunkedBody),
  padding
}).map((parts) => {
  const { body } = parts
  const fields: Array<readonly [string, string]> = [...parts.fields]
  fields.splice(parts.hostAt, 0, parts.host)
  if (body.field !== undefined) fields.splice(parts.bodyAt, 0, body.field)
  const version = body.field?.[0].toLowerCase() === "transfer-encoding" && parts.version === "HTTP/1.0"
    ? "HTTP/1.1"
    : parts.version
  const line = `${parts.methodAndTarget.join(" ")} ${version}`
  const wire = `${parts.emptyLines}${line}\r\n${linesOf(fields, parts.padding)}\r\n${body.wire}`
  return {
    bytes: Buffer.from(wire, "latin1"),
    request: { line, fields: hosted(line, fields.flat()), body: body.body, trailers: body.trailers.flat() }
  }
})

/** The places at which bytes are cut, which differ from run to run. */
export const cuts = (length: number): fc.Arbitrary<Array<number>> => fc.array(fc.nat(length), { maxLength: 6 })

/** A small change: a bit is turned, or bytes are inserted, removed or replaced. */
export const mutation = fc.record({
  at: fc.noBias(fc.nat(0xffff)).map((at) => at / 0x10000),
  taken: fc.constantFrom(0, 0, 1, 1, 2),
  bit: fc.option(fc.nat(7)),
  put: fc.oneof(
    fc.constant(""),
    fc.constantFrom("\r", "\n", "\r\n", "\0", " ", "\t", ":", ";", ",", "0", "1", "-", "+", "x", "\x7f", "\x80", "#"),
    fc.constantFrom("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "chunked, ", "0\r\n\r\n", "Host: b\r\n")
  )
})

export const mutate = (
  bytes: Buffer,
  { at, bit, put, taken }: typeof mutation extends fc.Arbitrary<infer A> ? A : never
) => {
  const position = Math.floor(at * bytes.length)
  const rest = Buffer.from(bytes.subarray(position + taken))
  if (bit !== null && rest.length > 0) rest[0] ^= 1 << bit
  return Buffer.concat([bytes.subarray(0, position), Buffer.from(put, "latin1"), rest])
}
