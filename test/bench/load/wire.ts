/** A client on a bare socket: requests as bytes, and the little of responses that a load must know. */
import * as net from "node:net"
import * as tls from "node:tls"
import type { Request } from "../scenarios.js"

export interface Response {
  readonly status: number
  readonly length: number
  /** The body, if it is wanted. */
  readonly body: string
  readonly headers: string
}

/** The bytes of a request. */
export const head = ({ body, headers = {}, method, path }: Request, length = body?.length): string => {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}` +
    `${length === undefined ? "" : `Content-Length: ${length}\r\n`}\r\n`
}

const headEnd = Buffer.from("\r\n\r\n")
const newline = Buffer.from("\r\n")
const nothing = Buffer.alloc(0)
// All plain wires share this buffer, because its bytes are used before another read. A buffer for each read would be garbage,
// whose collection would be measured too.
const reads = Buffer.allocUnsafeSlow(65_536)

/** Reads responses to GET and POST. Contestants must not send responses that end with the connection. */
export class Wire {
  readonly socket: net.Socket
  onResponse: (response: Response) => void = () => undefined
  onContinue: () => void = () => undefined
  onFailure: (error: Error) => void = () => undefined
  private rest: Buffer = nothing
  private status = 0
  private headers = ""
  private length = 0
  private body = ""
  // bytes still to come, of the body or of its current chunk; -1 within a head
  private left = -1
  private chunked = false
  private closed = false
  private responses = 0
  // the last response, and its bytes if they arrived alone in one read
  private last: Response = { status: 0, length: 0, body: "", headers: "" }
  private lastBytes: Buffer = nothing

  constructor(port: number, private readonly keepBody: boolean, secure = false) {
    const callback = (length: number): boolean => {
      if (this.isLast(length)) this.onResponse(this.last)
      else this.receive(reads.subarray(0, length))
      return true
    }
    if (secure) {
      this.socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
      this.socket.on("data", (bytes: Buffer) => this.receive(bytes))
    } else this.socket = net.connect({ host: "127.0.0.1", port, noDelay: true, onread: { buffer: reads, callback } })
    this.socket.once("error", (error) => this.onFailure(error))
    this.socket.once("close", () => {
      if (!this.closed) this.onFailure(new Error("the server closed the connection"))
    })
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onFailure = reject
      this.socket.once(this.socket instanceof tls.TLSSocket ? "secureConnect" : "connect", () => resolve())
    })
  }

  /** The next response. */
  response(): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.onFailure = reject
      this.onResponse = resolve
    })
  }

  close(): void {
    this.closed = true
    this.socket.destroy()
  }

  // A response that equals the last one byte by byte need not be read again.
  private isLast(length: number): boolean {
    return length === this.lastBytes.length && this.left < 0 && this.rest.length === 0 &&
      reads.compare(this.lastBytes, 0, length, 0, length) === 0
  }

  private receive(chunk: Buffer): void {
    const before = this.responses
    let alone = this.left < 0 && this.rest.length === 0
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    this.rest = nothing
    while (bytes.length > 0) {
      if (this.left < 0) {
        const end = bytes.indexOf(headEnd)
        if (end < 0) break
        const text = bytes.toString("latin1", 0, end)
        bytes = bytes.subarray(end + 4)
        this.status = Number(text.slice(9, 12))
        if (this.status >= 100 && this.status < 200) {
          alone = false
          this.onContinue()
          continue
        }
        const given = /\r\ncontent-length: *(\d+)/i.exec(text)
        this.headers = text
        this.chunked = given === null && /\r\ntransfer-encoding: *chunked/i.test(text)
        this.left = given === null ? 0 : Number(given[1])
        this.length = 0
        this.body = ""
        if (this.chunked) {
          const next = this.chunk(bytes)
          if (next === undefined) break
          bytes = next
          continue
        }
        if (this.left === 0) this.deliver()
        continue
      }
      if (this.left > 0) {
        const taken = Math.min(this.left, bytes.length)
        if (this.keepBody) this.body += bytes.toString("latin1", 0, taken)
        this.length += taken
        this.left -= taken
        bytes = bytes.subarray(taken)
        if (this.left > 0) break
        if (!this.chunked) {
          this.deliver()
          continue
        }
      }
      const next = this.chunk(bytes)
      if (next === undefined) break
      bytes = next
    }
    if (this.left <= 0 && bytes.length > 0) this.rest = Buffer.from(bytes)
    else if (alone && this.left < 0 && this.responses === before + 1) this.lastBytes = Buffer.from(chunk)
  }

  // Called at the beginning of a chunk. Returns `undefined` if more bytes must arrive first.
  private chunk(bytes: Buffer): Buffer | undefined {
    const start = this.length > 0 ? 2 : 0
    const end = bytes.indexOf(newline, start)
    if (bytes.length < start || end < 0) return undefined
    const size = parseInt(bytes.toString("latin1", start, end), 16)
    if (size > 0) {
      this.left = size
      return bytes.subarray(end + 2)
    }
    if (bytes.length < end + 4) return undefined
    this.deliver()
    return bytes.subarray(end + 4)
  }

  private deliver(): void {
    this.left = -1
    this.responses++
    this.lastBytes = nothing
    this.last = { status: this.status, length: this.length, body: this.body, headers: this.headers }
    this.onResponse(this.last)
  }
}

/** Connects wires. `fail` is called if one of them breaks later. */
export const connect = async (
  port: number,
  count: number,
  fail: (error: Error) => void
): Promise<ReadonlyArray<Wire>> => {
  const wires: Array<Wire> = []
  while (wires.length < count) {
    const batch = Array.from({ length: Math.min(100, count - wires.length) }, () => new Wire(port, true))
    await Promise.all(batch.map((wire) => wire.connected()))
    wires.push(...batch)
  }
  for (const wire of wires) wire.onFailure = fail
  return wires
}

export const check = (response: Response, expected: string, fail: (error: Error) => void): void => {
  if (response.status !== 200 || response.body !== expected) {
    fail(new Error(`wrong answer: ${response.status} ${response.body.slice(0, 100)}`))
  }
}

/** Sends one request on a connection of its own. */
export const ask = async (port: number, request: Request, keepBody: boolean, secure = false): Promise<Response> => {
  const wire = new Wire(port, keepBody, secure)
  try {
    await wire.connected()
    const response = wire.response()
    wire.socket.write(head(request) + (request.body ?? ""))
    return await response
  } finally {
    wire.close()
  }
}
