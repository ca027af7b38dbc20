/**
 * One conformance suite for every door and listener: what a client may rely on, over any transport and with any kind of
 * application. Clients send bytes, and nothing here knows how the server is made.
 *
 * The application behind a door has a path for each behaviour:
 *
 * | path               | what it does                                                                             |
 * | ------------------ | ---------------------------------------------------------------------------------------- |
 * | `/hello`           | answers `hello`                                                                          |
 * | `/later`           | the same, some turns of the event loop later                                             |
 * | `/echo`            | reads the body, answers it                                                               |
 * | `/echo-stream`     | answers the body piece by piece as it comes                                              |
 * | `/parts`           | `one`, `two`, `three`, each sent by itself, without a length                             |
 * | `/gated-parts`     | `one`, then at the gate `parts` `two`                                                    |
 * | `/no-content`      | 204, with a body that must not be sent                                                   |
 * | `/not-modified`    | 304, with the Content-Length that a 200 would have                                       |
 * | `/trailers`        | reads the body, answers its trailers as JSON                                             |
 * | `/ignore`          | answers `ignored` without reading                                                        |
 * | `/continue`        | sets a field `x-quota: 5` for the 100, at the gate `read` reads and answers the body     |
 * | `/refuse`          | answers 417 without reading                                                              |
 * | `/interim`         | 100, 102 and 103 twice, each with a field, then reads and answers the body               |
 * | `/interim-late`    | a part, then a 103, then another part                                                    |
 * | `/inject`          | a field value with a line end in it                                                      |
 * | `/too-long`        | Content-Length 3, body `abcdef`                                                          |
 * | `/too-short`       | Content-Length 9, body `abc`                                                             |
 * | `/parts-too-long`  | the same in parts, the first of them `abc`                                               |
 * | `/parts-too-short` | the same in parts                                                                        |
 * | `/fail`            | fails before the head                                                                    |
 * | `/fail-late`       | `one`, then at the gate `fail` fails                                                     |
 * | `/made`            | `bulk` bytes in parts of 16384, counted in `made`; marks `made-over` when that ends      |
 * | `/taken`           | at the gate `take` reads the body, counted in `taken`; answers how much it was           |
 * | `/caught`          | reads the body, answers 200 with the reason of the error it met                          |
 * | `/wait`            | at the gate `wait` answers `waited`                                                      |
 * | `/told`            | waits until it is told to stop, marks `told`, ends                                       |
 * | `/deaf`            | never ends                                                                               |
 *
 * The application marks each call with its path, and each gate when it arrives there.
 */
import type { AccessRecord, StopReport } from "tsgi"
import type { WireClient, WireResponse } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { type CorpusCase, readCorpus } from "../utils/corpus.js"
import { type Gate, gate } from "../utils/gate.js"
import { atRest, Journal, turns } from "../utils/Journal.js"
import { get, head, post, postChunked, request } from "../utils/requests.js"

/** The gates and marks that application and test share. */
export class Probe {
  readonly marks = new Journal<string>()
  made = 0
  taken = 0
  private readonly gates = new Map<string, Gate>()

  constructor(readonly bulk: number) {}

  /** For the application: waits until the test opens the gate. */
  async at(name: string): Promise<void> {
    this.marks.push(`at ${name}`)
    await this.gate(name).opened
  }

  open(name: string): void {
    this.gate(name).open()
  }

  private gate(name: string): Gate {
    const found = this.gates.get(name) ?? gate()
    this.gates.set(name, found)
    return found
  }
}

/** Options that every door understands. */
export interface Options {
  readonly limits?: Readonly<Record<string, number>>
  readonly timeouts?: Readonly<Record<string, number>>
  readonly halfClose?: "answer" | "abort"
  readonly keepAlive?: boolean
  /** Whether the client sends so much that a path that takes one byte at a time would take too long. */
  readonly bulky?: boolean
}

export interface Served {
  readonly connect: () => Promise<WireClient>
  /** Stops the server. Returns the report if the door has one. */
  readonly stop: (options?: { readonly grace: number }) => Promise<StopReport | undefined>
  readonly records: Journal<AccessRecord>
  readonly lines: Journal<string>
}

export interface Door {
  readonly name: string
  /** More than the path between application and client holds, in either direction. */
  readonly slack: number
  /** Half as much again, which is more than a long stream may have under way. */
  readonly bulk: number
  /** A number of small requests that do not fit into the path, and nor do their responses. */
  readonly pipelined: number
  /** Whether the server can tell a client that leaves from one that only closes its sending half. */
  readonly resets: boolean
  /** Whether an application that fails before its head ends the connection. */
  readonly endsWithFailure: boolean
  /** Whether parts are held, so that a failure after the first part may still be answered 500. */
  readonly holdsParts: boolean
  /**
   * Whether every refusal of the corpus is tested. Otherwise one for each reason is, because the same code judges them
   * everywhere.
   */
  readonly wholeCorpus?: boolean
  readonly serve: (probe: Probe, options: Options) => Promise<Served>
}

const reasonOf = ({ expect: [first] }: CorpusCase): string => first._tag === "Refusal" ? first.reason : ""

const get10 = (path: string, ...fields: ReadonlyArray<string>): string => head(`GET ${path} HTTP/1.0`, ...fields)

const text = (response: { readonly body: Buffer }): string => response.body.toString("latin1")

/** The door as served, with what a test needs. */
interface Scene extends Served {
  readonly probe: Probe
  /** Connects a client, which is closed when the test is over. */
  readonly client: () => Promise<WireClient>
}

/** Runs the suite through a door. */
export const conformance = (door: Door): void => {
  const scene = async (use: (scene: Scene) => Promise<void>, options: Options = {}): Promise<void> => {
    const probe = new Probe(door.bulk)
    const served = await door.serve(probe, options)
    const clients: Array<WireClient> = []
    const client = async (): Promise<WireClient> => {
      const connected = await served.connect()
      clients.push(connected)
      return connected
    }
    try {
      await use({ ...served, probe, client })
    } finally {
      for (const connected of clients) connected.close()
      await served.stop({ grace: 0 })
    }
  }

  const reported = async (stopped: Promise<StopReport | undefined>, report: Partial<StopReport>): Promise<void> => {
    const told = await stopped
    if (told !== undefined) expect(told).toMatchObject(report)
  }

  const failed = async (client: WireClient): Promise<WireResponse> => {
    const response = await client.response()
    expect([response.status, response.get("connection")]).toEqual([500, door.endsWithFailure ? "close" : undefined])
    if (!door.endsWithFailure) client.send(get("/hello", "Connection: close"))
    const rest = await client.all()
    expect(rest.length > 0).toBe(!door.endsWithFailure)
    return response
  }

  const test = (name: string, use: (scene: Scene) => Promise<void>, options?: Options): void =>
    it(name, () => scene(use, options))

  /** Sends bytes as fast as they are taken, until all are sent or the client is told to give up. */
  const pump = (client: WireClient, total: number): { sent: number; stopped: boolean } => {
    const piece = Buffer.alloc(16_384, "x")
    const state = { sent: 0, stopped: false }
    const run = async (): Promise<void> => {
      while (state.sent < total && !state.stopped && !client.ended) {
        if (client.unsent === 0) {
          const next = piece.subarray(0, Math.min(piece.length, total - state.sent))
          client.send(next)
          state.sent += next.length
        } else await turns(1)
      }
    }
    void run()
    return state
  }

  describe(door.name, () => {
    describe("connections", () => {
      test("are kept for further requests", async ({ client }) => {
        const a = await client()
        for (let i = 0; i < 3; i++) {
          a.send(get("/hello"))
          const response = await a.response()
          expect([response.version, response.status, response.get("connection")]).toEqual(["HTTP/1.1", 200, undefined])
          expect(text(response)).toBe("hello")
        }
      })

      test("answer pipelined requests in order, 16 deep", async ({ client, probe }) => {
        const a = await client()
        a.send(Array.from({ length: 16 }, (_, i) => get(i % 3 === 0 ? `/later?${i}` : `/hello?${i}`)).join(""))
        for (let i = 0; i < 16; i++) expect(text(await a.response())).toBe("hello")
        expect(probe.marks.entries).toHaveLength(16)
      })

      test("answer pipelined requests with bodies between them", async ({ client }) => {
        const a = await client()
        const numbers = Array.from({ length: 16 }, (_, i) => i)
        a.send(
          numbers.map((i) =>
            i % 4 === 0
              ? get("/hello")
              : i % 4 === 1
              ? post("/echo", `body ${i}`)
              : i % 4 === 2
              ? postChunked("/echo", `4\r\nbody\r\n3\r\n ${String(i).padStart(2, "0")}\r\n0\r\n\r\n`)
              : post("/ignore", `body ${i}`)
          ).join("")
        )
        for (const i of numbers) {
          const expected = ["hello", `body ${i}`, `body ${String(i).padStart(2, "0")}`, "ignored"][i % 4]
          expect(text(await a.response())).toBe(expected)
        }
      })

      test("answer more pipelined requests than are read ahead, to a client that reads late", async ({ client }) => {
        const a = await client()
        const count = door.pipelined
        a.pause()
        a.send(get("/hello", `X-Padding: ${"x".repeat(150)}`).repeat(count))
        await atRest(() => a.unsent)
        a.resume()
        const answers = new Set<string>()
        for (let i = 0; i < count; i++) answers.add(text(await a.response()))
        expect([...answers]).toEqual(["hello"])
        a.send(get("/echo", "Connection: close"))
        expect((await a.response()).status).toBe(200)
      }, { bulky: true })

      for (const value of ["close", "Close", "x, close", "keep-alive, close", "close\r\nConnection: x"]) {
        test(`end with Connection: ${JSON.stringify(value)}`, async ({ client, probe }) => {
          const a = await client()
          a.send(get("/hello", `Connection: ${value}`))
          expect((await a.response()).get("connection")).toBe("close")
          expect((await a.all()).length).toBe(0)
          expect(probe.marks.entries).toHaveLength(1)
        })
      }

      test("that end do not answer what a client sends behind its last request", async ({ client, probe }) => {
        const a = await client()
        a.send(get("/hello", "Connection: close") + get("/hello"))
        // the client must not send it, and bytes that arrive too late to be read reset the connection (RFC 9112, 9.6)
        const answers = (await a.all()).toString("latin1").split("HTTP/1.1 ").length - 1
        expect(answers).toBeLessThanOrEqual(1)
        expect(probe.marks.entries).toHaveLength(1)
      })

      for (const value of ["keep-alive", "x", "closed", "x-close, upgrade"]) {
        test(`go on with Connection: ${value}`, async ({ client }) => {
          const a = await client()
          a.send(get("/hello", `Connection: ${value}`))
          expect((await a.response()).get("connection")).not.toBe("close")
          a.send(get("/hello"))
          expect((await a.response()).status).toBe(200)
        })
      }

      test("end after an HTTP/1.0 request", async ({ client }) => {
        const a = await client()
        a.send(get10("/hello"))
        const response = await a.response()
        expect([response.version, response.get("connection")]).toEqual(["HTTP/1.0", "close"])
        expect((await a.all()).length).toBe(0)
      })

      test("are kept for HTTP/1.0 clients that ask", async ({ client }) => {
        const a = await client()
        for (let i = 0; i < 2; i++) {
          a.send(get10("/hello", "Connection: Keep-Alive"))
          const response = await a.response()
          expect([response.get("connection"), text(response)]).toEqual(["keep-alive", "hello"])
        }
      })

      test("delimit a body of unknown length by their end, for HTTP/1.0", async ({ client }) => {
        const a = await client()
        a.send(get10("/parts", "Connection: Keep-Alive"))
        const response = await a.response()
        expect([response.get("transfer-encoding"), response.get("connection"), text(response)])
          .toEqual([undefined, "close", "onetwothree"])
      })

      test("end when their requests are used up", async ({ client }) => {
        const a = await client()
        a.send(get("/hello").repeat(3))
        expect((await a.response()).get("connection")).toBe(undefined)
        expect((await a.response()).get("connection")).toBe("close")
        expect((await a.all()).length).toBe(0)
      }, { limits: { requestsPerConnection: 2 } })

      test("that are idle make room for others", async ({ client }) => {
        const [a, b] = [await client(), await client()]
        for (const each of [a, b]) {
          each.send(get("/hello"))
          await each.response()
        }
        const c = await client()
        c.send(get("/hello"))
        expect((await c.response()).status).toBe(200)
        await a.whenEnded()
        expect(b.ended).toBe(false)
      }, { limits: { connections: 2 } })

      test("that become idle make room for others", async ({ client, probe }) => {
        const a = await client()
        a.send(get("/gated-parts"))
        await a.until("one")
        const b = await client()
        b.send(get("/hello"))
        await turns(10)
        probe.open("parts")
        await a.whenEnded()
        a.close()
        expect(text(await b.response())).toBe("hello")
      }, { limits: { connections: 1 } })

      test("that are busy keep others waiting, and end with their answer", async ({ client, probe }) => {
        const a = await client()
        a.send(get("/wait"))
        await probe.marks.find((mark) => mark === "at wait")
        const b = await client()
        // a request waits when it is whole, and it may be delivered a byte a turn
        b.send(get("/hello"))
        await turns(get("/hello").length + 20)
        expect(b.received).toBe(0)
        probe.open("wait")
        expect((await a.response()).get("connection")).toBe("close")
        a.close()
        expect(text(await b.response())).toBe("hello")
      }, { limits: { connections: 1 } })

      test("answer a client that has closed its sending half", async ({ client }) => {
        const a = await client()
        a.send(get("/later"))
        a.end()
        expect(text(await a.response())).toBe("hello")
        expect((await a.all()).length).toBe(0)
        await a.whenClosed()
      })

      test("answer all that a client sent before it closed its sending half", async ({ client }) => {
        const a = await client()
        a.send(get("/later") + get("/hello") + get("/later") + get("/hello"))
        a.end()
        for (let i = 0; i < 4; i++) expect(text(await a.response())).toBe("hello")
        expect((await a.all()).length).toBe(0)
      })

      test("abort a client that has closed its sending half, where that is asked for", async (scene) => {
        const a = await scene.client()
        a.send(get("/told"))
        await scene.probe.marks.find((mark) => mark === "/told")
        a.end()
        await scene.probe.marks.find((mark) => mark === "told")
        const record = await scene.records.find(() => true)
        expect(record.outcome).toMatchObject({ _tag: "Aborted", reason: "ClientGone" })
      }, { halfClose: "abort" })

      test("tell the application when the client leaves", async ({ client, probe, records }) => {
        const a = await client()
        a.send(get("/told"))
        await probe.marks.find((mark) => mark === "/told")
        a.reset()
        await probe.marks.find((mark) => mark === "told")
        const record = await records.find(() => true)
        expect([record.status, record.outcome?._tag]).toEqual([499, "Aborted"])
        expect(record.outcome).toMatchObject({ reason: "ClientGone", bodyBytes: 0 })
      }, { halfClose: door.resets ? "answer" : "abort" })

      test("that are idle too long are closed", async ({ client }) => {
        const a = await client()
        a.send(get("/hello"))
        await a.response()
        expect((await a.all()).length).toBe(0)
      }, { timeouts: { idle: 30 } })

      test("that bring no request are closed", async ({ client, probe }) => {
        const a = await client()
        expect((await a.all()).length).toBe(0)
        expect(probe.marks.entries).toEqual([])
      }, { timeouts: { firstRequest: 30 } })
    })

    describe("responses", () => {
      test("without a body end with their head", async ({ client }) => {
        const a = await client()
        a.send(
          request("HEAD", "/hello") + request("HEAD", "/parts") + get("/no-content") +
            get("/not-modified") + get("/hello")
        )
        const head = await a.response("HEAD")
        expect(head.status).toBe(200)
        expect([undefined, "5"]).toContain(head.get("content-length"))
        const parts = await a.response("HEAD")
        expect([parts.status, parts.get("content-length")]).toEqual([200, undefined])
        const noContent = await a.response()
        expect([noContent.status, noContent.get("content-length"), noContent.get("transfer-encoding")])
          .toEqual([204, undefined, undefined])
        const notModified = await a.response()
        expect([notModified.status, notModified.get("content-length")]).toEqual([304, "17"])
        expect(text(await a.response())).toBe("hello")
      })

      test("of unknown length are chunked", async ({ client }) => {
        const a = await client()
        a.send(get("/parts") + get("/hello"))
        const response = await a.response()
        expect([response.get("transfer-encoding"), response.get("content-length")]).toEqual(["chunked", undefined])
        expect(response.chunks.map(String)).toEqual(["one", "two", "three"])
        expect(text(await a.response())).toBe("hello")
      })

      test("begin before the request has ended", async ({ client }) => {
        const a = await client()
        a.send(request("POST", "/echo-stream", ["Content-Length: 6"], "abc"))
        expect((await a.head()).status).toBe(200)
        expect(String(await a.bytes(3))).toBe("abc")
        a.send("def")
        expect(String(await a.bytes(3))).toBe("def")
        a.send(get("/hello"))
        expect(text(await a.response())).toBe("hello")
      })

      test("cannot be split by a field value", async ({ client, lines, records }) => {
        const a = await client()
        a.send(get("/inject"))
        const response = await failed(a)
        expect(response.text).not.toMatch(/injected/i)
        await lines.find((line) => line.includes("InvalidFieldValue"))
        expect(await records.find(() => true)).toMatchObject({ status: 500, outcome: { _tag: "Failed" } })
      })

      for (const path of ["/too-long", "/parts-too-long"]) {
        test(`of ${path} are cut at their Content-Length`, async ({ client, lines }) => {
          const a = await client()
          a.send(get(path))
          const response = await a.response()
          expect([response.status, response.get("content-length"), text(response)]).toEqual([200, "3", "abc"])
          // if it was known too late, the connection goes on
          a.send(get("/hello", "Connection: close"))
          expect((await a.all()).toString("latin1")).toMatch(/^(?:HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhello)?$/)
          await lines.find((line) => line.includes("BodyTooLong"))
        })
      }

      for (const path of ["/too-short", "/parts-too-short"]) {
        test(`of ${path} are not sent, or cut so that the client can tell`, async ({ client, lines, records }) => {
          const a = await client()
          a.send(get(path))
          if (door.holdsParts) await failed(a)
          else expect((await a.all()).toString("latin1")).toMatch(/\r\nContent-Length: 9\r\n[^]*\r\nabc$/)
          await lines.find((line) => line.includes("BodyTooShort"))
          const status = door.holdsParts ? 500 : 200
          expect(await records.find(() => true)).toMatchObject({ status, outcome: { _tag: "Failed" } })
        })
      }

      test("are a 500 and nothing else when the application fails before the head", async (scene) => {
        const a = await scene.client()
        a.send(get("/fail"))
        const response = await failed(a)
        expect(response.text + text(response)).not.toContain("the reason")
        await scene.lines.find((line) => line.includes("the reason"))
        const record = await scene.records.find(() => true)
        expect(record).toMatchObject({ status: 500, outcome: { _tag: "Failed" } })
      })

      test("are cut without an end when the application fails behind the head", async (scene) => {
        const a = await scene.client()
        a.send(get("/fail-late"))
        await a.until("one\r\n")
        scene.probe.open("fail")
        expect((await a.all()).toString("latin1")).toBe("")
        await scene.lines.find((line) => line.includes("the reason"))
        const record = await scene.records.find(() => true)
        expect(record).toMatchObject({ status: 200, bodyBytes: 3, outcome: { _tag: "Failed" } })
      })
    })

    describe("request bodies", () => {
      test("of a known length", async ({ client }) => {
        const a = await client()
        a.send(post("/echo", "x".repeat(5000)) + get("/echo") + post("/echo", ""))
        for (const length of [5000, 0, 0]) expect((await a.response()).body.length).toBe(length)
      })

      test("in chunks, with extensions", async ({ client }) => {
        const a = await client()
        a.send(postChunked("/echo", "5;a=b;c\r\nhello\r\n00\r\n\r\n") + get("/hello"))
        expect(text(await a.response())).toBe("hello")
        expect(text(await a.response())).toBe("hello")
      })

      test("have trailers", async ({ client }) => {
        const a = await client()
        a.send(postChunked("/trailers", "1\r\nx\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nx-other:  2 \r\n\r\n"))
        expect(JSON.parse(text(await a.response()))).toEqual([["X-Sum", "1"], ["x-other", "2"]])
      })

      test("that nobody reads are dropped", async ({ client }) => {
        const a = await client()
        a.send(post("/ignore", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"))
        expect((await a.response()).get("connection")).toBe(undefined)
        a.send(postChunked("/ignore", "5\r\nGET /\r\n0\r\n\r\n") + get("/hello"))
        expect(text(await a.response())).toBe("ignored")
        expect(text(await a.response())).toBe("hello")
      })

      test("that nobody reads and are too long to be dropped end the connection", async ({ client }) => {
        const a = await client()
        a.send(request("POST", "/ignore", ["Content-Length: 101"], "x"))
        const response = await a.response()
        expect([text(response), response.get("connection")]).toEqual(["ignored", "close"])
        expect((await a.all()).length).toBe(0)
      }, { limits: { leftoverBody: 100 } })

      test("in chunks that nobody reads end the connection when they become too long", async ({ client, probe }) => {
        const a = await client()
        a.send(request("POST", "/ignore", ["Transfer-Encoding: chunked"], `65\r\n${"x".repeat(101)}\r\n`))
        expect(text(await a.response())).toBe("ignored")
        expect((await a.all()).length).toBe(0)
        expect(probe.marks.entries).toEqual(["/ignore"])
      }, { limits: { leftoverBody: 100 } })

      test("that are malformed are answered 400", async ({ client, records }) => {
        const a = await client()
        a.send(postChunked("/echo", "5\r\nhelloX"))
        const response = await a.response()
        expect([response.status, response.get("connection")]).toEqual([400, "close"])
        expect((await a.all()).length).toBe(0)
        expect(await records.find(() => true)).toMatchObject({ status: 400, outcome: { reason: "BadRequest" } })
      })

      test("that are malformed end the connection also when the application answers", async ({ client, probe }) => {
        const a = await client()
        a.send(postChunked("/caught", "5\r\nhelloX") + get("/hello"))
        const response = await a.response()
        expect([response.status, text(response), response.get("connection")]).toEqual([200, "BadChunk", "close"])
        expect((await a.all()).length).toBe(0)
        expect(probe.marks.entries).toEqual(["/caught"])
      })

      test("that the client gives up are answered 400, if it still listens", async ({ client, records }) => {
        const a = await client()
        a.send(request("POST", "/echo", ["Content-Length: 10"], "abc"))
        a.end()
        const response = await a.response()
        expect([response.status, response.get("connection")]).toEqual([400, "close"])
        expect(await records.find(() => true)).toMatchObject({ status: 400, outcome: { reason: "ClientGone" } })
      })

      test("that the client leaves", async ({ client, probe, records }) => {
        const a = await client()
        a.send(request("POST", "/caught", ["Content-Length: 10"], "abc"))
        await probe.marks.find((mark) => mark === "/caught")
        a.reset()
        const record = await records.find(() => true)
        expect(record).toMatchObject({ status: 499, outcome: { _tag: "Aborted", reason: "ClientGone" } })
      }, { halfClose: door.resets ? "answer" : "abort" })

      test("that stop coming are answered 408", async ({ client, records }) => {
        const a = await client()
        a.send(request("POST", "/echo", ["Content-Length: 10"], "abc"))
        const response = await a.response()
        expect([response.status, response.get("connection")]).toEqual([408, "close"])
        expect(await records.find(() => true)).toMatchObject({ status: 408, outcome: { reason: "ReadTimeout" } })
      }, { timeouts: { body: 30 } })

      for (
        const [name, body] of [["with a length", undefined], ["in chunks", "6\r\nsecret\r\n5\r\nworld\r\n"]] as const
      ) {
        test(`longer than they may be, ${name}, are answered 413`, async ({ client, probe }) => {
          const a = await client()
          a.send(body === undefined ? post("/echo", "hello world") : postChunked("/echo", body))
          const response = await a.response()
          expect([response.status, response.get("connection")]).toEqual([413, "close"])
          expect((await a.all()).length).toBe(0)
          expect(probe.marks.entries).toEqual(body === undefined ? [] : ["/echo"])
        }, { limits: { body: 10 } })
      }
    })

    describe("interim responses", () => {
      const expecting = (path: string, length = 4): string =>
        request("POST", path, ["Expect: 100-continue", `Content-Length: ${length}`], "")

      test("100 waits for the application to read, and has its fields", async ({ client, probe }) => {
        const a = await client()
        a.send(expecting("/continue"))
        await probe.marks.find((mark) => mark === "at read")
        await turns(20)
        expect(a.received).toBe(0)
        probe.open("read")
        const interim = await a.head()
        expect([interim.version, interim.status, interim.reason, interim.fields])
          .toEqual(["HTTP/1.1", 100, "Continue", [["X-Quota", "5"]]])
        a.send("body")
        const response = await a.response()
        expect([response.status, response.interim, text(response)]).toEqual([200, [], "body"])
        a.send(get("/hello"))
        expect((await a.response()).status).toBe(200)
      })

      test("100 is not sent where nobody expects it", async ({ client, probe }) => {
        const a = await client()
        probe.open("read")
        a.send(post("/continue", "body"))
        const response = await a.response()
        expect([response.interim, text(response)]).toEqual([[], "body"])
      })

      test("100 is not sent for a request that has no body", async ({ client }) => {
        const a = await client()
        a.send(expecting("/echo", 0))
        const response = await a.response()
        expect([response.status, response.interim]).toEqual([200, []])
      })

      test("100 is sent before a chunked body", async ({ client }) => {
        const a = await client()
        a.send(request("PUT", "/echo", ["Expect: 100-Continue", "Transfer-Encoding: chunked"], ""))
        expect((await a.head()).status).toBe(100)
        a.send("4\r\nbody\r\n0\r\n\r\n")
        expect(text(await a.response())).toBe("body")
      })

      test("100 refused: the final response closes the connection", async ({ client, probe }) => {
        const a = await client()
        a.send(expecting("/refuse"))
        const response = await a.response()
        expect([response.status, response.interim, response.get("connection")]).toEqual([417, [], "close"])
        a.send("body")
        expect((await a.all()).length).toBe(0)
        expect(probe.marks.entries).toEqual(["/refuse"])
      })

      test("several, each with its own fields", async ({ client }) => {
        const a = await client()
        a.send(expecting("/interim") + "body")
        const response = await a.response()
        expect(response.interim.map(({ fields, status }) => [status, ...fields])).toEqual([
          [100, ["X-Step", "1"]],
          [102, ["X-Step", "2"]],
          [103, ["Link", "</a.css>; rel=preload"]],
          [103, ["Link", "</b.css>; rel=preload"]]
        ])
        expect([response.status, text(response), response.get("x-step")]).toEqual([200, "body", undefined])
      })

      test("leave as they are made", async ({ client }) => {
        const a = await client()
        a.send(request("POST", "/interim", ["Content-Length: 4"], ""))
        for (const status of [100, 102, 103, 103]) expect((await a.head()).status).toBe(status)
        a.send("body")
        expect(text(await a.response())).toBe("body")
      })

      test("are not for HTTP/1.0", async ({ client }) => {
        const a = await client()
        a.send("POST /interim HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody")
        const response = await a.response()
        expect([response.status, response.interim, text(response)]).toEqual([200, [], "body"])
      })

      test("do not follow the final head", async ({ client, records }) => {
        const a = await client()
        a.send(get("/interim-late"))
        const response = await a.response()
        expect([response.status, response.interim, text(response)]).toEqual([200, [], "onetwo"])
        expect((await records.find(() => true)).outcome?.interimResponses).toBe(0)
      })
    })

    describe("refusals", () => {
      // this takes one file for each rule, and the rest of the corpus if the files are small enough for every door
      const small = readCorpus("invalid").filter(({ bytes, expect: [first], leniency, limits }) =>
        first._tag === "Refusal" && bytes.length < 2000 && Object.keys({ ...leniency, ...limits }).length === 0
      )
      const reasons = new Map(small.map((sample) => [reasonOf(sample), sample]))
      const cases = door.wholeCorpus ? small : [...reasons.values()]

      it("of the corpus", () =>
        scene(async ({ client, probe, records }) => {
          expect(small.length).toBeGreaterThan(50)
          expect(cases.length).toBeGreaterThan(15)
          for (const { bytes, expect: [first], name } of cases) {
            if (first._tag !== "Refusal") continue
            const a = await client()
            a.send(bytes)
            const response = await a.response()
            expect([name, response.status, response.get("connection")]).toEqual([name, first.status, "close"])
            expect((await a.all()).length).toBe(0)
            a.end()
            await a.whenClosed()
            const record = records.entries.at(-1)
            expect([name, record?.status, record?.refused?.reason]).toEqual([name, first.status, first.reason])
            expect(record?.outcome).toBe(undefined)
          }
          expect(records.entries).toHaveLength(cases.length)
          expect(probe.marks.entries).toEqual([])
        }))

      for (
        const [status, reason, bytes] of [
          [414, "RequestLineTooLong", `GET /${"x".repeat(200)} HTTP/1.1\r\n`],
          [431, "FieldLineTooLong", get("/hello", `X: ${"x".repeat(200)}`)],
          [431, "FieldSectionTooLarge", get("/hello", ...Array.from({ length: 9 }, () => `X: ${"x".repeat(80)}`))],
          [431, "TooManyFields", get("/hello", ...Array.from({ length: 12 }, () => "X: y"))]
        ] as const
      ) {
        test(`${status} ${reason}`, async ({ client, probe, records }) => {
          const a = await client()
          a.send(get("/hello") + bytes)
          expect((await a.response()).status).toBe(200)
          const response = await a.response()
          expect([response.status, response.get("connection")]).toEqual([status, "close"])
          expect((await a.all()).length).toBe(0)
          expect(probe.marks.entries).toEqual(["/hello"])
          expect(await records.find((record) => record.refused !== undefined))
            .toMatchObject({ status, refused: { _tag: "RequestError", reason } })
        }, { limits: { requestLine: 100, fieldLine: 100, fieldSection: 500, fieldCount: 10 } })
      }

      test("408 when the head does not come in time", async ({ client, probe, records }) => {
        const a = await client()
        a.send("GET /hello HTTP/1.1\r\nHost: a\r\n")
        const response = await a.response()
        expect([response.status, response.get("connection")]).toEqual([408, "close"])
        expect((await a.all()).length).toBe(0)
        expect(probe.marks.entries).toEqual([])
        expect(await records.find(() => true))
          .toMatchObject({ requestLine: "GET /hello HTTP/1.1", refused: { reason: "HeadTimeout" } })
      }, { timeouts: { head: 30 } })

      test("400 when the client stops within a head", async ({ client, records }) => {
        const a = await client()
        a.send("GET /hello HTTP/1.1\r\nHost: a\r\n")
        a.end()
        expect((await a.response()).status).toBe(400)
        await a.whenClosed()
        expect(await records.find(() => true)).toMatchObject({ refused: { reason: "IncompleteHead" } })
      })

      test("can be read by a client that is still sending", async ({ client, probe }) => {
        const a = await client()
        a.send(request("POST", "/echo", ["Content-Length: 1000000000"], ""))
        const sending = pump(a, door.bulk)
        const response = await a.response()
        expect([response.status, response.get("connection")]).toEqual([413, "close"])
        expect((await a.all()).length).toBe(0)
        sending.stopped = true
        expect(probe.marks.entries).toEqual([])
      }, { limits: { body: 1000 } })

      test("can be read when everything was sent at once", async ({ client }) => {
        const a = await client()
        a.send(request("POST", "/ignore", ["Content-Length: 100000"], "x".repeat(100_000)))
        expect(text(await a.response())).toBe("ignored")
        expect((await a.all()).length).toBe(0)
        a.end()
        await a.whenClosed()
      }, { bulky: true, limits: { leftoverBody: 100 } })
    })

    describe("back-pressure", () => {
      test("a client that does not read stops the application", async ({ client, probe }) => {
        const a = await client()
        a.pause()
        a.send(get("/made") + get("/hello"))
        await probe.marks.find((mark) => mark === "/made")
        const made = await atRest(() => probe.made)
        expect(made).toBeGreaterThan(0)
        expect(made).toBeLessThan(door.slack)
        a.resume()
        expect((await a.response()).body.length).toBe(door.bulk)
        expect(probe.made).toBe(door.bulk)
        expect(text(await a.response())).toBe("hello")
      }, { bulky: true })

      test("an application that does not read stops the client", async ({ client, probe }) => {
        const a = await client()
        a.send(request("POST", "/taken", [`Content-Length: ${door.bulk}`], ""))
        const sending = pump(a, door.bulk)
        await probe.marks.find((mark) => mark === "at take")
        expect(await atRest(() => sending.sent)).toBeLessThan(door.slack)
        probe.open("take")
        expect(text(await a.response())).toBe(String(door.bulk))
        a.send(get("/hello"))
        expect(text(await a.response())).toBe("hello")
      }, { bulky: true })

      test("a long stream is never held", async ({ client }) => {
        const a = await client()
        a.send(request("POST", "/echo-stream", [`Content-Length: ${door.bulk}`], ""))
        const sending = pump(a, door.bulk)
        await a.until("\r\n\r\n")
        let most = 0
        let got = 0
        while (got < door.bulk) {
          most = Math.max(most, sending.sent - a.received)
          got += (await a.some()).length
          await turns(1)
        }
        expect(most).toBeLessThan(1.25 * door.slack)
      }, { bulky: true })

      test("a client that stops reading is cut off in time", async ({ client, probe, records }) => {
        const a = await client()
        a.pause()
        a.send(get("/made"))
        await probe.marks.find((mark) => mark === "made-over")
        const record = await records.find(() => true)
        expect(record).toMatchObject({ status: 200, outcome: { _tag: "Aborted", reason: "WriteTimeout" } })
        expect(record.bodyBytes).toBeLessThan(door.slack)
        expect(probe.made).toBeLessThan(door.slack)
      }, { timeouts: { write: 50 } })
    })

    describe("stopping", () => {
      test("closes idle connections, and answers busy ones with Connection: close", async (scene) => {
        const [idle, busy] = [await scene.client(), await scene.client()]
        idle.send(get("/hello"))
        await idle.response()
        busy.send(get("/wait"))
        await scene.probe.marks.find((mark) => mark === "at wait")
        const stopped = scene.stop()
        expect((await idle.all()).length).toBe(0)
        await expect(scene.connect()).rejects.toThrow()
        expect(busy.received).toBe(0)
        scene.probe.open("wait")
        const response = await busy.response()
        expect([response.get("connection"), text(response)]).toEqual(["close", "waited"])
        await busy.whenEnded()
        busy.end()
        await reported(stopped, { connections: 2, idle: 1, finished: 1, interrupted: 0, cut: 0 })
      })

      test("interrupts what goes on too long", async ({ client, probe, records, stop }) => {
        const a = await client()
        a.send(get("/told"))
        await probe.marks.find((mark) => mark === "/told")
        await reported(stop(), { connections: 1, finished: 0, interrupted: 1, cut: 0 })
        expect(probe.marks.entries).toContain("told")
        expect((await a.all()).length).toBe(0)
        expect(records.entries[0].outcome).toMatchObject({ _tag: "Aborted", reason: "Stopped" })
      }, { timeouts: { grace: 20 } })

      test("cuts what does not end when told to", async ({ client, probe, records, stop }) => {
        const a = await client()
        a.send(get("/deaf"))
        await probe.marks.find((mark) => mark === "/deaf")
        await reported(stop(), { connections: 1, finished: 0, interrupted: 1, cut: 1 })
        expect((await a.all()).length).toBe(0)
        expect(records.entries[0].outcome).toMatchObject({ _tag: "Aborted", reason: "Stopped" })
      }, { timeouts: { interrupt: 30, grace: 0 } })

      test("cuts a client that does not read its answer", async ({ client, probe, records, stop }) => {
        const a = await client()
        a.pause()
        a.send(get("/made"))
        await probe.marks.find((mark) => mark === "/made")
        await atRest(() => probe.made)
        await reported(stop(), { connections: 1, interrupted: 1, cut: 0 })
        expect(records.entries[0].outcome).toMatchObject({ _tag: "Aborted", reason: "Stopped" })
      }, { timeouts: { grace: 20 } })
    })
  })
}
