/**
 * One exchange on HTTP/1: framing, positions, counts of what has left, and whether another request may follow.
 *
 * The family: each framing, of which the kernel takes byte by byte; every reason against reuse, and the first of two; the rest of
 * a body.
 */
import { describe, expect, it } from "vitest"
import { AcceptedPeer } from "../../src/exchange/AcceptedPeer.js"
import { type Carrier, Http1Wire } from "../../src/http1/Http1Wire.js"
import type { Drop } from "../../src/http1/Leftover.js"
import { fieldLines } from "../../src/protocol/h1/headLines.js"
import { RequestReader } from "../../src/protocol/h1/requestReader.js"
import { judgeFinal, judgeInterim } from "../../src/protocol/heads.js"
import { defaultLimits, type Leniency, strict } from "../../src/protocol/limits.js"
import * as Config from "../../src/server/Config.js"
import { MemoryWire } from "../exchange/MemoryWire.js"
import { get } from "../utils/requests.js"

interface Settings {
  readonly config?: Config.PartialConfig
  readonly requests?: number
  readonly server?: ReturnType<Carrier["host"]["closingWithAnswer"]>
  readonly drains?: boolean
  readonly ends?: boolean
  readonly leftover?: Drop
  /** What the reader of requests allows. */
  readonly parser?: Partial<Leniency>
}

/** A connection that keeps what it is given, and notes what it is told. */
class Connection implements Carrier {
  readonly told: Array<string> = []
  sent = ""
  handed = 0
  readonly reader: RequestReader
  readonly peer: AcceptedPeer
  readonly session: Carrier["session"]
  readonly host: Carrier["host"]
  readonly queue: Carrier["queue"]
  readonly inflow: Carrier["inflow"]
  readonly claim = { isLeftBy: () => false }
  readonly deadlines = { requestEnded: () => void this.told.push("request ended") }
  readonly socketEnd = { awaitHooks: () => void this.told.push("hooks awaited") }
  readonly leftover: Carrier["leftover"]
  readonly end: Carrier["end"]
  readonly takenOver = undefined
  readonly exchange = undefined
  readonly requests: number
  readonly date = "Sun, 06 Nov 1994 08:49:37 GMT"
  readonly wire: Http1Wire

  constructor(
    request: string,
    { config, drains = false, ends = false, leftover, parser, requests = 1, server }: Settings = {}
  ) {
    const { peer, scope } = new MemoryWire()
    this.peer = new AcceptedPeer(1, peer.engine, peer)
    this.session = { scope, place: { addressShare: undefined } }
    this.host = { config: Config.make(config), closingWithAnswer: () => server }
    this.requests = requests
    const queueOf = (connection: Connection): Carrier["queue"] => ({
      get queued() {
        return connection.sent.length
      },
      get handed() {
        return connection.handed
      },
      congested: false,
      fullWrite: false,
      addText: (text) => {
        connection.sent += text
      },
      addBytes: (bytes) => {
        connection.sent += Buffer.from(bytes).toString("latin1")
      },
      flushLast: () => void connection.told.push("flush last")
    })
    this.queue = queueOf(this)
    this.inflow = {
      ended: false,
      gone: false,
      buffered: 0,
      mayRead: () => true,
      nextMessage: () => undefined,
      bodyAwaited: () => undefined
    }
    this.leftover = {
      begin: () => void this.told.push("leftover begins"),
      drop: () => leftover ?? "Awaited"
    }
    this.end = {
      isBegun: ends,
      isDraining: drains,
      closeWith: (failure, why) => void this.told.push(`closed: ${String(failure)}, ${why}`)
    }
    this.reader = new RequestReader(defaultLimits, { ...strict, ...parser })
    this.reader.receive(Buffer.from(request))
    const message = this.reader.next()
    if (message?._tag !== "RequestStart") throw new Error("no request")
    this.wire = new Http1Wire(this, message)
  }

  complete(): void {
    this.told.push("complete")
  }

  flush(): void {
    this.told.push("flush")
  }

  exchangeOver(): void {
    this.told.push("over")
  }

  takeOver(): never {
    throw new Error("not taken over")
  }

  broken(error: unknown): void {
    this.told.push(`broken: ${String(error)}`)
  }
}

const judged = (fields: ReadonlyArray<readonly [string, string]> = []) => {
  const head = judgeFinal({ status: 200, fields }, fieldLines.title)
  if (head._tag === "InvalidHead") throw new Error(head.message)
  return head
}

const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
const old = "GET / HTTP/1.0\r\n\r\n"
const head = (...lines: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT", ...lines, "", ""].join("\r\n")

/** The counts of the wire, after each byte of the body's beginning and end. */
const counts = (connection: Connection): ReadonlyArray<readonly [at: number, body: number, total: number]> => {
  const { sent, wire } = connection
  return Array.from({ length: sent.length + 1 }, (_, at) => {
    connection.handed = at
    return [at, wire.bodySent, wire.totalSent] as const
  })
}

describe("an answer is framed, and counted as the kernel takes it", () => {
  it("whole, with its length", () => {
    const connection = new Connection(get("/"))
    expect(connection.wire.sendWhole(judged(), "ok", 2, false)).toBe(2)
    expect(connection.sent).toBe(head("Content-Length: 2") + "ok")
    expect(connection.told).toEqual(["complete"])
    const start = connection.sent.length - 2
    for (const [at, body, total] of counts(connection)) expect([body, total]).toEqual([Math.max(0, at - start), at])
    expect(connection.wire).toMatchObject({ isSent: true, closeReason: undefined, mayBeFollowed: true })
  })

  it("in chunks, where its length is unknown", () => {
    const connection = new Connection(get("/"))
    const { wire } = connection
    expect(wire.prepare(judged(), undefined, false)).toBe(Infinity)
    expect(connection.sent).toBe("")
    wire.begin()
    for (const part of ["abc", Buffer.from("de")]) wire.write(part)
    wire.end()
    const first = head("Transfer-Encoding: chunked")
    expect(connection.sent).toBe(`${first}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`)
    const [a, d] = [first.length + 3, first.length + 3 + 3 + 2 + 3]
    for (const [at, body] of counts(connection)) {
      expect(body).toBe(Math.max(0, Math.min(3, at - a)) + Math.max(0, Math.min(2, at - d)))
    }
  })

  it("in chunks, with trailers, which are no part of the body", () => {
    const connection = new Connection(get("/"))
    const { wire } = connection
    wire.prepare(judged(), undefined, false)
    wire.begin()
    wire.write("abc")
    wire.end("X-Sum: 1\r\n")
    expect(connection.sent).toBe(`${head("Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`)
    const start = connection.sent.indexOf("abc")
    for (const [at, body, total] of counts(connection)) {
      expect([body, total]).toEqual([Math.max(0, Math.min(3, at - start)), at])
    }
    expect(wire.isSent).toBe(true)
    connection.handed--
    expect(wire.isSent).toBe(false)
  })

  it.each<readonly [string, string, ReadonlyArray<readonly [string, string]>, string]>([
    ["with a length", get("/"), [["Content-Length", "3"]], "abc"],
    ["to HTTP/1.0", old, [], "abc"],
    ["to HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", [], ""]
  ])("without the trailers %s", (_, request, fields, body) => {
    const connection = new Connection(request)
    connection.wire.prepare(judged(fields), undefined, false)
    connection.wire.begin()
    if (body !== "") connection.wire.write(body)
    connection.wire.end("X-Sum: 1\r\n")
    expect(connection.sent.slice(connection.sent.indexOf("\r\n\r\n") + 4)).toBe(body)
  })

  it("until the connection closes, to HTTP/1.0", () => {
    const connection = new Connection(old)
    const { wire } = connection
    wire.prepare(judged(), undefined, false)
    wire.begin()
    wire.write("abc")
    wire.end()
    expect(connection.sent).toMatch(/^HTTP\/1\.0 200 OK\r\nDate: [^\r]+\r\nConnection: close\r\n\r\nabc$/)
    expect(wire).toMatchObject({ endsWithConnection: true })
  })

  it("not at all, where its length is not that of its head: the head is not sent", () => {
    const connection = new Connection(get("/"))
    expect(connection.wire.sendWhole(judged([["Content-Length", "3"]]), "ok", 2, false)).toBe(3)
    expect([connection.sent, connection.told]).toEqual(["", []])
  })

  it("behind interim heads, which count too", () => {
    const connection = new Connection(get("/"))
    const interim = judgeInterim(103, [["Link", "a"]], connection.wire.writer)
    if (interim._tag === "InvalidHead") throw new Error(interim.message)
    connection.wire.sendInterim(interim)
    expect(connection.sent).toBe("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
    const { length } = connection.sent
    connection.wire.sendWhole(judged(), "ok", 2, false)
    connection.handed = length
    expect(connection.wire).toMatchObject({ totalSent: length, bodySent: 0, isSent: false })
  })
})

it.each<readonly [string | undefined, string, Settings]>([
  [undefined, get("/"), {}],
  ["the client speaks HTTP/1.0, which has no interim responses", old, {}],
  ["the server speaks HTTP/1.0, which has no interim responses", get("/"), { config: { maxMinorVersion: 0 } }]
])("interim responses are refused: %s", (why, request, settings) => {
  expect(new Connection(request, settings).wire.interimRefusal).toBe(why)
})

describe("another request may not follow", () => {
  const reasons: ReadonlyArray<readonly [why: string, request: string, settings: Settings]> = [
    ["the client asked for it", get("/", "Connection: close"), {}],
    ["keep-alive is off", get("/"), { config: { keepAlive: false } }],
    ["the connection is closing", get("/"), { ends: true }],
    ["the server stops", get("/"), { drains: true }],
    ["the server stops", get("/"), { drains: true, server: "others wait for a place" }],
    ["others wait for a place", get("/"), { server: "others wait for a place" }],
    ["the client speaks HTTP/1.0 without keep-alive", old, {}],
    ["the client asked for it", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", {}],
    ["the request is CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", {}],
    [
      "the request has both Content-Length and Transfer-Encoding",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      { parser: { allowContentLengthWithTransferEncoding: true } }
    ],
    ["the server speaks HTTP/1.0", get("/"), { config: { maxMinorVersion: 0 } }],
    [
      "limits.requestsPerConnection is reached",
      get("/"),
      { config: { limits: { requestsPerConnection: 7 } }, requests: 7 }
    ],
    ["the rest of the body is too long", post, { config: { limits: { leftoverBody: 2 } } }]
  ]
  it.each(reasons)("%s", (why, request, settings) => {
    const { sent, wire } = (() => {
      const connection = new Connection(request, settings)
      connection.wire.sendWhole(judged(), "ok", 2, false)
      return connection
    })()
    expect(sent).toContain("\r\nConnection: close\r\n")
    expect([wire.closeReason, wire.mayBeFollowed]).toEqual([why, false])
  })

  it("the 100 was not sent", () => {
    const { wire } = new Connection(post)
    wire.sendWhole(judged(), "ok", 2, true)
    expect(wire.closeReason).toBe("the 100 was not sent")
  })

  it("for what the application gives", () => {
    const asked = new Connection(get("/")).wire
    asked.sendWhole(judged([["Connection", "close"]]), "ok", 2, false)
    expect(asked.closeReason).toBe("the application asked for it")
    const unknown = new Connection("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").wire
    unknown.prepare(judged(), undefined, false)
    unknown.begin()
    expect(unknown.closeReason).toBe("the end of the body is that of the connection")
    const longer = new Connection(get("/")).wire
    longer.prepare(judged([["Content-Length", "2"]]), 3, false)
    longer.begin()
    expect(longer.closeReason).toBe("the body is not as long as its Content-Length says")
  })

  it("for the first reason of two", () => {
    const { wire } = new Connection(get("/"), { drains: true })
    wire.refuseReuse("the application failed")
    wire.sendWhole(judged(), "ok", 2, true)
    wire.refuseReuse("the application is late")
    expect(wire.closeReason).toBe("the application failed")
  })

  it("but a head that is withdrawn refuses nothing", () => {
    const { wire } = new Connection(post)
    wire.prepare(judged(), 2, true)
    wire.prepare(judged(), 2, false)
    wire.begin()
    expect(wire.closeReason).toBeUndefined()
  })
})

describe("what is left of a body", () => {
  it.each<readonly [string, Settings, string, boolean, ReadonlyArray<string>]>([
    ["is nothing", {}, get("/"), true, ["request ended"]],
    ["is awaited", { leftover: "Awaited" }, post, false, ["leftover begins"]],
    ["is dropped", { leftover: "Dropped" }, post, true, ["leftover begins", "request ended"]],
    ["is left to the connection's scope, where that closes", { ends: true }, post, false, []]
  ])("%s", (_, settings, request, over, told) => {
    const connection = new Connection(request, settings)
    expect(connection.wire.dropBody()).toBe(over)
    expect(connection.told).toEqual(told)
    expect(connection.wire.closeReason).toBeUndefined()
  })

  it("cannot be dropped: no request follows, and it is not tried again", () => {
    const connection = new Connection(post, { leftover: "the rest of the body is malformed" })
    for (let i = 0; i < 2; i++) expect(connection.wire.dropBody()).toBe(true)
    const ended = ["request ended", "hooks awaited"]
    expect(connection.told).toEqual(["leftover begins", ...ended, ...ended])
    expect(connection.wire.closeReason).toBe("the rest of the body is malformed")
  })
})

it("an answer that is cut sends what precedes it, and closes with its failure", () => {
  const connection = new Connection(get("/"))
  connection.wire.cut("broken")
  expect(connection.told).toEqual(["flush last", "closed: broken, the application failed"])
})

it.each<readonly [name: "complete" | "flush" | "exchangeOver", call: (wire: Connection["wire"]) => void]>([
  ["complete", (wire) => wire.end()],
  ["flush", (wire) => wire.flush()],
  ["exchangeOver", (wire) => wire.exchangeOver()]
])("what its connection throws by %s breaks that, and is not thrown at the exchange", (name, call) => {
  const connection = new Connection(get("/"))
  connection[name] = () => {
    throw new Error("no luck")
  }
  call(connection.wire)
  expect(connection.told).toEqual(["broken: Error: no luck"])
})
