/**
 * The reader of requests: any bytes are messages or one failure, the same however they are cut, and never more is stored than the
 * limits allow. The family: bytes at random, valid requests, those after a small change, requests that a connection repeats with
 * and without one; and what a reader says of itself between them.
 */
import * as fc from "fast-check"
import { setImmediate as turn } from "node:timers/promises"
import { defaultLimits, type RequestMessage, RequestReader, strict } from "tsgi/protocol"
import { describe, expect, it } from "vitest"
import { collectGarbage } from "../utils/garbage.js"
import { runs } from "../utils/runs.js"
import { cutAt } from "../utils/splits.js"
import { checkCuts, checkMeaning } from "./agreement.js"
import { cuts, mutate, mutation, validRequest } from "./model.js"

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1")
const get = bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

describe("any bytes", () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.array(
      fc.constantFrom(
        "GET",
        " ",
        "/",
        "HTTP/1.1",
        "\r\n",
        "\r",
        "\n",
        "Host",
        ":",
        "a",
        "Content-Length",
        "3",
        "5;x",
        "Transfer-Encoding",
        "chunked",
        "0",
        ",",
        "\0",
        "\xff",
        "POST / HTTP/1.1\r\nHost: a\r\n"
      ),
      { maxLength: 30 }
    ).map((parts) => bytesOf(parts.join("")))
  )
  const narrow = {
    requestLine: 20,
    fieldLine: 20,
    fieldSection: 40,
    fieldCount: 2,
    chunkExtensions: 4,
    trailerSection: 20,
    body: 8
  }

  it("are messages or a failure, the same however they are cut", () => {
    fc.assert(fc.property(noise, cuts(200), (bytes, at) => checkMeaning(bytes, checkCuts(bytes, at))), runs(200))
  })

  it("are so under narrow limits and relaxed rules too", () => {
    const relaxed = {
      requireHost: false,
      allowContentLengthWithTransferEncoding: true,
      allowControlsInChunkExtensions: true,
      allowNonAsciiTarget: true
    }
    fc.assert(
      fc.property(noise, cuts(200), fc.boolean(), (bytes, at, relax) => {
        checkCuts(bytes, at, { limits: narrow, leniency: relax ? relaxed : {} })
      }),
      runs(200)
    )
  })

  it("never make the reader store more than its limits, however long they go on", () => {
    const endless = [
      "a",
      "\r\n",
      "GET / HTTP/1.1\r\nA: ",
      "GET / HTTP/1.1\r\nA: b\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      "1;",
      "1\r\na\r\n",
      "0\r\n",
      "X: y\r\n"
    ]
    for (const first of endless) {
      for (const then of endless) {
        const reader = new RequestReader()
        reader.receive(bytesOf(first))
        const chunk = bytesOf(then.repeat(Math.ceil(16384 / then.length)))
        for (let round = 0; round < 20; round++) {
          let message = reader.next()
          while (message !== undefined && message._tag !== "Failure") message = reader.next()
          if (message !== undefined) break
          expect(reader.buffered).toBeLessThanOrEqual(8193)
          reader.receive(chunk)
        }
      }
    }
  })
})

describe("valid requests", () => {
  it("are read as they were meant, one or several, however they are cut", () => {
    fc.assert(
      fc.property(fc.array(validRequest, { minLength: 1, maxLength: 4 }), cuts(800), (models, at) => {
        const bytes = Buffer.concat(models.map((model) => model.bytes))
        const reading = checkCuts(bytes, at)
        expect(reading.end).toBe("idle")
        expect(reading.requests.map(({ body, fields, line, trailers }) => ({ line, fields, body, trailers })))
          .toEqual(models.map((model) => model.request))
        checkMeaning(bytes, reading)
      }),
      runs(80)
    )
  })

  it("mean the same to the reader and to the reference after any small change", () => {
    fc.assert(
      fc.property(
        fc.array(validRequest, { minLength: 1, maxLength: 2 }),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        cuts(400),
        (models, mutations, at) => {
          const bytes = mutations.reduce(mutate, Buffer.concat(models.map((model) => model.bytes)))
          checkMeaning(bytes, checkCuts(bytes, at))
        }
      ),
      runs(300)
    )
  })
})

describe("what a connection repeats", () => {
  const limits = { ...defaultLimits, fieldLine: 40, fieldSection: 70, fieldCount: 7 }
  // two short lines are as long as a long one, so that line ends sometimes meet
  const line = fc.oneof(
    { arbitrary: fc.constantFrom("A: b", "A: c", "B: b", "A: bbbbbbb", "B: bbbbbbb"), weight: 4 },
    { arbitrary: fc.constantFrom("Cookie: a", `X: ${"x".repeat(37)}`, `X: ${"x".repeat(38)}`, "no field"), weight: 1 }
  )
  const change = fc.oneof(
    { arbitrary: fc.constant({ _tag: "Same" as const }), weight: 2 },
    fc.record({ _tag: fc.constant("Set" as const), at: fc.nat(12), line }),
    fc.record({ _tag: fc.constant("Insert" as const), at: fc.nat(12), line }),
    fc.record({ _tag: fc.constant("Remove" as const), at: fc.nat(12) }),
    fc.record({ _tag: fc.constant("Break" as const), at: fc.nat(200), byte: fc.constantFrom(0, 10, 13, 32, 58, 65) })
  )

  it("is read as if it came for the first time, whatever changed, and in whatever pieces", () => {
    let changed = 0
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 6 }),
        fc.array(fc.tuple(change, cuts(100)), { minLength: 1, maxLength: 8 }),
        (first, changes) => {
          const lines = ["Host: a", ...first]
          const veteran = new RequestReader(limits)
          for (const [how, at] of [[{ _tag: "Same" as const }, []] as const, ...changes]) {
            if (how._tag === "Set") lines[how.at % Math.max(1, lines.length)] = how.line
            else if (how._tag === "Insert") lines.splice(how.at, 0, how.line)
            else if (how._tag === "Remove") lines.splice(how.at, 1)
            const bytes = bytesOf(`GET / HTTP/1.1\r\n${lines.map((each) => `${each}\r\n`).join("")}\r\n`)
            if (how._tag === "Break") bytes[how.at % bytes.length] = how.byte
            const pieces = at.length % 2 === 0 ? [bytes] : cutAt(bytes, at.map((each) => each % bytes.length))
            const read = (reader: RequestReader): ReadonlyArray<RequestMessage | undefined> =>
              pieces.flatMap((piece) => {
                reader.receive(piece)
                return [reader.next()]
              })
            const fresh = new RequestReader(limits)
            const expected = read(fresh)
            expect(read(veteran)).toEqual(expected)
            if (expected.at(-1)?._tag !== "RequestStart") return
            expect([veteran.next(), veteran.buffered]).toEqual([fresh.next(), fresh.buffered])
            changed++
          }
        }
      ),
      runs(200)
    )
    // most of the generated requests are valid
    expect(changed).toBeGreaterThan(runs(200).numRuns)
  })
})

describe("a reader", () => {
  const reading = (...texts: ReadonlyArray<string>): RequestReader => {
    const reader = new RequestReader()
    for (const text of texts) reader.receive(bytesOf(text))
    return reader
  }
  const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

  it("is in no head before the first byte, behind empty lines, in a body and behind it", () => {
    const reader = reading()
    expect(reader.inHead).toBe(false)
    expect(reader.next()).toBeUndefined()
    reader.receive(bytesOf("\r\n"))
    expect(reader.next()).toBeUndefined()
    expect(reader.inHead).toBe(false)
    reader.receive(bytesOf(post.slice(0, 3)))
    expect(reader.inHead).toBe(true)
    reader.receive(bytesOf(post.slice(3, 20)))
    expect(reader.next()).toBeUndefined()
    expect(reader.inHead).toBe(true)
    reader.receive(bytesOf(post.slice(20)))
    expect(reader.next()?._tag).toBe("RequestStart")
    expect(reader.inHead).toBe(false)
    reader.receive(bytesOf("abcd"))
    expect(reader.inHead).toBe(false)
    expect(reader.next()?._tag).toBe("BodyPiece")
    expect(reader.next()?._tag).toBe("BodyEnd")
    expect(reader.inHead).toBe(false)
    expect(reader.next()).toBeUndefined()
  })

  it("is in a head whose request line was taken and whose fields have not come", () => {
    const reader = reading("GET / HTTP/1.1\r\n")
    expect(reader.next()).toBeUndefined()
    expect([reader.buffered, reader.inHead]).toEqual([0, true])
  })

  it("tells the request line of a head that is refused, where it was read", () => {
    const lineOf = (text: string): [unknown, string] => {
      const reader = reading(text)
      let message = reader.next()
      while (message !== undefined && message._tag !== "Failure") message = reader.next()
      return [message?.reason, reader.requestLine]
    }
    expect(lineOf("GET /a HTTP/1.1\r\nX : y\r\n")).toEqual(["SpaceBeforeColon", "GET /a HTTP/1.1"])
    expect(lineOf("GET /a HTTP/1.1\r\n\r\n")).toEqual(["MissingHost", "GET /a HTTP/1.1"])
    expect(lineOf("GET /a HTTP/1.1\r\nHost: a\r\n")).toEqual([undefined, "GET /a HTTP/1.1"])
    expect(lineOf("GET a HTTP/1.1\r\n")).toEqual(["MalformedTarget", "GET a HTTP/1.1"])
    expect(lineOf(`${get.toString()}GET a HTTP/1.1\r\n`)).toEqual(["MalformedTarget", "GET a HTTP/1.1"])
    expect(lineOf("GET /a HTTP/2.0\r\n")).toEqual(["UnsupportedVersion", "GET /a HTTP/2.0"])
    // reading ends at the offending byte, so that the result does not depend on how the bytes are cut
    expect(lineOf("GET /a b HTTP/1.1\r\n")).toEqual(["MalformedRequestLine", "GET /a b "])
    expect(lineOf("\x16\x03\x01\r\n")).toEqual(["MalformedRequestLine", "\x16"])
    expect(lineOf("nonsense\r\n")).toEqual(["MalformedRequestLine", "nonsense"])
    expect(lineOf(get.toString())).toEqual([undefined, ""])
  })

  it("reads a section that is the one before, to the last byte, only once", () => {
    const request = (fields: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
    const reader = reading(
      request("X: 1\r\n") + request("X: 1\r\n") + request("X: 2\r\n") + request("X: 2\r\n") +
        request("X: 2\r\nContent-Length: 0\r\n") + request("")
    )
    const sections: Array<ReadonlyArray<string>> = []
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      if (message._tag === "RequestStart") sections.push(message.head.fields)
    }
    expect(sections).toEqual([
      ["Host", "a", "X", "1"],
      ["Host", "a", "X", "1"],
      ["Host", "a", "X", "2"],
      ["Host", "a", "X", "2"],
      ["Host", "a", "X", "2", "Content-Length", "0"],
      ["Host", "a"]
    ])
    expect([sections[0] === sections[1], sections[2] === sections[3]]).toEqual([true, true])
  })

  it("takes no fields from before a section without any", () => {
    const section = "Host: a\r\nContent-Length: 4\r\n\r\n"
    const reader = new RequestReader(defaultLimits, { ...strict, requireHost: false })
    reader.receive(
      bytesOf(`GET / HTTP/1.1\r\n${section}bodyGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n${section}body`)
    )
    const sections: Array<ReadonlyArray<string>> = []
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      if (message._tag === "RequestStart") sections.push(message.head.fields)
    }
    const fields = ["Host", "a", "Content-Length", "4"]
    expect(sections).toEqual([fields, [], fields])
  })

  it("judges the same section anew for another method or version", () => {
    const fields = "Host: a\r\nConnection: keep-alive\r\n\r\n"
    const persistent = (reader: RequestReader): ReadonlyArray<boolean> => {
      const found: Array<boolean> = []
      for (let message = reader.next(); message !== undefined; message = reader.next()) {
        if (message._tag === "RequestStart") found.push(message.demands.persistent)
      }
      return found
    }
    const reader = reading(
      `GET / HTTP/1.0\r\n${fields}GET / HTTP/1.1\r\n${fields}CONNECT a:1 HTTP/1.1\r\n${fields}GET / HTTP/1.1\r\n${fields}`
    )
    expect(persistent(reader)).toEqual([true, true, false, true])

    const host = "Host: a\r\n\r\n"
    expect(persistent(reading(`GET / HTTP/1.1\r\n${host}GET / HTTP/1.0\r\n${host}`))).toEqual([true, false])

    const body = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    const refusing = reading(`POST / HTTP/1.1\r\n${body}POST / HTTP/1.0\r\n${body}`)
    expect([refusing.next()?._tag, refusing.next()?._tag]).toEqual(["RequestStart", "BodyEnd"])
    expect(refusing.next()).toMatchObject({ _tag: "Failure", reason: "TransferEncodingInHttp10" })
  })

  it("gives the bytes of a body as views of what it received", () => {
    const reader = reading(post)
    reader.next()
    const whole = bytesOf("abcd")
    reader.receive(whole)
    expect(reader.next()).toEqual({ _tag: "BodyPiece", bytes: whole })

    const more = reading(post)
    more.next()
    const bytes = bytesOf("abcdGET")
    more.receive(bytes)
    const piece = more.next()
    expect(piece?._tag === "BodyPiece" && piece.bytes.buffer === bytes.buffer).toBe(true)
  })

  it("joins the chunks that came together", () => {
    const reader = reading(`${chunked}1\r\na\r\n2\r\nbc\r\n3\r\nde`, "f\r\n0\r\n\r\n")
    const messages = Array.from({ length: 4 }, () => reader.next())
    expect(messages.map((message) => message?._tag)).toEqual(["RequestStart", "BodyPiece", "BodyEnd", undefined])
    expect(messages[1]).toMatchObject({ bytes: bytesOf("abcdef") })
  })

  it("gives out the good part of a body before the failure behind it", () => {
    const reader = reading(`${chunked}2\r\nab\r\nx`)
    reader.next()
    expect(reader.next()).toMatchObject({ _tag: "BodyPiece", bytes: bytesOf("ab") })
    const failure = reader.next()
    expect(failure).toMatchObject({ _tag: "Failure", reason: "MalformedChunkSize" })
    reader.receive(get)
    expect(reader.next()).toBe(failure)
  })

  it("counts a body as taken when a failure comes behind it", () => {
    const reader = reading(`${chunked}2\r\nab\r\nx`)
    while (reader.next()?._tag !== "Failure");
    expect(Buffer.from(reader.takeRest()).toString()).toBe("\r\nx")
  })

  it("gives up the rest, once, when a connection changes hands", () => {
    const reader = reading("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\0\x01tunnel")
    expect(reader.next()?._tag).toBe("RequestStart")
    expect(reader.next()?._tag).toBe("BodyEnd")
    expect(Buffer.from(reader.takeRest()).toString("latin1")).toBe("\0\x01tunnel")
    expect(reader.takeRest()).toHaveLength(0)
    expect(reader.next()).toBeUndefined()
  })

  it("takes another chunked body where it is told to expect one, then requests again", () => {
    const reader = reading(`${chunked}1\r\na\r\n0\r\nX: y\r\n\r\n1\r\nb\r\n0\r\n\r\n`, get.toString())
    reader.next()
    expect(reader.next()).toMatchObject({ _tag: "BodyPiece", bytes: bytesOf("a") })
    expect(reader.next()).toEqual({ _tag: "BodyEnd", trailers: ["X", "y"] })
    reader.expectAnotherBody()
    expect(reader.inHead).toBe(false)
    expect(reader.next()).toMatchObject({ _tag: "BodyPiece", bytes: bytesOf("b") })
    expect(reader.next()).toEqual({ _tag: "BodyEnd", trailers: [] })
    expect(reader.next()?._tag).toBe("RequestStart")
  })

  it("takes empty pieces between and around others", () => {
    const reader = reading("", get.toString("latin1", 0, 5), "", get.toString("latin1", 5), "")
    expect(reader.next()?._tag).toBe("RequestStart")
    expect(reader.next()?._tag).toBe("BodyEnd")
    expect(reader.next()).toBeUndefined()
  })

  it("holds on to no head that it has given out", async () => {
    const reader = new RequestReader()
    // this is a function of its own, so that none of its variables keeps the buffer after it has returned
    const read = (): WeakRef<object> => {
      reader.receive(get)
      const start = reader.next()
      expect(reader.next()?._tag).toBe("BodyEnd")
      return new WeakRef(start?._tag === "RequestStart" ? start.head : reader)
    }
    const heads = [read(), read(), read()]
    await turn()
    collectGarbage()
    expect(heads.map((head) => head.deref())).toEqual([undefined, undefined, undefined])
    expect(reader.buffered).toBe(0)
  })

  it("lets go of a large buffer of which a few bytes are left", () => {
    const reader = new RequestReader()
    const large = new Uint8Array(bytesOf(`${post}abcdGET /`))
    reader.receive(large)
    while (reader.next() !== undefined);
    expect(reader.buffered).toBe(5)
    expect(reader.takeRest().buffer).not.toBe(large.buffer)
  })
})
