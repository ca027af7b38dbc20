/** The clients of a crowd: a constant number of slow ones of each kind, whatever happens to them, and good ones. */
import * as Net from "node:net"
import * as Tls from "node:tls"

const head = "Host: a\r\nX-Slow: "

/** The bytes that a slow client sends first, those that it sends now and then, and how it reads. */
export interface Kind {
  readonly first: string | Uint8Array
  readonly then: string
  /** Milliseconds between two writes. */
  readonly pause: number
  /** The client reads everything, nothing, or a little now and then. */
  readonly reads: "all" | "nothing" | "little"
  readonly tls?: boolean
}

export const kinds: Readonly<Record<string, Kind>> = {
  "half heads": { first: `GET / HTTP/1.1\r\n${head}`, then: "x", pause: 4_000, reads: "all" },
  "single bytes": { first: "G", then: "", pause: 4_000, reads: "all" },
  "half upgrades": {
    first: `GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${head}`,
    then: "x",
    pause: 4_000,
    reads: "all"
  },
  "stalled bodies": {
    first: `POST /upload HTTP/1.1\r\nContent-Length: 100000\r\n${head}\r\n\r\nx`,
    then: "x",
    pause: 4_000,
    reads: "all"
  },
  "stalled chunks": {
    first: `POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${head}\r\n\r\n1\r\nx\r\n`,
    then: "1\r\nx\r\n",
    pause: 4_000,
    reads: "all"
  },
  silent: { first: "", then: "", pause: 4_000, reads: "all" },
  idle: { first: `GET / HTTP/1.1\r\n${head}\r\n\r\n`, then: "", pause: 4_000, reads: "all" },
  "unread answers": { first: `GET /large HTTP/1.1\r\n${head}\r\n\r\n`, then: "\r\n", pause: 1_000, reads: "nothing" },
  "trickled answers": { first: `GET /large HTTP/1.1\r\n${head}\r\n\r\n`, then: "\r\n", pause: 1_000, reads: "little" },
  "half handshakes": {
    first: Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01),
    then: "",
    pause: 4_000,
    reads: "all",
    tls: true
  }
}

/** Two kinds at a time, which may show more than each kind alone. */
export const mixtures: ReadonlyArray<ReadonlyArray<string>> = [
  ["half heads", "stalled bodies"],
  ["stalled bodies", "unread answers"],
  ["idle", "trickled answers"],
  ["silent", "stalled chunks"]
]

/** How many slow clients ended in each way. */
export type Counts = Readonly<Record<string, number>>

/** Keeps a constant number of slow clients, which take turns in the kinds. */
export class SlowClients {
  private readonly sockets = new Set<Net.Socket>()
  private readonly counts: Record<string, number> = {}
  private over = false
  private connected = 0

  constructor(
    private readonly each: ReadonlyArray<Kind>,
    private readonly target: { readonly port: number; readonly slow: number; readonly slowFrom: string }
  ) {}

  async start(): Promise<void> {
    for (let begun = 0; begun < this.target.slow; begun += 50) {
      for (let i = begun; i < Math.min(begun + 50, this.target.slow); i++) this.connect(this.each[i % this.each.length])
      await pause(10)
    }
  }

  stop(): Counts {
    this.over = true
    for (const socket of this.sockets) socket.destroy()
    return { connections: this.connected, ...this.counts }
  }

  private connect(kind: Kind): void {
    const { port, slowFrom } = this.target
    const socket = Net.connect({ port, host: "127.0.0.1", localAddress: slowFrom })
    let timer: ReturnType<typeof setInterval> | undefined
    let what = "closed"
    this.sockets.add(socket)
    socket.on("error", () => what = "reset")
    socket.once("connect", () => {
      this.connected++
      if (kind.first.length > 0) socket.write(kind.first)
      if (kind.then !== "") timer = setInterval(() => this.goOn(kind, socket), kind.pause * (0.8 + Math.random() * 0.4))
    })
    if (kind.reads === "all") socket.once("data", (bytes: Buffer) => what = bytes.toString("latin1", 9, 12))
    if (kind.reads === "all") socket.resume()
    else socket.pause()
    // a client that does not read learns of the end when it writes
    socket.once("close", () => {
      clearInterval(timer)
      if (!this.sockets.delete(socket) || this.over) return
      this.counts[what] = (this.counts[what] ?? 0) + 1
      setTimeout(() => this.over || this.connect(kind), 200 + Math.random() * 300)
    })
    // the server has told it to go
    socket.once("end", () => socket.destroy())
  }

  private goOn(kind: Kind, socket: Net.Socket): void {
    socket.write(kind.then)
    if (kind.reads === "little") socket.read(1_024)
  }
}

/** Sends one good request on a connection of its own. Returns its result and the milliseconds until then. */
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

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

export interface Target {
  readonly port: number
  readonly seconds: number
  /** Good requests a second. */
  readonly rate: number
  /** Milliseconds within which a good request must be answered. */
  readonly patience: number
  readonly goodFrom: string
}

export interface Figures {
  readonly asked: number
  /** Milliseconds of the requests that were answered well and in time, the fastest first. */
  readonly times: ReadonlyArray<number>
  /** The results of the others, with their counts. */
  readonly others: Counts
}

/** Sends good requests at their rate, whatever the results of earlier ones. */
export const askWell = async (target: Target, tls: boolean): Promise<Figures> => {
  const asked: Array<Promise<readonly [string, number]>> = []
  const count = Math.round(target.seconds * target.rate)
  const begun = performance.now()
  for (let i = 0; i < count; i++) {
    await pause(begun + (i * 1000) / target.rate - performance.now())
    asked.push(ask(target, tls))
  }
  const ends = await Promise.all(asked)
  const others: Record<string, number> = {}
  for (const [what] of ends) if (what !== "answered") others[what] = (others[what] ?? 0) + 1
  return {
    asked: ends.length,
    times: ends.filter(([what]) => what === "answered").map(([, after]) => after).sort((a, b) => a - b),
    others
  }
}

export const inWords = ({ asked, others, times }: Figures): string => {
  const at = (part: number): string =>
    `${(times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? NaN).toFixed(0)}`
  return `${times.length} of ${asked} answered, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${at(1)} ms` +
    Object.entries(others).map(([what, count]) => `; ${count} ${what}`).join("")
}
