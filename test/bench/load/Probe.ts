/** Clients that send requests all the time, and count the results. */
import * as net from "node:net"
import { setTimeout } from "node:timers/promises"

/** On one connection each, on one for each request, or on one that is idle for so many milliseconds in between. */
export type Mode = "keep" | "close" | { readonly idle: number }

/**
 * The numbers of requests that were not answered: on a fresh connection, on a used one, in the middle, in time, or with a 200.
 */
export interface Losses {
  refused: number
  connectError: number
  freshLost: number
  reusedLost: number
  partial: number
  timeout: number
  wrong: number
}

const patience = 15_000

class Connection {
  used = 0
  private text = ""
  private over = false
  private wake = (): void => undefined

  constructor(readonly socket: net.Socket) {
    socket.setNoDelay(true).setEncoding("latin1")
    socket.on("data", (part: string) => {
      this.text += part
      this.wake()
    })
    socket.on("error", () => undefined)
    socket.once("close", () => {
      this.over = true
      this.wake()
    })
  }

  /** Sends a request, and returns the answer or what is missing of it. */
  async ask(target: string, close: boolean): Promise<keyof Losses | { readonly text: string; readonly last: boolean }> {
    this.text = ""
    if (!this.over) {
      this.socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n${close ? "Connection: close\r\n" : ""}\r\n`)
    }
    const late = globalThis.setTimeout(() => this.wake(), patience)
    const begun = performance.now()
    let body: string | undefined
    while ((body = bodyOf(this.text)) === undefined && !this.over && performance.now() - begun < patience) {
      await new Promise<void>((resolve) => this.wake = resolve)
    }
    clearTimeout(late)
    this.used++
    if (body !== undefined) {
      return this.text.startsWith("HTTP/1.1 200 ")
        ? { text: body, last: close || /^connection: close\r$/im.test(this.text) }
        : "wrong"
    }
    return !this.over ? "timeout" : this.text !== "" ? "partial" : this.used > 1 ? "reusedLost" : "freshLost"
  }
}

const bodyOf = (text: string): string | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const length = Number(/^content-length: (\d+)\r$/im.exec(text.slice(0, end + 2))?.[1] ?? 0)
  return text.length < end + 4 + length ? undefined : text.slice(end + 4)
}

const connect = (port: number): Promise<net.Socket | "refused" | "connectError"> =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.removeAllListeners("error")
      resolve(socket)
    })
    socket.once("error", (error) => {
      resolve(Reflect.get(error, "code") === "ECONNREFUSED" ? "refused" : "connectError")
    })
  })

export class Probe {
  answered = 0
  /** The longest, in milliseconds. */
  slowest = 0
  /** The count of each body. */
  readonly bodies = new Map<string, number>()
  readonly losses: Losses = {
    refused: 0,
    connectError: 0,
    freshLost: 0,
    reusedLost: 0,
    partial: 0,
    timeout: 0,
    wrong: 0
  }
  private over = false
  private readonly clients: ReadonlyArray<Promise<void>>

  constructor(
    private readonly port: number,
    clients: number,
    private readonly target: string,
    private readonly mode: Mode
  ) {
    this.clients = Array.from({ length: clients }, (_, i) => this.client(i / clients))
  }

  get lost(): number {
    return Object.values<number>({ ...this.losses }).reduce((sum, count) => sum + count, 0)
  }

  /** `0 lost of 1,234`, with the kinds of those that were. */
  get figure(): string {
    const kinds = Object.entries(this.losses).filter(([, count]) => count > 0).map(([kind, count]) =>
      `${kind} ${count}`
    )
    const name = typeof this.mode === "string" ? this.mode : `idle:${this.mode.idle}`
    return `${name}${this.target === "/" ? "" : ` ${this.target}`}: ${this.lost} lost of ${
      this.answered.toLocaleString("en")
    }${kinds.length === 0 ? "" : ` (${kinds.join(", ")})`}`
  }

  async stop(): Promise<void> {
    this.over = true
    await Promise.all(this.clients)
  }

  /** Goes on until `count` requests are answered, for at most `most` milliseconds. */
  async answers(count: number, most: number): Promise<void> {
    const begun = performance.now()
    while (this.answered < count && performance.now() - begun < most) await setTimeout(20)
  }

  private async client(part: number): Promise<void> {
    // idle clients do not all send at the same time
    if (typeof this.mode === "object") await setTimeout(part * this.mode.idle)
    let connection: Connection | undefined = undefined
    while (!this.over) {
      if (connection === undefined) {
        const socket = await connect(this.port)
        if (typeof socket === "string") {
          this.losses[socket]++
          // while nothing listens, further attempts would only be counted
          await setTimeout(10)
          continue
        }
        connection = new Connection(socket)
      }
      const begun = performance.now()
      const answer = await connection.ask(this.target, this.mode === "close")
      if (typeof answer === "string") this.losses[answer]++
      else {
        this.answered++
        this.slowest = Math.max(this.slowest, performance.now() - begun)
        this.bodies.set(answer.text, (this.bodies.get(answer.text) ?? 0) + 1)
      }
      if (typeof answer === "string" || answer.last) {
        connection.socket.destroy()
        connection = undefined
      }
      if (typeof this.mode === "object") await setTimeout(this.mode.idle)
    }
    connection?.socket.destroy()
  }
}
