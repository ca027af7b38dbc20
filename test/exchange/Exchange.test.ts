/** What a door may do with an exchange, and what the wire is told, on a wire that frames nothing. */
import type { Exchange as Handed } from "tsgi/effect"
import { describe, expect, expectTypeOf, it } from "vitest"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { BodyError, InterimError, ResponseError } from "../../src/exchange/ServerError.js"
import type { WireUser } from "../../src/exchange/Wire.js"
import { fieldLines } from "../../src/protocol/h1/headLines.js"
import { judgeFinal } from "../../src/protocol/heads.js"
import { MemoryWire, unheard } from "./MemoryWire.js"

const ok = { status: 200, fields: [] }

// A handler can neither end an exchange nor reach the engine. The compiler ensures that.
it("a handler has nothing of what the engine does with an exchange", () => {
  type Given = Handed.Exchange
  type Ends =
    | "serve"
    | "conclude"
    | "leave"
    | "bodyDropped"
    | "onHooksRun"
    | "abandon"
    | "interrupt"
    | "interruptLater"
    | "timeOut"
  expectTypeOf<Extract<keyof Given, keyof WireUser | Ends | "sayGoodbye" | "stage">>().toBeNever()
  expectTypeOf<Extract<keyof Given["peer"], "engine" | "runEffect" | "forwarding" | "log">>().toBeNever()
  type Feeds = "fail" | "disconnect" | "close" | "reopen" | "notify" | "readOn" | "beforeFirstRead"
  expectTypeOf<Extract<keyof Given["body"], Feeds>>().toBeNever()
})

it("fields that throw while they are read leave the exchange as it was", () => {
  const { exchange, told } = new MemoryWire()
  const fields: Iterable<readonly [string, string]> = {
    [Symbol.iterator]: () => {
      throw new Error("no fields")
    }
  }
  expect(() => exchange.respond({ status: 200, fields }, "ok")).toThrow("no fields")
  expect([exchange.answerEnded, told]).toEqual([false, []])
  exchange.fail(new Error("no fields"))
  expect(told).toEqual(["reuse refused: the application failed", "head 500", "end"])
})

it("fields that answer while they are read make their own answer the only one", () => {
  const { exchange, told } = new MemoryWire()
  const fields = function*(): Generator<readonly [string, string]> {
    exchange.respond(ok, "")
    yield ["a", "b"]
  }
  expect(exchange.respond({ status: 500, fields: fields() }, "")?.reason).toBe("AlreadyOver")
  expect(told).toEqual(["head 200", "end"])
})

describe("heads are judged once, for every wire, which writes its own", () => {
  const fields: ReadonlyArray<readonly [string, string]> = [
    ["X-One", "1"],
    ["Connection", "close, upgrade"],
    ["Content-Length", "2"],
    ["transfer-encoding", "chunked"],
    ["Keep-Alive", "timeout=5"],
    ["Date", "today"]
  ]
  const sent = "head 200 [[\"x-one\",\"1\"],[\"date\",\"today\"]]"

  it("a wire gets fields, without those that frame the body or steer the connection", () => {
    const { exchange, told } = new MemoryWire()
    exchange.respond({ status: 200, fields }, "ok")
    expect(told).toEqual([sent, "write ok", "end"])
  })

  it("a draft is judged when it is made", () => {
    const { exchange, told } = new MemoryWire()
    const given = fields.map((pair) => [...pair] as [string, string])
    const draft = exchange.draft({ status: 200, fields: given })
    if (draft._tag === "InvalidHead") throw new Error(draft.message)
    given[0][1] = "2\r\nX-Two: 2"
    exchange.respond(draft, "ok")
    expect(told).toEqual([sent, "write ok", "end"])
  })

  it.each(
    [
      ["a status", { status: 199, fields: [] }, "InvalidStatus"],
      ["a reason", { status: 200, reason: "a\nb", fields: [] }, "InvalidReason"],
      ["a name", { status: 200, fields: [["a b", "c"]] }, "InvalidFieldName"],
      ["a value", { status: 200, fields: [["a", "b\r\nc: d"]] }, "InvalidFieldValue"],
      ["a length", { status: 200, fields: [["Content-Length", "x"]] }, "InvalidContentLength"],
      ["a transfer coding", { status: 200, fields: [["Transfer-Encoding", "gzip"]] }, "InvalidTransferEncoding"]
    ] as const
  )("%s is refused before the wire is told", (_, head, reason) => {
    const { exchange, told } = new MemoryWire()
    expect(exchange.draft(head)).toMatchObject({ _tag: "InvalidHead", reason })
    expect(exchange.respond(head, "")).toMatchObject({ _tag: "ResponseError", reason })
    expect(exchange.start(head)).toMatchObject({ _tag: "ResponseError", reason })
    expect([exchange.headSent, told]).toEqual([false, []])
  })

  it.each(
    [
      ["101", 101, []],
      ["a final status", 200, []],
      ["a Content-Length", 103, [["content-length", "1"]]],
      ["a value of two lines", 100, [["a", "b\nc"]]]
    ] as const
  )("an interim head with %s is refused before the wire is told", (_, status, fields) => {
    const { exchange, told } = new MemoryWire()
    expect(exchange.interim(status, fields)).toMatchObject({ _tag: "InterimError", reason: "InvalidHeader" })
    expect(told).toEqual([])
  })

  it("a wire that refuses interim responses is sent none, and their fields are not judged", () => {
    const wire = new MemoryWire()
    wire.interimRefusal = "memory has none"
    expect(wire.exchange.interim(103, [])?.message).toBe("Unsupported: memory has none")
    expect([wire.judged, wire.told]).toEqual([0, []])
  })

  it.each([
    ["GET", 204],
    ["GET", 205],
    ["GET", 304],
    ["HEAD", 200],
    ["HEAD", 404],
    ["CONNECT", 200]
  ])("the answer to %s with status %i has no body", (method, status) => {
    const { exchange, told } = new MemoryWire({ method })
    exchange.respond({ status, fields: [["content-length", "9"]] }, "dropped")
    expect(told).toEqual([`head ${status}`, "end"])
  })

  it("a head that was drafted for another protocol is refused", () => {
    const { exchange, told } = new MemoryWire()
    const draft = judgeFinal(ok, fieldLines.title)
    if (draft._tag === "InvalidHead") throw new Error(draft.message)
    expect(exchange.respond(draft, "ok")).toMatchObject({ reason: "InvalidFields" })
    expect(exchange.start(draft)).toMatchObject({ reason: "InvalidFields" })
    expect(told).toEqual([])
  })
})

describe("the status is that of the head that was sent", () => {
  const events = { status: 203, fields: [["Content-Type", "text/event-stream"]] } as const
  const declared = { status: 200, fields: [["Content-Length", "3"]] } as const

  it.each<readonly [string, (exchange: MemoryWire["exchange"]) => unknown, number | undefined]>([
    ["of a whole answer", (exchange) => exchange.respond(events, "ok"), 203],
    ["of one in parts", (exchange) => void [exchange.start(events), exchange.sendHead()], 203],
    ["none of a head that waits for its body", (exchange) => exchange.start(events), undefined],
    ["none of one that was withdrawn", (exchange) => void [exchange.start(events), exchange.withdraw()], undefined],
    ["none of one whose body is too short", (exchange) => exchange.respond(declared, "ok"), undefined],
    ["of what replaces it", (exchange) => void [exchange.start(events), exchange.fail(new Error("fails"))], 500],
    [
      "none of one that was prepared when the exchange ended",
      (exchange) => void [exchange.start(events), exchange.lost("ClientGone")],
      undefined
    ],
    [
      "none of one that was withdrawn, where the connection is taken over",
      (exchange) => void [exchange.start(events), exchange.withdraw(), exchange.takeOver()],
      undefined
    ],
    ["of one that had begun when the exchange ended", (exchange) => {
      exchange.start(events)
      exchange.sendHead()
      exchange.lost("ClientGone")
    }, 203]
  ])("%s", (_, act, status) => {
    const { exchange } = new MemoryWire()
    act(exchange)
    expect(exchange.status).toBe(status)
    expect(exchange.conclude().status).toBe(status)
  })

  it("an event stream without a length has no end of its own, from its head on", () => {
    const { exchange } = new MemoryWire()
    exchange.start(events)
    expect(exchange.isEndless).toBe(false)
    exchange.sendHead()
    expect(exchange.isEndless).toBe(true)
    exchange.finish()
    expect(exchange.isEndless).toBe(false)
  })

  it.each<readonly [string, Parameters<MemoryWire["exchange"]["start"]>, string]>([
    ["with a length", [events, 3], "GET"],
    ["with a Content-Length", [{ ...events, fields: [...events.fields, ["Content-Length", "3"]] }, undefined], "GET"],
    ["to HEAD", [events, undefined], "HEAD"],
    ["of another type", [ok, undefined], "GET"]
  ])("an answer %s has one", (_, given, method) => {
    const { exchange } = new MemoryWire({ method })
    exchange.start(...given)
    exchange.sendHead()
    expect(exchange.isEndless).toBe(false)
  })

  it("an answer that replaces an event stream has one", () => {
    const { exchange } = new MemoryWire()
    exchange.start(events)
    exchange.withdraw()
    exchange.start(ok)
    exchange.sendHead()
    expect(exchange.isEndless).toBe(false)
  })
})

describe("trailers are judged once, for every wire, which writes its own", () => {
  it("a wire gets them with the end of the body", () => {
    const { exchange, told } = new MemoryWire()
    exchange.start(ok)
    exchange.addPart("ok")
    expect(exchange.finish([["X-One", "1"], ["x-two", "2"]])).toBeUndefined()
    expect(told).toEqual(["head 200", "write ok", `end [["x-one","1"],["x-two","2"]]`])
  })

  it.each(
    [
      ["a name", [["a b", "c"]], "InvalidFieldName"],
      ["a value", [["a", "b\r\nc: d"]], "InvalidFieldValue"],
      ...["Content-Length", "transfer-encoding", "HOST", "Connection", "Trailer", "Date", "Set-Cookie", "If-Match"]
        .map((name) => [name, [[name, "a"]], "InvalidFieldName"] as const)
    ] as const
  )("%s is refused before the wire is told, and the body has not ended", (_, trailers, reason) => {
    const { exchange, told } = new MemoryWire()
    exchange.start(ok)
    expect(exchange.finish(trailers)).toMatchObject({ _tag: "ResponseError", reason })
    expect([exchange.headSent, exchange.answerEnded, told]).toEqual([false, false, []])
    exchange.finish()
    expect(told).toEqual(["head 200", "end"])
  })

  it("those that end the answer while they are read end it once", () => {
    const { exchange, told } = new MemoryWire()
    exchange.start(ok)
    const trailers = function*(): Generator<readonly [string, string]> {
      exchange.finish()
      yield ["a", "b"]
    }
    exchange.finish(trailers())
    expect(told).toEqual(["head 200", "end"])
  })
})

it("a wire that has nothing left of the body is not asked to drop it, and goes on by itself", () => {
  const { exchange, told } = new MemoryWire()
  exchange.postHook(() => void told.push("hook"))
  exchange.respond(ok, "ok")
  expect(exchange.allSent(true)).toBe(true)
  expect(told).toEqual(["head 200", "write ok", "end", "hook"])
})

describe("interim responses", () => {
  it("are sent at once, any number, until the final head", () => {
    const { exchange, told } = new MemoryWire()
    expect(exchange.interim(103, [["link", "</a>"]])).toBeUndefined()
    expect(exchange.interim(102, [])).toBeUndefined()
    exchange.respond(ok, "")
    expect(exchange.interim(103, [])?.reason).toBe("TooLate")
    expect(told).toEqual(["interim 103 [[\"link\",\"</a>\"]]", "flush", "interim 102 []", "flush", "head 200", "end"])
    exchange.allSent(false)
    expect(exchange.outcome?.interimResponses).toBe(2)
  })

  it("are what the policy makes of them", () => {
    const refusal = new InterimError({ reason: "Unsupported", description: "no" })
    const wire = new MemoryWire({
      allowInterim: (_request, status, fields) => status === 103 ? refusal : [...fields, ["x", "1"]]
    })
    expect(wire.exchange.interim(103, [])).toBe(refusal)
    expect(wire.told).toEqual([])
  })

  it("a 100 is sent by the first read, once, with its fields", () => {
    const wire = new MemoryWire({ expectsContinue: true, hasBody: true })
    const { exchange, told } = wire
    expect(exchange.setContinueFields([["a", "b"]])).toBeUndefined()
    expect(told).toEqual([])
    exchange.body.take()
    exchange.body.take()
    expect(told).toEqual(["interim 100 [[\"a\",\"b\"]]", "flush"])
    expect(exchange.setContinueFields([])?.reason).toBe("TooLate")
  })

  // a head is not made twice to check it, in whichever way it is sent
  it("each head is judged once", () => {
    const judged = (act: (exchange: Exchange) => unknown): readonly [judged: number, sent: number] => {
      const wire = new MemoryWire({ expectsContinue: true, hasBody: true })
      act(wire.exchange)
      return [wire.judged, wire.told.filter((told) => told.startsWith("interim")).length]
    }
    const ahead = (exchange: Exchange) => exchange.setContinueFields([["a", "b"]])
    expect(judged((exchange) => exchange.interim(103, []))).toEqual([1, 1])
    expect(judged((exchange) => exchange.sendContinue())).toEqual([1, 1])
    expect(judged((exchange) => exchange.body.take())).toEqual([1, 1])
    expect(judged((exchange) => [ahead(exchange), exchange.body.take()])).toEqual([1, 1])
    expect(judged((exchange) => [ahead(exchange), exchange.sendContinue()])).toEqual([1, 1])
    expect(judged((exchange) => [ahead(exchange), exchange.sendContinue(), exchange.sendContinue()])).toEqual([2, 2])
    expect(judged((exchange) => [ahead(exchange), exchange.respond({ status: 204, fields: [] }, "")])).toEqual([1, 0])
  })

  it("fields that the policy refused when they were set are left out, and the 100 goes out", () => {
    const refusal = new InterimError({ reason: "Unsupported", description: "no" })
    const wire = new MemoryWire({
      expectsContinue: true,
      hasBody: true,
      allowInterim: (_request, _status, fields) => [...fields].length > 0 ? refusal : fields
    })
    wire.exchange.setContinueFields([["a", "b"]])
    wire.exchange.body.take()
    expect(wire.told).toEqual(["interim 100 []", "flush"])
    expect(wire.logged).toHaveLength(1)
  })

  it.each([
    ["the policy", { allowInterim: () => new InterimError({ reason: "Unsupported", description: "no" }) }],
    ["its fields", { allowInterim: () => [["no name", "a"]] as const }]
  ])("a 100 that is refused for %s stays owed, and is tried once", (_, settings) => {
    const wire = new MemoryWire({ expectsContinue: true, hasBody: true, ...settings })
    for (let read = 0; read < 3; read++) {
      wire.exchange.body.take()
      wire.exchange.payContinue()
    }
    expect([wire.exchange.owesContinue, wire.judged, wire.told]).toEqual([true, 1, []])
    expect(wire.logged).toEqual([expect.stringContaining("the 100 is not sent")])
  })

  it("a 100 that was sent explicitly is not owed any more", () => {
    const { exchange, told } = new MemoryWire({ expectsContinue: true, hasBody: true })
    exchange.interim(100, [])
    exchange.body.take()
    expect(told).toEqual(["interim 100 []", "flush"])
  })

  it("no 100 is sent where nothing is read", () => {
    const { exchange, told } = new MemoryWire({ expectsContinue: true, hasBody: true })
    exchange.respond(ok, "no")
    exchange.body.take()
    expect(told).toEqual(["head 200", "write no", "end"])
  })
})

describe("a connection that is taken over", () => {
  it("belongs to the application, which gives no answer", () => {
    const { exchange, told } = new MemoryWire()
    expect(exchange.takeOver()).toMatchObject({ rest: new Uint8Array(0) })
    expect([exchange.takenOver, exchange.respond(ok, "")?.reason]).toEqual([true, "AlreadyOver"])
    expect(told).toContain("take over")
  })

  // such as one that carries other exchanges, too
  it("is not where its wire refuses: the application is told, and can still answer", () => {
    const wire = new MemoryWire({ hasBody: true })
    wire.mayBeTakenOver = false
    const { exchange, told } = wire
    const refused = exchange.takeOver()
    expect(refused).toBeInstanceOf(ResponseError)
    expect(refused).toMatchObject({ reason: "Unsupported" })
    wire.arrive("body")
    expect([exchange.takenOver, exchange.answerEnded, exchange.body.take()]).toEqual([
      false,
      false,
      Buffer.from("body")
    ])
    expect(exchange.respond(ok, "no")).toBeUndefined()
    expect(told).toEqual(["take over", "head 200", "write no", "end"])
  })
})

describe("the answer", () => {
  it("has one head", () => {
    const { exchange } = new MemoryWire()
    expect(exchange.start(ok)).toBe(Infinity)
    exchange.sendHead()
    const again = exchange.start(ok)
    expect(again).toMatchObject({ reason: "HeadAlreadySent" })
    exchange.finish()
    expect(exchange.respond(ok, "")).toMatchObject({ reason: "AlreadyOver" })
  })

  it("may have its head taken back before it has left", () => {
    const { exchange, told } = new MemoryWire()
    exchange.start(ok)
    exchange.withdraw()
    exchange.respond({ status: 404, fields: [] }, "")
    expect(told).toEqual(["head 404", "end"])
  })

  it("is written as UTF-8", () => {
    const { exchange, told } = new MemoryWire()
    exchange.respond(ok, "é")
    expect(told).toContain("write é")
  })

  it("has no body where its status has none", () => {
    const { exchange, told } = new MemoryWire()
    exchange.respond({ status: 204, fields: [] }, "dropped")
    expect(told).toEqual(["head 204", "end"])
  })

  it("is cut at its length, and nothing follows it on the connection", () => {
    const wire = new MemoryWire()
    const { exchange, logged, told } = wire
    exchange.respond({ status: 200, fields: [["content-length", "2"]] }, "long")
    const why = "reuse refused: the body is not as long as its Content-Length says"
    expect(told.filter((each) => each !== why)).toEqual(["head 200", "write lo", "end"])
    expect(told).toContain(why)
    expect(logged).toHaveLength(1)
    // a head is not made twice to check it
    expect(wire.prepared).toBe(1)
  })

  it("that is given as longer than its length before any of it was added is 500, not an empty one", () => {
    const wire = new MemoryWire()
    wire.exchange.start({ status: 200, fields: [["content-length", "3"]] })
    wire.exchange.mismatch(3, 5)
    expect(wire.told.filter((each) => !each.startsWith("reuse refused"))).toEqual(["head 500", "end"])
    expect(wire.exchange.error).toMatchObject({ reason: "BodyTooLong" })
    wire.take()
    expect(wire.exchange.outcome).toMatchObject({ _tag: "Failed", status: 500 })
  })

  it("that is too short is refused before anything has left", () => {
    const { exchange, told } = new MemoryWire()
    expect(exchange.respond({ status: 200, fields: [["content-length", "9"]] }, "short")).toMatchObject({
      reason: "BodyTooShort"
    })
    expect(told).toEqual([])
  })

  it("of an application that fails is 500 before the head, and a cut behind it", () => {
    const early = new MemoryWire()
    early.exchange.fail(new Error("no"))
    expect(early.told).toEqual(["reuse refused: the application failed", "head 500", "end"])
    const late = new MemoryWire()
    late.exchange.start(ok)
    late.exchange.addPart("a")
    late.exchange.fail(new Error("no"))
    expect(late.told).toEqual(["head 200", "write a", "cut"])
  })

  it("waits for room, and goes on when there is some or when it is over", () => {
    const wire = new MemoryWire()
    let ready = 0
    wire.congested = true
    wire.exchange.start(ok)
    wire.exchange.awaitRoom(() => ready++)
    wire.exchange.awaitRoom(() => ready++)
    expect(ready).toBe(0)
    wire.exchange.roomAgain()
    expect(ready).toBe(2)
    wire.exchange.awaitRoom(() => ready++)
    wire.exchange.interrupt("ClientGone", unheard)
    expect(ready).toBe(3)
  })
})

// Whoever has the exchange may call back: the handler, its door, and who keeps the request for an app that is to come.
describe("of several callbacks none replaces another:", () => {
  interface Scene {
    readonly add: (wire: MemoryWire, callback: () => void) => void
    readonly happen: (wire: MemoryWire) => void
  }
  const scenes: Readonly<Record<string, Scene>> = {
    "when the outcome is known": {
      add: ({ exchange }, callback) => exchange.whenConcluded(callback),
      happen: (wire) => {
        wire.exchange.respond(ok, "ok")
        wire.take()
      }
    },
    "when the server says goodbye": {
      add: ({ exchange }, callback) => exchange.onGoodbye(callback),
      happen: ({ exchange }) => exchange.sayGoodbye()
    },
    "when there is room again": {
      add: (wire, callback) => {
        wire.congested = true
        wire.exchange.awaitRoom(callback)
      },
      happen: ({ exchange }) => exchange.roomAgain()
    }
  }

  it.each(Object.entries(scenes))("%s", (_, { add, happen }) => {
    const wire = new MemoryWire()
    const called: Array<string> = []
    for (const name of ["first", "second", "third"]) add(wire, () => called.push(name))
    happen(wire)
    expect(called).toEqual(["first", "second", "third"])
    wire.exchange.sayGoodbye()
    wire.exchange.roomAgain()
    expect(called).toHaveLength(3)
  })

  it.each(Object.entries(scenes))("%s, although one of them throws", (_, { add, happen }) => {
    const wire = new MemoryWire()
    const called: Array<string> = []
    add(wire, () => called.push("first"))
    add(wire, () => {
      throw new Error("a broken callback")
    })
    add(wire, () => called.push("third"))
    expect(() => happen(wire)).toThrow("a broken callback")
    expect(called).toEqual(["first", "third"])
  })
})

describe("the request's body", () => {
  it("is pulled, and a reader that waits is told when more has come", () => {
    const wire = new MemoryWire({ hasBody: true })
    const { body } = wire.exchange
    const got: Array<string> = []
    const pull = (): void => {
      const taken = body.take()
      if (taken === undefined) return void body.wait(pull)
      if (taken instanceof BodyError) got.push(taken.reason)
      else if (taken instanceof Uint8Array) {
        got.push(Buffer.from(taken).toString())
        pull()
      } else got.push("end")
    }
    pull()
    wire.arrive("a")
    wire.arrive("b")
    wire.arrive("")
    expect(got).toEqual(["a", "b", "end"])
    expect(wire.told.filter((told) => told === "body awaited")).toHaveLength(3)
  })

  it("fails for a reader that is left when the exchange is over", () => {
    const wire = new MemoryWire({ hasBody: true })
    wire.exchange.respond(ok, "")
    wire.take()
    expect(wire.exchange.body.take()).toMatchObject({ _tag: "BodyError", reason: "Closed" })
  })
})
