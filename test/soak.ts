/**
 * Many clients at once, of every kind: they keep connections, pipeline, upload, wait for a 100, leave, reset, and send
 * what is refused. In the end the counts must agree: one access-log line for each request, each hook once, nothing held.
 *
 *   npx tsx test/soak.ts [seconds]      default 60; prints a line every few seconds, exits 1 when something is wrong
 */
import { Buffer } from "node:buffer"
import { type Address, type App, type Environ, listen, type RunningServer, server, type StopReport } from "tsgi"
import { type WireClient, WireEnded } from "tsgi/testing"
import { collectGarbage } from "./utils/garbage.js"
import { turns } from "./utils/Journal.js"
import { connect } from "./utils/sockets.js"

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
  /** What each request's end was called, and how often. */
  readonly outcomes: Map<string, number>
  /** What was not as it should be. */
  readonly wrong: Array<string>
}

const hooksEach = 3
const page = Buffer.alloc(1_048_576, "p")

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

  /** Takes all keys out. */
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
  private running: RunningServer | undefined = undefined
  private address: Address | undefined = undefined
  private until = 0
  private most = 0
  private leaving = false
  private state: number

  constructor(private readonly bounds: Bounds) {
    this.state = bounds.seed
  }

  async start(): Promise<void> {
    this.running = server(listen(), this.app, {
      log: () => undefined,
      logFormat: (record) => {
        this.tally.lines++
        const kind = record.outcome === undefined
          ? `Refused ${record.refused?.reason}`
          : record.outcome._tag === "Aborted"
          ? `Aborted ${record.outcome.reason}`
          : record.outcome._tag
        this.tally.outcomes.set(kind, (this.tally.outcomes.get(kind) ?? 0) + 1)
        if (record.request === undefined) this.tally.refusals++
        else {
          const id = record.request.target
          if (this.lines.add(id) > 1) this.wrong(`${id} has a second line`)
          if (this.hooks.get(id) !== hooksEach - 1) this.wrong(`${id} has its line before its hooks`)
        }
        return ""
      },
      timeouts: { interrupt: 100, linger: 1_000 }
    })
    this.address = await this.running.ready
  }

  /** Lets all clients work until the bounds are reached. */
  async run({ requests, seconds }: Pick<Bounds, "requests" | "seconds"> = this.bounds): Promise<void> {
    this.most = this.tally.sent + requests
    this.until = performance.now() + seconds * 1000
    this.leaving = false
    await Promise.all(Array.from({ length: this.bounds.clients }, () => this.client()))
  }

  /** Lets all clients work, and stops the server under them. */
  async runIntoStop(bounds: Pick<Bounds, "requests" | "seconds">, grace: number): Promise<StopReport> {
    const clients = this.run({ requests: Infinity, seconds: Infinity })
    const enough = this.tally.sent + bounds.requests
    const until = performance.now() + bounds.seconds * 1000
    while (this.tally.sent < enough && performance.now() < until) await turns(1)
    this.leaving = true
    const report = await this.running?.stop({ grace })
    await clients
    if (report === undefined) throw new Error("start comes first")
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
  // the application

  private readonly app: App = (env, startResponse) => {
    const id = env.REQUEST_URI
    const number = ++this.tally.calls
    this.calls.add(id)
    const hook = (): void => {
      this.tally.hooks++
      this.hooks.add(id)
    }
    env["eventlet.posthooks"].push(
      [hook],
      [() => turns(1).then(hook)],
      // a detached one, which fails now and then
      [
        () =>
          turns(3).then(() => {
            hook()
            if (number % 16 === 0) throw new Error("a detached hook")
          }),
        [],
        undefined,
        { detached: true }
      ]
    )
    const plain: ReadonlyArray<[string, string]> = [["Content-Type", "text/plain"]]
    switch (env.PATH_INFO) {
      case "/array":
        startResponse("200 OK", plain)
        return ["hello ", "world"]
      case "/none":
        startResponse("204 No Content", [])
        return []
      case "/iterator":
        startResponse("200 OK", plain)
        return Array.from({ length: 20 }, (_, i) => `line ${i}\n`).values()
      case "/async":
        startResponse("200 OK", plain)
        return (async function*() {
          for (let i = 0; i < 5; i++) {
            yield `line ${i}\n`
            await turns(1)
          }
        })()
      case "/page":
        startResponse("200 OK", plain)
        return [page]
      case "/pages":
        startResponse("200 OK", plain)
        return Array.from({ length: 16 }, () => page.subarray(0, 65_536)).values()
      case "/upload":
        return this.upload(env, () => startResponse("200 OK", plain))
      case "/interim":
        env["tsgi.interim"](103, [["Link", "</a>; rel=preload"]])
        startResponse("200 OK", plain)
        return "interim"
      case "/before":
        throw new Error("before the head")
      case "/after":
        startResponse("200 OK", plain)
        return (function*() {
          yield "x".repeat(5_000)
          throw new Error("after the head")
        })()
      default:
        env["tsgi.interim"](103)
        return new Promise((resolve) => {
          env["tsgi.signal"].addEventListener("abort", () => resolve("never"), { once: true })
        })
    }
  }

  private async upload(env: Environ, begin: () => unknown): Promise<string> {
    let length = 0
    for await (const piece of env["wsgi.input"]) length += piece.length
    begin()
    return String(length)
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
    while (!this.over && this.address !== undefined) {
      let client: WireClient
      try {
        client = await connect(this.address)
      } catch (error) {
        if (this.leaving) return
        throw error
      }
      try {
        while (!this.over && await this.act(client));
      } catch (error) {
        // a connection ends under its client when the server stops, and only then
        if (!this.leaving || !(error instanceof WireEnded)) this.wrong(String(error))
      }
      client.close()
      await client.whenClosed()
    }
  }

  private request(path: string, fields = "", method = "GET"): string {
    return `${method} ${path}?id=${++this.tally.sent} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
  }

  private expect(response: { readonly status: number; readonly body: Buffer }, status: number, body: string): void {
    if (response.status !== status || response.body.toString() !== body) {
      this.wrong(
        `${response.status} ${response.body.toString().slice(0, 100)} instead of ${status} ${body.slice(0, 20)}`
      )
    }
  }

  /** One thing that a client does; `false` when the connection is at its end. */
  private async act(client: WireClient): Promise<boolean> {
    switch (this.random(20)) {
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
          // a reset that comes with the request looks like FIN, and who says that may still want its answer
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
      default:
        // within a head
        client.send("GET /half HTT")
        await turns(this.random(3))
        client.close()
        return false
    }
  }
}

/** Bytes in use when everything unreachable is gone. */
export const heapUsed = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    await turns(5)
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

const describe = ({ calls, hooks, lines, outcomes, refusals, sent }: Tally, heap: number): string =>
  `${sent} sent, ${calls} calls, ${refusals} refused, ${lines} lines, ${hooks} hooks, heap ${
    (heap / 1_048_576).toFixed(1)
  } MiB; ${[...outcomes].map(([kind, count]) => `${kind} ${count}`).sort().join(", ")}`

if (process.argv[1] === import.meta.filename) {
  const seconds = Number(process.argv[2] ?? 60)
  const soak = new Soak({ requests: Infinity, seconds, clients: 50, seed: Date.now() })
  await soak.start()
  const rounds = Math.max(2, Math.round(seconds / 5))
  const heaps: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    await soak.run({ requests: Infinity, seconds: seconds / rounds })
    await soak.settle()
    heaps.push(await heapUsed())
    console.log(describe(soak.tally, heaps[round]))
  }
  const report = await soak.runIntoStop({ requests: Infinity, seconds: 1 }, 100)
  await soak.settle()
  console.log(describe(soak.tally, await heapUsed()))
  console.log(report)
  for (const line of soak.tally.wrong) console.log(`wrong: ${line}`)
  // the first rounds fill caches
  const growth = heaps[rounds - 1] - heaps[Math.floor(rounds / 2)]
  console.log(`heap grew by ${(growth / 1024).toFixed(0)} KiB in the second half`)
  process.exitCode = soak.tally.wrong.length > 0 ? 1 : 0
}
