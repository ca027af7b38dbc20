/**
 * The clients of a soak, of every kind, by TCP and by TLS: they keep connections, pipeline, upload, send forms, wait for a 100,
 * speak on WebSockets, are slow, stall, flood, leave, reset, and send what is refused. Their counts must agree with those of the
 * server.
 */
import { Buffer } from "node:buffer"
import type { AccessRecord, StopReport } from "tsgi"
import { type WireClient, WireEnded } from "tsgi/testing"
import { turns } from "../utils/Journal.js"
import { connect, connectTls } from "../utils/sockets.js"
import { type Door, hooksEach, page, plain, type Served } from "./soakDoors.js"

export interface Bounds {
  /** Requests to send before the stop. */
  readonly requests: number
  readonly seconds: number
  readonly clients: number
  readonly seed: number
}

export interface Tally {
  /** Requests that clients sent, or began to send. */
  sent: number
  /** Requests that the application was given. */
  calls: number
  /** Lines of the access log, refusals included. */
  lines: number
  refusals: number
  hooks: number
  /** The names of the outcomes, with their counts. */
  readonly outcomes: Map<string, number>
  /** Everything that was wrong. */
  readonly wrong: Array<string>
}

class Counts {
  private readonly counts = new Map<string, number>()

  add(key: string): number {
    const count = (this.counts.get(key) ?? 0) + 1
    this.counts.set(key, count)
    return count
  }

  get(key: string): number {
    return this.counts.get(key) ?? 0
  }

  /** Takes all entries out. */
  *drain(): Iterable<readonly [string, number]> {
    const entries = [...this.counts]
    this.counts.clear()
    yield* entries
  }
}

export class Soak {
  readonly tally: Tally = { sent: 0, calls: 0, lines: 0, refusals: 0, hooks: 0, outcomes: new Map(), wrong: [] }
  private readonly calls = new Counts()
  private readonly lines = new Counts()
  private readonly hooks = new Counts()
  private served: Served | undefined = undefined
  private until = 0
  private most = 0
  private leaving = false
  private state: number
  // clients that wait until the server gives them up
  private readonly stalled = new Set<WireClient>()
  // what each client does, by the number of the act
  private readonly acts = new Map<WireClient, number>()

  constructor(private readonly bounds: Bounds, private readonly door: Door = plain) {
    this.state = bounds.seed
  }

  async start(): Promise<void> {
    this.served = await this.door({
      called: (id) => {
        this.calls.add(id)
        return ++this.tally.calls
      },
      hookRan: (id) => {
        this.tally.hooks++
        this.hooks.add(id)
      },
      logged: (record) => this.logged(record)
    })
  }

  private logged(record: AccessRecord): void {
    this.tally.lines++
    const kind = record.outcome === undefined
      ? `Refused ${record.refused?.reason}`
      : record.outcome._tag === "Aborted"
      ? `Aborted ${record.outcome.reason}`
      : record.outcome._tag
    this.tally.outcomes.set(kind, (this.tally.outcomes.get(kind) ?? 0) + 1)
    if (record.request === undefined) {
      this.tally.refusals++
      return
    }
    const id = record.request.target
    if (this.lines.add(id) > 1) this.wrong(`${id} has a second line`)
    if (this.hooks.get(id) !== hooksEach - 1) this.wrong(`${id} has its line before its hooks`)
  }

  /** Lets all clients work until the bounds are reached. */
  async run({ requests, seconds }: Pick<Bounds, "requests" | "seconds"> = this.bounds): Promise<void> {
    this.most = this.tally.sent + requests
    this.until = performance.now() + seconds * 1000
    this.leaving = false
    const rest = setTimeout(() => this.letGo(), Math.min(seconds * 1000, longestTimer))
    await Promise.all(Array.from({ length: this.bounds.clients }, () => this.client()))
    clearTimeout(rest)
  }

  /** The acts of all clients, for messages when they do not end. */
  get doing(): string {
    const counts = new Map<number, number>()
    for (const act of this.acts.values()) counts.set(act, (counts.get(act) ?? 0) + 1)
    return [...counts].map(([act, count]) => `${count} at ${act}`).join(", ")
  }

  // The end of the soak does not wait for deadlines of the server.
  private letGo(): void {
    for (const client of this.stalled) client.close()
  }

  /** Lets all clients work, and stops the server under them. */
  async runIntoStop(bounds: Pick<Bounds, "requests" | "seconds">, grace: number): Promise<StopReport | undefined> {
    const clients = this.run({ requests: Infinity, seconds: Infinity })
    const enough = this.tally.sent + bounds.requests
    const until = performance.now() + bounds.seconds * 1000
    while (this.tally.sent < enough && performance.now() < until) await turns(1)
    this.leaving = true
    const report = await this.served?.stop(grace)
    await clients
    return report
  }

  /** Waits until every request that was begun is over, and compares the counts. */
  async settle(): Promise<void> {
    const until = performance.now() + 5_000
    while (this.tally.lines < this.tally.calls + this.tally.refusals && performance.now() < until) await turns(1)
    while (this.tally.hooks < this.tally.calls * hooksEach && performance.now() < until) await turns(1)
    for (const [id, count] of this.calls.drain()) {
      if (count !== 1) this.wrong(`${id} was given to the application ${count} times`)
      if (this.lines.get(id) !== 1) this.wrong(`${id} has ${this.lines.get(id)} lines`)
      if (this.hooks.get(id) !== hooksEach) this.wrong(`${id} had ${this.hooks.get(id)} hooks run`)
    }
    for (const [id] of this.lines.drain()) {
      if (this.hooks.get(id) === 0) this.wrong(`${id} has a line and no hooks`)
    }
    for (const _ of this.hooks.drain());
  }

  private wrong(what: string): void {
    if (this.tally.wrong.length < 50) this.tally.wrong.push(what)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // clients

  private random(below: number): number {
    // mulberry32
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }

  private get over(): boolean {
    return this.leaving || this.tally.sent >= this.most || performance.now() >= this.until
  }

  private async client(): Promise<void> {
    while (!this.over && this.served !== undefined) {
      let client: WireClient
      try {
        const { address, secure } = this.served
        client = this.random(5) === 0 ? await connectTls(secure) : await connect(address)
      } catch (error) {
        if (this.leaving) return
        throw error
      }
      try {
        // each client acts at least once, even on a busy machine
        while (await this.act(client) && !this.over);
      } catch (error) {
        // only when the server stops does a connection end under its client
        if (!this.leaving || !(error instanceof WireEnded)) this.wrong(String(error))
      }
      client.close()
      await client.whenClosed()
      this.acts.delete(client)
    }
  }

  private request(path: string, fields = "", method = "GET"): string {
    if (++this.tally.sent === this.most) this.letGo()
    return `${method} ${path}?id=${this.tally.sent} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
  }

  private expect(response: { readonly status: number; readonly body: Buffer }, status: number, body: string): void {
    if (response.status !== status || response.body.toString() !== body) {
      this.wrong(
        `${response.status} ${response.body.toString().slice(0, 100)} instead of ${status} ${body.slice(0, 20)}`
      )
    }
  }

  /** Does one act of a client. Returns false if the connection has ended. */
  private async act(client: WireClient): Promise<boolean> {
    const act = this.random(38)
    this.acts.set(client, act)
    switch (act) {
      case 0:
      case 1:
      case 2:
        client.send(this.request("/array"))
        this.expect(await client.response(), 200, "hello world")
        return true
      case 3: {
        const paths = ["/array", "/iterator", "/none", "/array"]
        client.send(paths.map((path) => this.request(path)).join(""))
        for (const path of paths) {
          const { status } = await client.response()
          if (status !== (path === "/none" ? 204 : 200)) this.wrong(`${path} was answered ${status}`)
        }
        return true
      }
      case 4:
        client.send(this.request("/async"))
        this.expect(await client.response(), 200, "line 0\nline 1\nline 2\nline 3\nline 4\n")
        return true
      case 5:
        client.send(this.request("/interim"))
        this.expect(await client.response(), 200, "interim")
        return true
      case 6: {
        const length = this.random(200_000)
        client.send(this.request("/upload", `Content-Length: ${length}\r\n`, "POST"))
        client.send(Buffer.alloc(length, "u"))
        this.expect(await client.response(), 200, String(length))
        return true
      }
      case 7:
        client.send(this.request("/upload", "Content-Length: 5\r\nExpect: 100-continue\r\n", "POST"))
        if ((await client.head()).status !== 100) this.wrong("no 100")
        client.send("12345")
        this.expect(await client.response(), 200, "5")
        return true
      case 8:
        client.send(
          `${this.request("/upload", "Transfer-Encoding: chunked\r\n", "POST")}5\r\n12345\r\n3\r\n678\r\n0\r\n\r\n`
        )
        this.expect(await client.response(), 200, "8")
        return true
      case 9: {
        // unread, and short enough to be dropped
        client.send(`${this.request("/array", "Content-Length: 1000\r\n", "POST")}${"u".repeat(1000)}`)
        this.expect(await client.response(), 200, "hello world")
        return true
      }
      case 10:
        client.send(this.request("/page"))
        if ((await client.response()).body.length !== page.length) this.wrong("a page was cut")
        return true
      case 11:
        client.send(this.request("/before"))
        this.expect(await client.response(), 500, "")
        return false
      case 12:
        client.send(this.request("/after"))
        await client.all()
        return false
      case 13:
        client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        if ((await client.response()).status !== 400) this.wrong("not refused")
        return false
      case 14:
        client.send(this.request("/upload", "Content-Length: 100000\r\n", "POST"))
        client.send(Buffer.alloc(this.random(100_000), "u"))
        await turns(this.random(5))
        client.reset()
        return false
      case 15:
        client.send(this.request(this.random(2) === 0 ? "/page" : "/pages"))
        await client.some()
        client.reset()
        return false
      case 16:
        if (this.random(2) === 0) {
          client.send(this.request("/pages"))
          await turns(this.random(10))
          client.close()
        } else {
          // a reset that arrives with the request looks like FIN, and a client that sends FIN may still want its answer
          client.send(this.request("/wait"))
          if ((await client.head()).status !== 103) this.wrong("no 103")
          client.reset()
        }
        return false
      case 17:
        client.send(this.request("/upload", "Content-Length: 5\r\nExpect: 100-continue\r\n", "POST"))
        if ((await client.head()).status !== 100) this.wrong("no 100")
        client.reset()
        return false
      case 18:
        client.send(this.request("/async"))
        client.end()
        this.expect(await client.response(), 200, "line 0\nline 1\nline 2\nline 3\nline 4\n")
        return false
      case 19: {
        // a slow client sends a head in pieces
        const request = this.request("/array", `X-Slow: ${"s".repeat(200)}\r\n`)
        for (let at = 0; at < request.length; at += 40) {
          client.send(request.slice(at, at + 40))
          await turns(1)
        }
        this.expect(await client.response(), 200, "hello world")
        return true
      }
      case 20: {
        // and a body too
        client.send(this.request("/upload", "Transfer-Encoding: chunked\r\n", "POST"))
        for (let i = 0; i < 20; i++) {
          client.send("1\r\nx\r\n")
          await turns(1)
        }
        client.send("0\r\n\r\n")
        this.expect(await client.response(), 200, "20")
        return true
      }
      case 21:
        // a client that reads late
        client.send(this.request("/pages"))
        client.pause()
        await turns(this.random(200))
        client.resume()
        if ((await client.response()).body.length !== page.length) this.wrong("pages were cut")
        return true
      case 22:
        // a client that never reads
        client.pause()
        client.send(this.request("/page"))
        await turns(this.random(200))
        client.reset()
        return false
      case 23:
        client.send(`GET / HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(200)}\r\n`)
        if ((await client.response()).status !== 431) this.wrong("fields without end were not refused")
        return false
      case 24:
        client.send(Array.from({ length: 100 }, () => this.request("/array")).join(""))
        for (let i = 0; i < 100; i++) this.expect(await client.response(), 200, "hello world")
        return true
      case 25:
        // a request that is not HTTP, and an invalid length
        client.send(
          this.random(2) === 0 ? "\x16\x03\x01\x02\0\x01" : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"
        )
        {
          const answer = (await client.all()).toString("latin1")
          // a server that stops no longer reads
          if (!answer.startsWith("HTTP/1.1 400 ") && !this.leaving) {
            this.wrong(`garbage was not refused, but answered ${JSON.stringify(answer.slice(0, 100))}`)
          }
        }
        return false
      case 26:
        // within a head
        client.send("GET /half HTT")
        await turns(this.random(3))
        client.close()
        return false
      case 27:
        client.send("GET /half HTT")
        await this.givenUp(client, "half a head")
        return false
      case 28:
        client.send(this.request("/upload", "Content-Length: 100000\r\n", "POST") + "x".repeat(this.random(1000)))
        await this.givenUp(client, "half a body")
        return false
      case 29:
        client.send(
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
            "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        if ((await client.response()).status !== 400) this.wrong("two lengths were not refused")
        return false
      case 30:
        client.send(`${this.request("/upload", "Transfer-Encoding: chunked\r\n", "POST")}1;${"e".repeat(20_000)}`)
        if ((await client.response()).status !== 400) this.wrong("extensions without end were not refused")
        return false
      case 31: {
        const lines = this.random(5_000)
        client.send(`${this.request("/lines", `Content-Length: ${lines}\r\n`, "POST")}${"\n".repeat(lines)}`)
        this.expect(await client.response(), 200, String(lines))
        return true
      }
      case 32: {
        const fields = this.random(500)
        const body = `${part.repeat(fields)}--x--\r\n`
        const type = "Content-Type: multipart/form-data; boundary=x"
        client.send(this.request("/form", `${type}\r\nContent-Length: ${body.length}\r\n`, "POST") + body)
        this.expect(await client.response(), 200, String(fields))
        return true
      }
      case 33: {
        const fields = 1 + this.random(5_000)
        const body = "a=1&".repeat(fields).slice(0, -1)
        const type = "Content-Type: application/x-www-form-urlencoded"
        client.send(this.request("/form", `${type}\r\nContent-Length: ${body.length}\r\n`, "POST") + body)
        this.expect(await client.response(), 200, String(fields))
        return true
      }
      case 34:
        // a WebSocket with good frames
        if (!await this.upgrade(client)) return false
        for (let i = 0; i < 5; i++) {
          const sent = `message ${i}`
          client.send(frame(0x81, sent))
          if (!await this.hears(client, 0x81, sent)) return false
        }
        client.send(frame(0x88, "\x03\xe8"))
        if (await this.hears(client, 0x88, "\x03\xe8")) await client.whenEnded()
        return false
      case 35: {
        // a WebSocket with tiny frames without end
        if (!await this.upgrade(client)) return false
        const opcode = this.random(2) === 0 ? 0x81 : 0x89
        client.send(Buffer.concat(Array.from({ length: 500 }, () => frame(opcode, ""))))
        for (let i = 0; i < 500; i++) if (!await this.hears(client, opcode === 0x89 ? 0x8a : opcode, "")) return false
        client.reset()
        return false
      }
      case 36:
        // a WebSocket that never reads
        if (!await this.upgrade(client)) return false
        client.pause()
        client.send(Buffer.concat(Array.from({ length: 20_000 }, () => frame(0x82, "a".repeat(100)))))
        await turns(this.random(200))
        client.reset()
        return false
      default:
        // a WebSocket that sends nothing, and vanishes
        if (!await this.upgrade(client)) return false
        await turns(this.random(100))
        if (this.random(2) === 0) client.close()
        else client.reset()
        return false
    }
  }

  /** Waits until the server gives the client up, or the soak ends. */
  private async givenUp(client: WireClient, what: string): Promise<void> {
    if (this.over) return
    this.stalled.add(client)
    const answer = (await client.all()).toString("latin1")
    this.stalled.delete(client)
    if (!answer.startsWith("HTTP/1.1 408 ") && !this.over) this.wrong(`${what} was not given up`)
  }

  /** Requests a WebSocket, which a server that stops may refuse. */
  private async upgrade(client: WireClient): Promise<boolean> {
    client.send(this.request("/socket", upgrading))
    const { status } = await client.head()
    if (status !== 101 && !this.leaving) this.wrong(`a WebSocket was answered ${status}`)
    return status === 101
  }

  /** Reads a frame. A server that stops sends its own. */
  private async hears(client: WireClient, opcode: number, content: string): Promise<boolean> {
    const heard = await client.bytes(2 + content.length)
    const expected = Buffer.concat([Buffer.from([opcode, content.length]), Buffer.from(content, "latin1")])
    if (heard.equals(expected)) return true
    if (!this.leaving) this.wrong(`heard ${heard.toString("hex")} instead of ${expected.toString("hex")}`)
    return false
  }
}

// the longest of Node's timers
const longestTimer = 2_147_483_647

const part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
const upgrading = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/** Makes a frame that is masked with zeros (RFC 6455, 5.2). */
const frame = (opcode: number, content: string): Buffer =>
  Buffer.concat([Buffer.from([opcode, 0x80 | content.length, 0, 0, 0, 0]), Buffer.from(content, "latin1")])
