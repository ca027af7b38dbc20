/**
 * `tsgi/protocol` alone: the time to parse and to write, for each message, byte and header field. Beside it, where that can be
 * compared, is llhttp as WebAssembly, as undici ships it; node:http has llhttp compiled to machine code.
 *
 *   npm run bench:protocol
 */
import { createRequire } from "node:module"
import { parseArgs } from "node:util"
import { chunkEnd, chunkHead, draft, prepare, RequestReader } from "tsgi/protocol"
import { median } from "./report.js"

const { values: given } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, milliseconds: { type: "string", default: "200" } }
})

// ---------------------------------------------------------------------------------------------------------------------
// llhttp

// The platform has it, but neither ES2022's nor Node 20's types do.
const { Instance, Module } = Reflect.get(globalThis, "WebAssembly") as {
  readonly Module: new(bytes: Uint8Array) => object
  readonly Instance: new(module: object, imports: object) => { readonly exports: unknown }
}

interface Llhttp {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly llhttp_alloc: (type: number) => number
  readonly malloc: (size: number) => number
  readonly llhttp_execute: (parser: number, at: number, length: number) => number
}

const requestType = 1

/** Gives the same as tsgi's reader: method and target, names and values as strings, the body as bytes. */
class LlhttpReader {
  messages = 0
  bodyBytes = 0
  readonly fields: Array<string> = []
  url = ""
  private readonly exports: Llhttp
  private readonly parser: number
  private readonly at: number
  private readonly room: Buffer
  private memory: Buffer

  constructor(size: number) {
    const wasm = createRequire(import.meta.url)("undici/lib/llhttp/llhttp_simd-wasm.js") as Buffer
    const text = (at: number, length: number): string => this.memory.toString("latin1", at, at + length)
    const instance = new Instance(new Module(new Uint8Array(wasm)), {
      env: {
        wasm_on_message_begin: () => {
          this.fields.length = 0
          return 0
        },
        wasm_on_url: (_: number, at: number, length: number) => {
          this.url = text(at, length)
          return 0
        },
        wasm_on_status: () => 0,
        wasm_on_header_field: (_: number, at: number, length: number) => {
          this.fields.push(text(at, length))
          return 0
        },
        wasm_on_header_value: (_: number, at: number, length: number) => {
          this.fields.push(text(at, length))
          return 0
        },
        wasm_on_headers_complete: () => 0,
        wasm_on_body: (_: number, _at: number, length: number) => {
          this.bodyBytes += length
          return 0
        },
        wasm_on_message_complete: () => {
          this.messages++
          return 0
        }
      }
    })
    this.exports = instance.exports as Llhttp
    this.parser = this.exports.llhttp_alloc(requestType)
    this.at = this.exports.malloc(size)
    this.memory = Buffer.from(this.exports.memory.buffer)
    this.room = this.memory.subarray(this.at, this.at + size)
  }

  receive(bytes: Buffer): void {
    // bytes from a socket must be copied to where WebAssembly can read them
    this.room.set(bytes)
    const code = this.exports.llhttp_execute(this.parser, this.at, bytes.length)
    if (code !== 0) throw new Error(`llhttp refused with ${code}`)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// tsgi

class TsgiReader {
  messages = 0
  bodyBytes = 0
  private readonly reader = new RequestReader()

  receive(bytes: Buffer): void {
    this.reader.receive(bytes)
    for (let message = this.reader.next(); message !== undefined; message = this.reader.next()) {
      if (message._tag === "BodyEnd") this.messages++
      else if (message._tag === "BodyPiece") this.bodyBytes += message.bytes.length
      else if (message._tag === "Failure") throw new Error(`tsgi refused: ${message.reason}`)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// timing

/** Nanoseconds for one call, after as many calls as fill the time. */
const time = (call: () => void): number => {
  const until = Number(given.milliseconds)
  let calls = 0
  const begin = performance.now()
  let passed = 0
  while (passed < until) {
    for (let i = 0; i < 50; i++) call()
    calls += 50
    passed = performance.now() - begin
  }
  return passed * 1e6 / calls
}

/** The medians of all calls, which run in turn, so that a disturbance of one disturbs the others too. */
const medians = (calls: Readonly<Record<string, () => void>>): Readonly<Record<string, number>> => {
  const times: Record<string, Array<number>> = {}
  for (let round = 0; round <= Number(given.rounds); round++) {
    for (const [name, call] of Object.entries(calls)) {
      const found = time(call)
      // the first one is the warm-up
      if (round > 0) (times[name] ??= []).push(found)
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, each]) => [name, median(each)]))
}

// ---------------------------------------------------------------------------------------------------------------------
// messages

const headWith = (count: number): Buffer => {
  const fields = Array.from({ length: count - 1 }, (_, i) => `X-Some-Header-${i}: the value of header number ${i}\r\n`)
  return Buffer.from(`GET /some/path?with=a&query=string HTTP/1.1\r\nHost: example.org\r\n${fields.join("")}\r\n`)
}

const browser = Buffer.from(
  "GET /hello HTTP/1.1\r\nHost: www.example.org\r\n" +
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
    "Accept-Language: en-US,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
    "Referer: https://www.example.org/articles/2024/05/an-article?from=start\r\nConnection: keep-alive\r\n" +
    "Cookie: session=6b1f0c2d9a8e4f7b; theme=dark; _ga=GA1.2.1234567890.1716200000\r\n" +
    "Upgrade-Insecure-Requests: 1\r\n\r\n"
)

const bodyLength = 65_536
const sized = Buffer.concat([
  Buffer.from(`POST /upload HTTP/1.1\r\nHost: example.org\r\nContent-Length: ${bodyLength}\r\n\r\n`),
  Buffer.alloc(bodyLength, "x")
])
const chunks = (size: number): Buffer => {
  const chunk = `${chunkHead(size)}${"x".repeat(size)}${chunkEnd}`
  return Buffer.from(
    "POST /upload HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n" +
      `${chunk.repeat(bodyLength / size)}0\r\n\r\n`
  )
}

const parsed: ReadonlyArray<readonly [name: string, bytes: Buffer, body: number]> = [
  ["head, 1 field", headWith(1), 0],
  ["head, a browser's 9 fields", browser, 0],
  ["head, 10 fields", headWith(10), 0],
  ["head, 50 fields", headWith(50), 0],
  ["head, 100 fields", headWith(100), 0],
  ["body of 64 KiB, Content-Length", sized, bodyLength],
  ["body of 64 KiB, chunks of 64 bytes", chunks(64), bodyLength],
  ["body of 64 KiB, chunks of 4 KiB", chunks(4096), bodyLength]
]

const line = (...cells: ReadonlyArray<string>): void => {
  const [first = "", ...rest] = cells
  process.stdout.write(`${first.padEnd(38)}${rest.map((cell) => cell.padStart(16)).join("")}\n`)
}

line("parse", "tsgi", "per byte", "llhttp (wasm)", "per byte")
const found: Record<string, Readonly<Record<string, number>>> = {}
for (const [name, bytes, body] of parsed) {
  const tsgi = new TsgiReader()
  const llhttp = new LlhttpReader(131_072)
  tsgi.receive(bytes)
  llhttp.receive(bytes)
  for (const reader of [tsgi, llhttp]) {
    if (reader.messages !== 1 || reader.bodyBytes !== body) throw new Error(`${name}: not one whole message`)
  }
  const times = medians({ tsgi: () => tsgi.receive(bytes), llhttp: () => llhttp.receive(bytes) })
  found[name] = times
  line(
    name,
    ...["tsgi", "llhttp"].flatMap((reader) => [
      `${times[reader].toFixed(0)} ns`,
      `${(times[reader] / bytes.length).toFixed(2)} ns`
    ])
  )
}
const perField = (reader: string): string =>
  `${((found["head, 100 fields"][reader] - found["head, 10 fields"][reader]) / 90).toFixed(0)} ns`
line("each field more", perField("tsgi"), "", perField("llhttp"))

// ---------------------------------------------------------------------------------------------------------------------

const context = {
  method: "GET",
  minorVersion: 1,
  persistent: true,
  asksKeepAlive: false,
  keepAliveSeconds: undefined,
  bodyLength: 13,
  date: "Thu, 01 Jan 1970 00:00:00 GMT",
  fieldCase: "title"
} as const
const responseWith = (count: number) => ({
  status: 200,
  fields: Array.from({ length: count }, (_, i) => [`X-Some-Header-${i}`, `the value of header number ${i}`] as const)
})
const written = (count: number): number => {
  const head = prepare(responseWith(count), context)
  if (head._tag === "InvalidHead") throw new Error(head.message)
  return head.text.length
}
let sum = 0
process.stdout.write("\n")
line("write", "tsgi", "per byte")
const encoded: Record<number, number> = {}
for (const count of [1, 10, 50]) {
  const response = responseWith(count)
  const { tsgi } = medians({
    tsgi: () => {
      const head = prepare(response, context)
      if (head._tag === "PreparedHead") sum += head.text.length
    }
  })
  encoded[count] = tsgi
  line(
    `head, ${count} field${count === 1 ? "" : "s"}`,
    `${tsgi.toFixed(0)} ns`,
    `${(tsgi / written(count)).toFixed(2)} ns`
  )
}
line("each field more", `${((encoded[50] - encoded[10]) / 40).toFixed(0)} ns`)
const ready = draft(responseWith(1))
if (ready._tag === "JudgedHead") {
  const { tsgi } = medians({
    tsgi: () => {
      const head = prepare(ready, context)
      if (head._tag === "PreparedHead") sum += head.text.length
    }
  })
  line("head, 1 field, checked before", `${tsgi.toFixed(0)} ns`)
}
const framed = medians({
  tsgi: () => {
    sum += chunkHead(4096).length + chunkEnd.length
  }
})
line("framing of a chunk", `${framed.tsgi.toFixed(0)} ns`)
if (sum === 0) throw new Error("nothing was written")
