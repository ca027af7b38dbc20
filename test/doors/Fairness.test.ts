/**
 * The share of a connection in a turn: a client that sends much at once must not make others wait for all of it.
 *
 * The family: a client that has sent many requests ahead, to handlers that answer at once, with hooks, and later; alone and as
 * one of several; its next requests while it still has a backlog. A client that has sent much that an app takes in small parts,
 * such as reads of a body and messages of a WebSocket, or that is parsed, such as fields of a form. The tests count requests,
 * reads, messages and turns, and not time.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { App } from "tsgi"
import { Posthooks } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { boundedRequest } from "../../src/wsgi/BoundedRequest.js"
import { nothingSeen, serve } from "../platform/scene.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request, upgrade } from "../utils/requests.js"
import { thorough } from "../utils/runs.js"
import { withServer } from "../utils/serving.js"
import { frame } from "../utils/webSockets.js"

/** The number of requests sent ahead: more than a read of the socket, 64 KiB, can hold. */
const ahead = 600
/** A field with which fewer requests fill a read. */
const padding = `X-Padding: ${"x".repeat(100)}`
/** The numbers of clients that send ahead at the same time. */
const crowds = thorough ? [1, 4] : [2]
/**
 * The most requests that are answered in a turn of the event loop, times the turns for which the other's request may be under
 * way.
 */
const bound = 64 * 6

const many = (name: string): string => get(`/${name}`, padding).repeat(ahead)

/** The order in which requests were seen. The other client's request is sent when the first of them was seen. */
class Order {
  readonly seen: Array<string> = []
  sendOther = (): void => undefined

  see(target: string): void {
    if (this.seen.push(target) === 1) this.sendOther()
  }

  get before(): number {
    return this.seen.indexOf("/other")
  }
}

/** Counts events between two turns of the event loop. */
class Turns {
  /** The most events in one turn. */
  most = 0
  private now = 0
  private next: ReturnType<typeof setImmediate> | undefined = undefined

  did(count = 1): void {
    this.now += count
    this.next ??= setImmediate(() => {
      this.most = Math.max(this.most, this.now)
      this.now = 0
      this.next = undefined
    })
  }
}

/** The most reads of a body in a turn and a part of the one before. */
const readsBound = 2 * 1024
/** The most messages of a WebSocket. */
const messagesBound = 64

const readAll = async (client: WireClient): Promise<void> => {
  const statuses = new Set<number>()
  for (let i = 0; i < ahead; i++) statuses.add((await client.response()).status)
  expect([...statuses]).toEqual([200])
}

const check = async (open: () => Promise<WireClient>, order: Order, crowd: number): Promise<void> => {
  const greedy = await Promise.all(Array.from({ length: crowd }, open))
  const other = await open()
  order.sendOther = () => other.send(get("/other"))
  for (const client of greedy) client.send(many("greedy"))
  await other.response()
  expect(order.before).toBeLessThan(crowd * bound)
  // none of the requests sent ahead is lost
  await Promise.all(greedy.map(readAll))
  expect(order.seen.length).toBe(crowd * ahead + 1)
}

describe("plain TypeScript: another client waits for a share only", () => {
  const kinds: Record<string, (env: Parameters<App>[0]) => ReturnType<App>> = {
    "at once": () => "hello",
    "with a hook": (env) => {
      env["eventlet.posthooks"].push([() => undefined])
      return "hello"
    },
    "with a promise": () => Promise.resolve("hello")
  }
  for (const [kind, answer] of Object.entries(kinds)) {
    it.each(crowds)(`answered ${kind}, %i that send ahead`, (crowd) => {
      const order = new Order()
      const app: App = (env, startResponse) => {
        order.see(env.PATH_INFO)
        startResponse("200 OK", [])
        return answer(env)
      }
      return withServer(app, { log: () => undefined }, ({ connect }) => check(connect, order, crowd))
    })
  }

  it("a handler that blocks is one request in a turn", () => {
    const order = new Order()
    const app: App = (env, startResponse) => {
      order.see(env.PATH_INFO)
      const until = performance.now() + 3
      while (performance.now() < until);
      startResponse("200 OK", [])
      return "hello"
    }
    return withServer(app, { log: () => undefined }, async ({ connect }) => {
      const [greedy, other] = [await connect(), await connect()]
      order.sendOther = () => other.send(get("/other"))
      greedy.send(get("/greedy").repeat(50))
      await other.response()
      expect(order.before).toBeLessThan(5)
    })
  })
})

describe("plain TypeScript: what is read of a body in a turn is bounded, and all of it is read", () => {
  const length = 12_000
  type Input = Parameters<App>[0]["wsgi.input"]
  const readers: Record<string, (input: Input, counted: Turns) => Promise<number>> = {
    "read(1)": async (input, counted) => {
      let read = 0
      for (; (await input.read(1)).length > 0; read++) counted.did()
      return read
    },
    "readline()": async (input, counted) => {
      let read = 0
      for (; (await input.readline()).length > 0; read++) counted.did()
      return read
    },
    "readlines(1)": async (input, counted) => {
      let read = 0
      for (let lines = await input.readlines(1); lines.length > 0; lines = await input.readlines(1)) {
        counted.did()
        read += lines.length
      }
      return read
    },
    "readlines()": async (input, counted) => {
      let passed = 0
      const pass = (): void => {
        passed++
        next = setImmediate(pass)
      }
      let next = setImmediate(pass)
      const lines = await input.readlines()
      clearImmediate(next)
      counted.did(Math.ceil(lines.length / passed))
      return lines.length
    },
    "reads that were asked for ahead": async (input, counted) => {
      const reads = Array.from({ length }, () =>
        input.read(1).then((byte) => {
          counted.did()
          return byte.length
        }))
      return (await Promise.all(reads)).reduce((sum, read) => sum + read)
    }
  }
  const bodies: Record<string, string> = {
    "with a length": `Content-Length: ${length}\r\n\r\n${"\n".repeat(length)}`,
    "in tiny chunks": `Transfer-Encoding: chunked\r\n\r\n${"1\r\n\n\r\n".repeat(length)}0\r\n\r\n`
  }
  for (const [how, read] of Object.entries(readers)) {
    it.each(Object.entries(bodies))(`${how}, %s`, (_, body) => {
      const counted = new Turns()
      const app: App = async (env, startResponse) => {
        const count = await read(env["wsgi.input"], counted)
        startResponse("200 OK", [])
        return String(count)
      }
      return withServer(app, { log: () => undefined }, async ({ connect }) => {
        const client = await connect()
        client.send(`POST / HTTP/1.1\r\nHost: a\r\n${body}`)
        expect((await client.response()).body.toString()).toBe(String(length))
        expect(counted.most).toBeLessThanOrEqual(readsBound)
      })
    })
  }

  it("a client that left while its body was read on: what it had sent is read, and then that it left", () => {
    let read = 0
    const over = new Journal<string>()
    const app: App = async (env, startResponse) => {
      const input = env["wsgi.input"]
      try {
        for (; (await input.read(1)).length > 0; read++);
      } catch (error) {
        over.push(error instanceof Error ? error.message : "")
      }
      startResponse("200 OK", [])
      return ""
    }
    return withServer(app, { log: () => undefined }, async ({ connect }) => {
      const client = await connect()
      client.send(request("POST", "/", ["Content-Length: 20000"], "a".repeat(10_000)))
      while (read === 0) await turns(1)
      client.close()
      expect(await over.find(() => true)).toContain("the client left")
      expect(read).toBe(10_000)
    })
  })
})

/** Serves an app at the Effect door for the length of a scope. */
const served = <E>(app: HttpApp.Default<E>) =>
  serve(HttpServer.serve(app), nothingSeen(), { config: { timeouts: { grace: 0 } } })

/** Serves an app in this way, and connects a client. */
const clientOf = <E>(app: HttpApp.Default<E>) =>
  Effect.gen(function*() {
    const { connect } = yield* served(app)
    return yield* Effect.acquireRelease(Effect.promise(connect), (client) => Effect.sync(() => client.close()))
  })

/** Counts the turns for which a promise takes. */
const during = async (work: () => Promise<unknown>): Promise<number> => {
  let passed = 0
  const pass = (): void => {
    passed++
    next = setImmediate(pass)
  }
  let next = setImmediate(pass)
  await work()
  clearImmediate(next)
  return passed
}

const bounds = {
  bodyLength: undefined,
  limits: { wholeBody: 10_485_760, parsedBody: 1_048_576 },
  forms: { maxFields: Infinity, maxFieldsSize: Infinity, maxFiles: Infinity, maxTotalSize: Infinity }
}

it("plain TypeScript: a long form of parts is not parsed in one turn", async () => {
  const parts = 8_000
  const body = `${"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(parts)}--b--\r\n`
  const request = boundedRequest(bounds, "http://a/", {
    method: "POST",
    headers: { "Content-Type": "multipart/form-data; boundary=b" },
    body
  })
  const read: Array<FormData> = []
  expect(await during(async () => read.push(await request.formData()))).toBeGreaterThan(body.length / 20_000)
  expect(read.flatMap((form) => [...form]).length).toBe(parts)
})

describe("a long urlencoded form is not parsed in one turn", () => {
  const fields = 40_000
  const form = "a&".repeat(fields)
  const type = "application/x-www-form-urlencoded"
  it("plain TypeScript", async () => {
    const request = boundedRequest(bounds, "http://a/", {
      method: "POST",
      headers: { "Content-Type": type },
      body: form
    })
    const read: Array<FormData> = []
    expect(await during(async () => read.push(await request.formData()))).toBeGreaterThan(form.length / 10_000)
    expect(read.flatMap((form) => [...form]).length).toBe(fields)
  })

  it.live("the Effect door", () =>
    Effect.gen(function*() {
      const app = Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        yield* request.text
        const params: Array<number> = []
        const passed = yield* Effect.promise(() =>
          during(async () => params.push((await Effect.runPromise(request.urlParamsBody)).length))
        )
        return HttpServerResponse.text(`${params.join()} ${passed}`)
      }).pipe(Effect.orDie)
      const client = yield* clientOf(app)
      client.send(
        request("POST", "/", [`Content-Type: ${type}`, `Content-Length: ${form.length}`], form)
      )
      const [count, passed] = (yield* Effect.promise(() => client.response())).body.toString().split(" ").map(Number)
      expect(count).toBe(fields)
      expect(passed).toBeGreaterThan(form.length / 10_000)
    }).pipe(Effect.scoped))
})

it.live("the Effect door: a long text is not decoded in one turn, and is the text that was sent", () =>
  Effect.gen(function*() {
    // these are characters of one to four bytes, cut anywhere
    const sent = "aé€😀".repeat(400_000)
    const body = Buffer.from(sent)
    const passed: Array<number> = []
    const app = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* request.arrayBuffer
      const texts: Array<string> = []
      passed.push(yield* Effect.promise(() => during(async () => texts.push(await Effect.runPromise(request.text)))))
      return HttpServerResponse.text(String(texts[0] === sent))
    }).pipe(Effect.orDie)
    const client = yield* clientOf(app)
    client.send(request("POST", "/", [`Content-Length: ${body.length}`]))
    client.send(body)
    expect((yield* Effect.promise(() => client.response())).body.toString()).toBe("true")
    expect(passed[0]).toBeGreaterThan(body.length / 1_048_576)
  }).pipe(Effect.scoped))

describe("WebSockets: what is heard in a turn is bounded, and all of it is heard", () => {
  const frames: Record<string, { readonly opcode: number; readonly answer: number }> = {
    texts: { opcode: 0x81, answer: 0x81 },
    "binary messages": { opcode: 0x82, answer: 0x82 },
    pings: { opcode: 0x89, answer: 0x8a }
  }
  for (const [what, { answer, opcode }] of Object.entries(frames)) {
    it.live(what, () =>
      Effect.scoped(Effect.gen(function*() {
        const count = 1_000
        const app = Effect.gen(function*() {
          const socket = yield* HttpServerRequest.upgrade
          const write = yield* socket.writer
          yield* socket.runRaw((message) => write(message))
          return HttpServerResponse.empty()
        })
        const client = yield* clientOf(Effect.scoped(app).pipe(Effect.orDie))
        client.send(upgrade())
        yield* Effect.promise(() => client.head())
        client.send(Buffer.concat(Array.from({ length: count }, () => frame("", opcode))))
        const before = client.received
        const turn = new Turns()
        yield* Effect.promise(async () => {
          for (let heard = 0; heard < count && !client.ended;) {
            await turns(1)
            const now = (client.received - before) / 2
            turn.did(now - heard)
            heard = now
          }
        })
        expect(turn.most).toBeLessThanOrEqual(messagesBound)
        expect(new Set((yield* Effect.promise(() => client.bytes(2 * count))).filter((_, i) => i % 2 === 0)))
          .toEqual(new Set([answer]))
      })))
  }
})

describe("the Effect door: another client waits for a share only", () => {
  const kinds: Record<string, Effect.Effect<void, unknown, HttpServerRequest.HttpServerRequest>> = {
    "at once": Effect.void,
    "with a hook": Posthooks.add(() => Effect.void),
    "after a yield": Effect.yieldNow()
  }
  for (const [kind, work] of Object.entries(kinds)) {
    for (const crowd of crowds) {
      it.live(`answered ${kind}, ${crowd} that send ahead`, () => {
        const order = new Order()
        const app = Effect.gen(function*() {
          const { url } = yield* HttpServerRequest.HttpServerRequest
          order.see(url)
          yield* work
          return HttpServerResponse.text("hello")
        })
        return Effect.scoped(Effect.gen(function*() {
          const { connect } = yield* served(app)
          const clients: Array<WireClient> = []
          yield* Effect.promise(() =>
            check(
              async () => {
                const client = await connect()
                clients.push(client)
                return client
              },
              order,
              crowd
            )
          )
          for (const client of clients) client.close()
        }))
      })
    }
  }
})
