/**
 * More slow clients than there are places, of one kind at a time, and good ones among them: how many of these are answered
 * within two seconds?
 *
 *   npx tsx test/doors/crowd.ts [kind] [slow clients] [seconds]      default: all kinds, 2200, 10; exits 1 below 99 %
 *
 * `slow` in the environment is the address that slow clients come from, `good` that of the good ones (both 127.0.0.1).
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as path from "node:path"
import * as Tls from "node:tls"
import { pathToFileURL } from "node:url"
import { listen, server, type ServerOptions, wrapTls } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"
import { makeCertificate } from "../utils/certificate.js"
import { Program } from "../utils/processes.js"

const head = "Host: a\r\nX-Slow: "
const large = Buffer.alloc(65_536, "l")
const pieces = 512

/** What a slow client sends first, and then now and then; and whether it reads. */
interface Kind {
  readonly first: string | Uint8Array
  readonly then: string
  readonly reads: boolean
  readonly tls?: boolean
}

export const kinds: Readonly<Record<string, Kind>> = {
  "half heads": { first: `GET / HTTP/1.1\r\n${head}`, then: "x", reads: true },
  "half upgrades": {
    first: `GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${head}`,
    then: "x",
    reads: true
  },
  "stalled bodies": {
    first: `POST /upload HTTP/1.1\r\nContent-Length: 100000\r\n${head}\r\n\r\nx`,
    then: "x",
    reads: true
  },
  silent: { first: "", then: "", reads: true },
  idle: { first: `GET / HTTP/1.1\r\n${head}\r\n\r\n`, then: "", reads: true },
  "slow readers": { first: `GET /large HTTP/1.1\r\n${head}\r\n\r\n`, then: "", reads: false },
  "half handshakes": { first: Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01), then: "", reads: true, tls: true }
}

export interface Target {
  readonly port: number
  /** How many slow clients there are at a time. */
  readonly slow: number
  readonly seconds: number
  /** Good requests a second. */
  readonly rate: number
  /** Milliseconds within which a good request is to be answered. */
  readonly patience: number
  readonly slowFrom: string
  readonly goodFrom: string
}

export interface Figures {
  readonly asked: number
  /** Within two seconds, and well. */
  readonly answered: number
  /** Milliseconds: the median, and the slowest that was answered. */
  readonly median: number
  readonly slowest: number
  /** What became of the others. */
  readonly others: ReadonlyMap<string, number>
}

/** Keeps as many slow clients as are asked for, whatever is done to them. */
class SlowClients {
  private readonly sockets = new Set<Net.Socket>()
  private over = false
  connected = 0

  constructor(private readonly kind: Kind, private readonly target: Target) {}

  async start(): Promise<void> {
    for (let begun = 0; begun < this.target.slow; begun += 50) {
      for (let i = 0; i < Math.min(50, this.target.slow - begun); i++) this.connect()
      await pause(10)
    }
  }

  stop(): void {
    this.over = true
    for (const socket of this.sockets) socket.destroy()
  }

  private connect(): void {
    const { port, slowFrom } = this.target
    const socket = Net.connect({ port, host: "127.0.0.1", localAddress: slowFrom })
    let more: ReturnType<typeof setInterval> | undefined
    this.sockets.add(socket)
    socket.on("error", () => undefined)
    socket.once("connect", () => {
      this.connected++
      if (this.kind.first.length > 0) socket.write(this.kind.first)
      if (this.kind.then !== "") more = setInterval(() => socket.write(this.kind.then), 3_000 + Math.random() * 2_000)
    })
    if (this.kind.reads) socket.resume()
    else socket.pause()
    const again = (): void => {
      clearInterval(more)
      if (!this.sockets.delete(socket) || this.over) return
      setTimeout(() => this.over || this.connect(), 200 + Math.random() * 300)
    }
    socket.once("close", again)
    // it has been told to go
    socket.once("end", () => socket.destroy())
  }
}

/** One good request on a connection of its own: what became of it, and after how many milliseconds. */
const ask = (target: Target, tls: boolean): Promise<readonly [what: string, after: number]> =>
  new Promise((resolve) => {
    const begun = performance.now()
    let text = ""
    const over = (what: string): void => {
      resolve([what, performance.now() - begun])
      socket.destroy()
      clearTimeout(late)
    }
    const late = setTimeout(() => over("late"), target.patience)
    const carrier = Net.connect({ port: target.port, host: "127.0.0.1", localAddress: target.goodFrom })
    carrier.on("error", (error) => over(error.message.split(" ")[0]))
    const socket = tls ? secure(carrier) : carrier
    socket.on("error", (error) => over(error.message))
    socket.once(tls ? "secureConnect" : "connect", () => {
      socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    })
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1")
      if (text.endsWith("hello")) over("answered")
    })
    socket.once("close", () => over(text === "" ? "closed" : text.slice(9, 12)))
  })

const secure = (socket: Net.Socket): Net.Socket => Tls.connect({ socket, rejectUnauthorized: false })

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

export const measure = async (kind: Kind, target: Target): Promise<Figures> => {
  const slow = new SlowClients(kind, target)
  const asked: Array<Promise<readonly [string, number]>> = []
  // the first good ones come while the slow ones still do
  const starting = slow.start()
  const count = Math.round(target.seconds * target.rate)
  const begun = performance.now()
  for (let i = 0; i < count; i++) {
    await pause(begun + (i * 1000) / target.rate - performance.now())
    asked.push(ask(target, kind.tls === true))
  }
  const ends = await Promise.all(asked)
  await starting
  slow.stop()
  const times = ends.filter(([what]) => what === "answered").map(([, after]) => after).sort((a, b) => a - b)
  const others = new Map<string, number>()
  for (const [what] of ends) if (what !== "answered") others.set(what, (others.get(what) ?? 0) + 1)
  return {
    asked: ends.length,
    answered: times.length,
    median: times[times.length >> 1] ?? NaN,
    slowest: times.at(-1) ?? NaN,
    others
  }
}

export const serveFacade = async (tls: boolean, options: ServerOptions = {}) => {
  const plain = listen({ host: "127.0.0.1", port: 0 })
  const running = server(
    tls ? wrapTls(plain, await makeCertificate("localhost")) : plain,
    async (env, startResponse) => {
      if (env.PATH_INFO === "/upload") { for await (const _ of env["wsgi.input"]); }
      startResponse("200 OK", [["Content-Type", "text/plain"]])
      return env.PATH_INFO === "/large" ? Array.from({ length: pieces }, () => large).values() : "hello"
    },
    { logOutput: false, log: () => undefined, ...options }
  )
  const address = await running.ready
  return { port: address._tag === "Tcp" ? address.port : 0, stop: () => running.stop({ grace: 0 }) }
}

/** The same at the Effect door, with the facade's number of places. */
export const serveEffect = async (tls: boolean, options: TsgiHttpServer.Options = {}) => {
  const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    if (request.url === "/large") {
      return Effect.succeed(HttpServerResponse.stream(Stream.fromIterable(Array.from({ length: pieces }, () => large))))
    }
    const read = request.url === "/upload" ? Stream.runDrain(request.stream) : Effect.void
    return Effect.as(read, HttpServerResponse.text("hello"))
  })
  const scope = await Effect.runPromise(Scope.make())
  const layer = TsgiHttpServer.layer({
    host: "127.0.0.1",
    port: 0,
    tls: tls ? await makeCertificate("localhost") : undefined,
    ...options,
    timeouts: { grace: 0, ...options.timeouts },
    limits: { connections: 1024, ...options.limits }
  })
  const context = await HttpServer.serve(app).pipe(
    Layer.provideMerge(layer),
    Layer.buildWithScope(scope),
    Effect.runPromise
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  return {
    port: address._tag === "TcpAddress" ? address.port : 0,
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export const doors = { facade: serveFacade, effect: serveEffect }

export const inWords = ({ answered, asked, median, others, slowest }: Figures): string =>
  `${answered} of ${asked} answered, median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms` +
  [...others].map(([what, count]) => `; ${count} ${what}`).join("")

const isDoor = (name: string): name is keyof typeof doors => name in doors

const main = async ([only = "", slow = "2200", seconds = "10"]: ReadonlyArray<string>): Promise<void> => {
  for (const [name, kind] of Object.entries(kinds)) {
    if (only !== "" && name !== only) continue
    for (const door of Object.keys(doors)) {
      await using served = new Program(
        process.execPath,
        ["--import", "tsx", import.meta.filename, "serve", door, name],
        {
          cwd: path.dirname(import.meta.dirname)
        }
      )
      const [, port] = await served.line(/^port (\d+)$/)
      const figures = await measure(kind, {
        port: Number(port),
        slow: Number(slow),
        seconds: Number(seconds),
        rate: 20,
        patience: 2_000,
        slowFrom: process.env.slow ?? "127.0.0.1",
        goodFrom: process.env.good ?? "127.0.0.1"
      })
      process.stdout.write(`${door}, ${slow} ${name}: ${inWords(figures)}\n`)
      if (figures.answered < 0.99 * figures.asked) process.exitCode = 1
    }
  }
}

const [, program = "", ...args] = process.argv
if (import.meta.url === pathToFileURL(program).href) {
  const [what, door = "", kind = ""] = args
  if (what === "serve" && isDoor(door)) {
    const { port } = await doors[door](kinds[kind]?.tls === true)
    process.stdout.write(`port ${port}\n`)
  } else await main(args)
}
