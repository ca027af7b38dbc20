/**
 * How long one client waits while others send as fast as they can. The server is one process, the greedy clients are another, and
 * this one has a bystander that sends a request every 20 ms on one connection.
 *
 *   npx tsx test/doors/bystander.ts [loads] [door] [seconds] [clients]
 *
 * The default is the load `requests` at both doors for 10 seconds with 4 clients; `all` is every load.
 *
 * Prints the bystander's times and the server's longest turn of the event loop, in milliseconds. Exits 1 where the 99th
 * percentile under the default load is not below 50 ms at the plain door and 150 ms at the Effect door.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { once } from "node:events"
import * as Net from "node:net"
import * as path from "node:path"
import * as Tls from "node:tls"
import { pathToFileURL } from "node:url"
import type { App } from "tsgi"
import { Program } from "../utils/processes.js"
import { upgrade } from "../utils/requests.js"
import { type Quiet, serveEffect, servePlain } from "./quietDoors.js"

// ---------------------------------------------------------------------------------------------------------------------
// what is served

const app: App = async (env, startResponse) => {
  const input = env["wsgi.input"]
  let count = 0
  switch (env.PATH_INFO) {
    case "/iterate":
      for await (const piece of input) count += piece.length
      break
    case "/byte":
      while ((await input.read(1)).length > 0) count++
      break
    case "/line":
      while ((await input.readline()).length > 0) count++
      break
    case "/lines":
      count = (await input.readlines()).length
      break
    case "/text":
    case "/form":
    case "/json":
      count = (await input.read()).length
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return String(count)
}

const effectApp = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  let count = 0
  switch (request.url) {
    case "/iterate":
    case "/byte":
    case "/line":
    case "/lines":
      count = yield* Stream.runFold(request.stream, 0, (length, piece) => length + piece.length)
      break
    case "/text":
      count = (yield* request.text).length
      break
    case "/json":
      yield* request.json
      break
    case "/form":
      count = (yield* request.urlParamsBody).length
      break
    case "/parts":
      yield* Stream.runForEach(request.multipartStream, () => Effect.sync(() => count++))
      break
    case "/socket": {
      const socket = yield* request.upgrade
      const write = yield* socket.writer
      yield* socket.runRaw((message) => write(message))
      return HttpServerResponse.empty()
    }
  }
  return HttpServerResponse.text(String(count))
}).pipe(
  Effect.scoped,
  Effect.catchAll((error) => Effect.succeed(HttpServerResponse.text(error._tag, { status: 413 })))
)

const doors: Readonly<Record<string, (tls: boolean) => Promise<Quiet>>> = {
  plain: (tls) => servePlain(app, tls),
  effect: (tls) => serveEffect(effectApp, tls)
}

/**
 * The longest turn of the event loop in milliseconds. Of the time that passed, only as much counts as the process had a
 * processor.
 */
class Turns {
  longest = 0
  private wall = 0
  private cpu = 0

  begin(): void {
    this.look()
    this.longest = 0
    setInterval(() => this.look(), 1)
  }

  private look(): void {
    const { system, user } = process.cpuUsage()
    const [wall, cpu] = [performance.now(), (system + user) / 1000]
    this.longest = Math.max(this.longest, Math.min(wall - this.wall, cpu - this.cpu))
    this.wall = wall
    this.cpu = cpu
  }
}

const serve = async (door: string, tls: boolean): Promise<void> => {
  const { port } = await doors[door](tls)
  process.stdout.write(`port ${port}\n`)
  const turns = new Turns()
  // the first connections and the compiler are not measured
  process.once("SIGUSR2", () => {
    turns.begin()
    process.stdout.write("measuring\n")
  })
  process.once("SIGTERM", () => {
    process.stdout.write(`longest ${turns.longest.toFixed(0)}\n`, () => process.exit(0))
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// what greedy clients send

/** The bytes that are sent first, and those that are sent again and again. */
interface Load {
  readonly first?: string
  readonly again: Uint8Array
  readonly tls?: boolean
  /** Bytes of a write, if they are not all bytes. */
  readonly piece?: number
  /** Whether the load is only for the Effect door. */
  readonly effectOnly?: boolean
  /** The number of connections that share the load. */
  readonly crowd?: number
}

const head = (target: string, fields = "", method = "POST"): string =>
  `${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
const chunked = (target: string, chunk: string, count: number, trailers = ""): Buffer =>
  Buffer.from(`${head(target, "Transfer-Encoding: chunked\r\n")}${chunk.repeat(count)}0\r\n${trailers}\r\n`)
const long = (target: string, body: string, type = "text/plain"): Buffer =>
  Buffer.from(head(target, `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`) + body)
const upTo = (bytes: number, text: string | Buffer): Buffer => {
  const once = Buffer.from(text)
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / once.length) }, () => once))
}
const socket = upgrade("/socket")
const mebi = 1_048_576

const part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
const loads: Readonly<Record<string, () => Load>> = {
  "requests": () => ({ again: upTo(65_536, head("/", "", "GET")) }),
  "requests with bodies": () => ({ again: upTo(65_536, `${head("/", "Content-Length: 1\r\n")}a`) }),
  "bodies that are iterated": () => ({ again: upTo(65_536, chunked("/iterate", "1\r\na\r\n", 2)) }),
  "bodies that are read": () => ({ again: upTo(65_536, chunked("/text", "1\r\na\r\n", 2)) }),
  "a hundred fields": () => ({ again: upTo(65_536, head("/", "a: b\r\n".repeat(98), "GET")) }),
  "a hundred names": () => ({
    again: upTo(65_536, head("/", Array.from({ length: 98 }, (_, i) => `a${i}: b\r\n`).join(""), "GET"))
  }),
  "trailers": () => ({ again: upTo(65_536, chunked("/iterate", "1\r\na\r\n", 1, "a: b\r\n".repeat(98))) }),
  "tiny chunks iterated": () => ({ again: chunked("/iterate", "1\r\na\r\n", 400_000) }),
  "tiny chunks whole": () => ({ again: chunked("/text", "1\r\na\r\n", 400_000) }),
  "tiny chunks unread": () => ({ again: chunked("/", "1\r\na\r\n", 8_000) }),
  "bytes": () => ({ again: long("/byte", "a".repeat(300_000)) }),
  "bytes of chunks": () => ({ again: chunked("/byte", "1\r\na\r\n", 300_000) }),
  "lines one by one": () => ({ again: long("/line", "\n".repeat(300_000)) }),
  "lines": () => ({ again: long("/lines", "\n".repeat(1_000_000)) }),
  "a large body": () => ({ again: long("/iterate", "a".repeat(50 * mebi)) }),
  "middling chunks": () => ({ again: chunked("/iterate", `800\r\n${"a".repeat(2048)}\r\n`, 10_000) }),
  "a whole body": () => ({ again: long("/text", "a".repeat(10 * mebi)) }),
  "a form of names": () => ({ again: long("/form", "a&".repeat(mebi / 2), "application/x-www-form-urlencoded") }),
  "a form of escapes": () => ({
    again: long("/form", `a=${"%41".repeat(mebi / 3 - 1)}`, "application/x-www-form-urlencoded")
  }),
  "deep JSON": () => ({ again: long("/json", "[".repeat(5_000) + "]".repeat(5_000), "application/json") }),
  "JSON": () => ({ again: long("/json", `[${"{},".repeat(mebi / 3 - 4)}{}]`, "application/json") }),
  "tiny parts": () => ({
    again: long("/parts", `${part.repeat(990)}--x--\r\n`, "multipart/form-data; boundary=x"),
    effectOnly: true
  }),
  "too many parts": () => ({
    again: long("/parts", `${part.repeat(10_000)}--x--\r\n`, "multipart/form-data; boundary=x"),
    effectOnly: true
  }),
  "frames": () => ({ first: socket, again: upTo(65_536, Buffer.from([0x82, 0x80, 0, 0, 0, 0])), effectOnly: true }),
  "texts": () => ({ first: socket, again: upTo(65_536, Buffer.from([0x81, 0x81, 0, 0, 0, 0, 97])), effectOnly: true }),
  "pings": () => ({ first: socket, again: upTo(65_536, Buffer.from([0x89, 0x80, 0, 0, 0, 0])), effectOnly: true }),
  "fragments": () => ({
    first: socket,
    again: Buffer.concat([
      Buffer.from([0x01, 0x80, 0, 0, 0, 0]),
      upTo(60_000, Buffer.from([0x00, 0x80, 0, 0, 0, 0])),
      Buffer.from([0x80, 0x80, 0, 0, 0, 0])
    ]),
    effectOnly: true
  }),
  "heads byte by byte": () => ({ again: Buffer.from(head("/", "a: b\r\n", "GET")), piece: 1, crowd: 1000 }),
  "TLS records": () => ({ again: upTo(65_536, head("/", "", "GET")), piece: 1, tls: true }),
  "TLS requests": () => ({ again: upTo(65_536, head("/", "", "GET")), tls: true })
}

const connect = (port: number, tls: boolean): Promise<Net.Socket> =>
  new Promise((resolve) => {
    const options = { host: "127.0.0.1", port }
    const socket = tls ? Tls.connect({ ...options, rejectUnauthorized: false }) : Net.connect(options)
    socket.setNoDelay(true)
    socket.on("error", () => undefined)
    socket.once(tls ? "secureConnect" : "connect", () => resolve(socket))
  })

/** Sends a load again and again, as fast as it is taken, and reads the answers. */
const send = async ({ again, first, piece = again.length, tls = false }: Load, port: number): Promise<void> => {
  const socket = await connect(port, tls)
  socket.resume()
  if (first !== undefined) {
    socket.write(first)
    await new Promise((resolve) => socket.once("data", resolve))
  }
  process.stdout.write("sending\n")
  let at = 0
  const more = (): void => {
    if (socket.destroyed) return
    for (let i = 0; i < 2_000; i++) {
      const taken = socket.write(again.subarray(at, at + piece))
      at = at + piece >= again.length ? 0 : at + piece
      if (!taken) return void socket.once("drain", more)
    }
    setImmediate(more)
  }
  const single = (): void => {
    if (socket.destroyed) return
    socket.write(again.subarray(at, at + piece))
    at = at + piece >= again.length ? 0 : at + piece
    setImmediate(single)
  }
  if (piece === 1 && !tls) single()
  else more()
  await new Promise((resolve) => socket.once("close", resolve))
  process.stdout.write("closed\n")
  // a client that is cut off connects again
  if (process.exitCode === undefined) setTimeout(() => void send({ again, first, piece, tls } as Load, port), 5)
}

// ---------------------------------------------------------------------------------------------------------------------
// who waits

interface Figures {
  readonly asked: number
  readonly median: number
  readonly ninetyNinth: number
  readonly slowest: number
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const stand = async (port: number, seconds: number, tls: boolean): Promise<Figures> => {
  const socket = await connect(port, tls)
  const times: Array<number> = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const begun = performance.now()
    socket.write(head("/", "", "GET"))
    await once(socket, "data", { signal: AbortSignal.timeout(30_000) })
    const took = performance.now() - begun
    times.push(took)
    if (took < 20) await pause(20 - took)
  }
  socket.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN
  return { asked: times.length, median: at(0.5), ninetyNinth: at(0.99), slowest: at(1) }
}

const bars: Readonly<Record<string, number>> = { plain: 50, effect: 150 }

const own = (...args: ReadonlyArray<string>): Program =>
  new Program(process.execPath, ["--import", "tsx", import.meta.filename, ...args], {
    cwd: path.dirname(import.meta.dirname)
  })

const main = async (
  [only = "requests", door = "", seconds = "10", clients = "4"]: ReadonlyArray<string>
): Promise<void> => {
  for (const [name, make] of Object.entries(loads)) {
    if (only !== "all" && !only.split(",").includes(name)) continue
    const load = make()
    for (const [each, bar] of Object.entries(bars)) {
      if ((door !== "" && each !== door) || (load.effectOnly === true && each === "plain")) continue
      const tls = load.tls === true
      await using served = own("serve", each, String(tls))
      const [, port = ""] = await served.line(/^port (\d+)$/)
      const greedy = own("send", name, port, String(load.crowd ?? clients))
      await greedy.line(/^sending$/)
      await pause(500)
      if (served.pid !== undefined) process.kill(served.pid, "SIGUSR2")
      await served.line(/measuring/)
      const { asked, median, ninetyNinth, slowest } = await stand(Number(port), Number(seconds), tls)
      await greedy[Symbol.asyncDispose]()
      if (served.pid !== undefined) process.kill(served.pid, "SIGTERM")
      const [, longest] = await served.line(/^longest (\d+)$/)
      const closed = greedy.stdout.filter((line) => line === "closed").length
      process.stdout.write(
        `${each}, ${name}: ${asked} asked, median ${median.toFixed(1)} ms, 99 % ${ninetyNinth.toFixed(1)} ms, ` +
          `slowest ${slowest.toFixed(1)} ms; longest turn ${longest} ms${closed > 0 ? `; ${closed} closed` : ""}\n`
      )
      if (name === "requests" && ninetyNinth >= bar) process.exitCode = 1
    }
  }
}

const [, program = "", ...args] = process.argv
if (import.meta.url === pathToFileURL(program).href) {
  const [what, second = "", third = "", fourth = ""] = args
  if (what === "serve") await serve(second, third === "true")
  else if (what === "send") {
    const load = loads[second]?.()
    if (load !== undefined) await Promise.all(Array.from({ length: Number(fourth) }, () => send(load, Number(third))))
  } else await main(args)
}
