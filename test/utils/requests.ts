/** Requests as bytes. */
import { Buffer } from "node:buffer"

/** A head: its lines, with the empty line after them. */
export const head = (...lines: ReadonlyArray<string>): string => `${lines.join("\r\n")}\r\n\r\n`

/** An HTTP/1.1 request with Host. The body is sent as it is, and the fields say how it is framed. */
export const request = (method: string, path: string, fields: ReadonlyArray<string> = [], body = ""): string =>
  head(`${method} ${path} HTTP/1.1`, "Host: localhost", ...fields) + body

export const get = (path = "/", ...fields: ReadonlyArray<string>): string => request("GET", path, fields)

/** A POST of a body with its Content-Length. */
export const post = (path: string, body: string, ...fields: ReadonlyArray<string>): string =>
  request("POST", path, [...fields, `Content-Length: ${Buffer.byteLength(body)}`], body)

/** A POST of a body of `length` bytes, of which `sent` is sent. */
export const postOf = (length: number, sent: string, ...fields: ReadonlyArray<string>): string =>
  request("POST", "/", [...fields, `Content-Length: ${length}`], sent)

/** A POST of a body that is already chunked. */
export const postChunked = (path: string, coded: string, ...fields: ReadonlyArray<string>): string =>
  request("POST", path, [...fields, "Transfer-Encoding: chunked"], coded)

/** A chunked body with its end. */
export const chunked = (parts: ReadonlyArray<string>, extension = ""): string =>
  [...parts, ""].map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`).join("")

/** The handshake of a WebSocket. */
export const upgrade = (path = "/", ...fields: ReadonlyArray<string>): string =>
  get(
    path,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...fields
  )
