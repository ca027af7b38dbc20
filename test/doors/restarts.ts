/**
 * Restarts under load, with one listening socket that each process inherits from the one before. The next process serves before
 * the one before it stops. Clients of three kinds send requests all the time, and every request must be answered.
 *
 *   npm run restarts -- [restarts] [requests] [settle] [plain | effect]
 *
 * Default: 20 restarts, at least 100,000 requests, 1000 ms, plain. Prints the numbers of answered and of lost requests. Exits 1
 * if one was lost.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { bind } from "tsgi"
import { compile, folderFor } from "../utils/programs.js"

export type Door = "plain" | "effect"

export interface Bounds {
  readonly restarts: number
  /** The least number of requests of all clients together. */
  readonly requests: number
  /** Milliseconds for which an idle connection stays open after a stop has begun. */
  readonly settle: number
  readonly door: Door
}

/** The numbers of clients that use one connection, a new one for each request, or one that is idle between two requests. */
const kinds = { kept: 16, fresh: 8, idle: 8 } as const
type Kind = keyof typeof kinds
const pause = 300

export interface Found {
  /** Answered requests of each kind. */
  readonly answered: Record<Kind, number>
  /** The reasons why requests were not answered, with their counts. */
  readonly lost: Map<string, number>
}

const request = (close: boolean): string => `GET / HTTP/1.1\r\nHost: a\r\n${close ? "Connection: close\r\n" : ""}\r\n`
const answered = /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+\r\nhello$/

/** A connection with one request at a time. */
class Connection {
  private received = ""
  private error = "closed"
  private over = false
  private wake = (): void => undefined

  private constructor(private readonly socket: Net.Socket) {
    socket.setNoDelay(true)
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => {
      this.received += text
      this.wake()
    })
    socket.on("error", (error) => this.error = Reflect.get(error, "code") as string)
    socket.on("end", () => socket.end())
    socket.on("close", () => {
      this.over = true
      this.wake()
    })
  }

  static async open(port: number): Promise<Connection> {
    const socket = Net.connect(port, "127.0.0.1")
    await once(socket, "connect")
    return new Connection(socket)
  }

  /** Sends a request, and returns what is wrong with the answer. */
  async ask(close: boolean): Promise<string | undefined> {
    this.received = ""
    if (!this.over) this.socket.write(request(close))
    while (!this.over && !answered.test(this.received)) await new Promise<void>((resolve) => this.wake = resolve)
    if (answered.test(this.received)) return undefined
    return this.received === "" ? this.error : `part of an answer, then ${this.error}`
  }

  get closes(): boolean {
    return this.received.includes("Connection: close")
  }

  close(): void {
    this.socket.destroy()
  }
}

const load = async (port: number, kind: Kind, found: Found, isOver: () => boolean): Promise<void> => {
  let connection: Connection | undefined = undefined
  while (!isOver()) {
    let wrong: string | undefined
    try {
      connection ??= await Connection.open(port)
      wrong = await connection.ask(kind === "fresh")
    } catch (error) {
      wrong = `connect: ${String(Reflect.get(Object(error), "code"))}`
    }
    if (wrong === undefined) found.answered[kind]++
    else found.lost.set(`${kind}: ${wrong}`, (found.lost.get(`${kind}: ${wrong}`) ?? 0) + 1)
    if (wrong !== undefined || connection === undefined || connection.closes || kind === "fresh") {
      connection?.close()
      connection = undefined
    }
    if (kind === "idle") await setTimeout(pause)
  }
  connection?.close()
}

const start = async (program: string, fd: number, { door, settle }: Bounds): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [program, door, String(settle)], {
    stdio: ["ignore", "inherit", "inherit", fd, "ipc"]
  })
  await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`a server ended with ${String(code)}`)))
  ])
  return child
}

const stop = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  const [code] = await ended as [number | null]
  if (code !== 0) throw new Error(`a server ended with ${code}`)
}

/** Restarts a server again and again under load, and returns what was lost. */
export const restartUnderLoad = async (program: string, bounds: Bounds): Promise<Found> => {
  // this process accepts no connection, so they wait for the servers
  const { address, close, fd } = await bind()
  if (address._tag === "Unix") throw new Error("not TCP")
  const { port } = address
  let child = await start(program, fd, bounds)
  const found: Found = { answered: { kept: 0, fresh: 0, idle: 0 }, lost: new Map() }
  const total = (): number => Object.values(found.answered).reduce((sum, count) => sum + count, 0)
  let restarted = 0
  const isOver = (): boolean => restarted >= bounds.restarts && total() >= bounds.requests
  const clients = (Object.keys(kinds) as Array<Kind>).flatMap((kind) =>
    Array.from({ length: kinds[kind] }, () => load(port, kind, found, isOver))
  )
  for (; restarted < bounds.restarts; restarted++) {
    const next = await start(program, fd, bounds)
    await stop(child)
    child = next
  }
  await Promise.all(clients)
  await stop(child)
  close()
  return found
}

const [, file, restarts = "20", requests = "100000", settle = "1000", door] = process.argv
if (file === fileURLToPath(import.meta.url)) {
  const folder = folderFor("restarts")
  await compile(import.meta.dirname, ["restarted.ts"], folder)
  const began = performance.now()
  const { answered, lost } = await restartUnderLoad(path.join(folder, "restarted.mjs"), {
    restarts: Number(restarts),
    requests: Number(requests),
    settle: Number(settle),
    door: door === "effect" ? "effect" : "plain"
  })
  fs.rmSync(folder, { recursive: true })
  const seconds = Math.round((performance.now() - began) / 1000)
  const counts = Object.entries(answered).map(([kind, count]) => `${kind} ${count}`).join(", ")
  process.stdout.write(`answered ${counts} in ${seconds} s over ${restarts} restarts\n`)
  for (const [what, count] of lost) process.stdout.write(`lost ${count}: ${what}\n`)
  if (lost.size === 0) process.stdout.write("lost nothing\n")
  else process.exitCode = 1
}
