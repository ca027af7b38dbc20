/**
 * Interim responses, once over every door: which are sent, when, with which fields, and how they are counted. Rows are those of
 * wsgi/BEHAVIOUR.md. conformance.ts proves that every listener sends the same ones.
 */
import { InterimError } from "tsgi"
import { InterimResponses } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { turns } from "../utils/Journal.js"
import { get, head, post, request } from "../utils/requests.js"
import { type Call, everyDoor, everyEffectDoor, type Script, type Serve } from "./everyDoor.js"

const reasonOf = (error: unknown): string => error instanceof InterimError ? error.reason : String(error)

const expecting = "Expect: 100-continue"

describe.each(everyDoor)("%s", (_, serve) => {
  it("row 77: 100 is sent by the first read, once, with the fields set for it", async () => {
    await using served = await serve(async ({ continueFields, read }) => {
      continueFields([["X-Which", "read"]])
      await read()
      return await read()
    })
    const { client } = served
    client.send(request("POST", "/", [expecting, "Content-Length: 5"]))
    expect((await client.head()).text).toBe("HTTP/1.1 100 Continue\r\nX-Which: read\r\n\r\n")
    client.send("hello")
    const response = await client.response()
    expect([response.interim, response.status, response.get("connection")]).toEqual([[], 200, undefined])
  })

  it("row 78: fields that cannot be sent are refused where they are set", async () => {
    await using served = await serve(({ continueFields, note }) => {
      try {
        continueFields([["X-Split", "a\r\nX-Evil: b"]])
      } catch (error) {
        note(reasonOf(error))
        throw error
      }
      return "set"
    })
    served.client.send(post("/", "abc", expecting))
    const response = await served.client.response()
    expect([response.interim, response.status]).toEqual([[], 500])
    expect(await served.journal.first(2)).toEqual(["InvalidHeader", "log 500"])
  })

  it("row 79: an answer instead of the 100 closes, and says so to a client that uploads at once", async () => {
    await using served = await serve(() => "no")
    const { client } = served
    client.send(request("POST", "/", [expecting, "Content-Length: 50000000"]))
    const part = new Uint8Array(500_000)
    for (let sent = 0; sent < 6; sent++) client.send(part)
    const response = await client.response()
    expect([response.interim, response.status, response.get("connection")]).toEqual([[], 200, "close"])
    await client.whenEnded()
  })

  it("row 84: an explicit 100 pays the one that is owed", async () => {
    await using served = await serve(({ interim, read }) => {
      interim(100)
      return read()
    })
    const { client } = served
    client.send(request("POST", "/", [expecting, "Content-Length: 3"]))
    expect((await client.head()).status).toBe(100)
    client.send("abc")
    const response = await client.response()
    expect([response.interim, response.get("connection")]).toEqual([[], undefined])
  })

  it("row 85: an explicit 100 needs no expectation, and fields of one that is not expected are not sent", async () => {
    const scripts = [
      ({ interim }: Call) => interim(100),
      ({ continueFields }: Call) => continueFields([["X-Which", "read"]])
    ]
    await using served = await serve((call) => {
      scripts.shift()?.(call)
      return call.read()
    })
    for (const statuses of [[100], []]) {
      served.client.send(post("/", "abc"))
      const response = await served.client.response()
      expect(response.interim.map(({ status }) => status)).toEqual(statuses)
      expect(response.body.toString()).toBe("abc")
    }
  })

  it("row 86: HTTP/1.0 gets none, and other expectations are passed over", async () => {
    await using served = await serve(({ interim, read }) => {
      interim(103, [["Link", "</a>"]])
      interim(100)
      return read()
    })
    const { client } = served
    client.send(post("/", "abc", "Expect: tea"))
    const other = await client.response()
    expect([other.status, other.body.toString()]).toEqual([200, "abc"])
    client.send(`${head("POST / HTTP/1.0", expecting, "Content-Length: 3")}abc`)
    const old = await client.response()
    expect([old.interim, old.status, old.body.toString()]).toEqual([[], 200, "abc"])
  })

  it("row 87: any interim response, any number of times, with fields of its own", async () => {
    await using served = await serve(({ interim, read }) => {
      interim(102)
      interim(103, [["link", "</a.css>"], ["LINK", "</b.css>"]])
      interim(100, [["X-Which", "first"]])
      interim(100, [["X-Which", "second"]])
      return read()
    })
    served.client.send(post("/", "abc", expecting))
    const response = await served.client.response()
    expect(response.interim.map(({ fields, reason, status }) => [status, reason, fields])).toEqual([
      [102, "Processing", []],
      [103, "Early Hints", [["Link", "</a.css>"], ["Link", "</b.css>"]]],
      [100, "Continue", [["X-Which", "first"]]],
      [100, "Continue", [["X-Which", "second"]]]
    ])
    expect(response.body.toString()).toBe("abc")
  })

  it("row 87: what is no interim response is refused", async () => {
    const reasons: Array<string> = []
    await using served = await serve(({ interim }) => {
      const wrong: ReadonlyArray<Parameters<Call["interim"]>> = [
        [101],
        [99],
        [200],
        [103.5],
        [103, [["Link", "a\r\nb: c"]]],
        [100, [["a b", "c"]]],
        [103, [["Content-Length", "1"]]]
      ]
      for (const given of wrong) {
        try {
          interim(...given)
          reasons.push("sent")
        } catch (error) {
          reasons.push(reasonOf(error))
        }
      }
      return "ok"
    })
    served.client.send(post("/", ""))
    const response = await served.client.response()
    expect([response.interim, response.status]).toEqual([[], 200])
    expect(reasons).toEqual(Array(7).fill("InvalidHeader"))
  })

  it("row 88: interim responses are counted for themselves", async () => {
    await using served = await serve(({ interim, read }) => {
      interim(103, [["Link", "</a>"]])
      return read()
    })
    served.client.send(post("/", "abc", expecting))
    await served.client.response()
    const [record] = await served.records.first(1)
    const wireBytes = served.client.received
    expect(record.outcome).toMatchObject({ _tag: "Sent", interimResponses: 2, bodyBytes: 3, wireBytes })
    expect([record.bodyBytes, record.wireBytes]).toEqual([3, wireBytes])
  })
})

// A client that waits for a 100 may or may not send the body, so the bytes that follow may be a body or a request (RFC 9110,
// 10.1.1).
describe("a 100 that is refused stays owed", () => {
  const reading: Script = ({ read }) => Promise.race([read().catch(() => "late"), turns(5).then(() => "unread")])

  /** Sends a request that expects a 100 and does not get one. The bytes that follow on the connection are not the body. */
  const ask = async (serve: Serve, options: Parameters<Serve>[1], script = reading) => {
    await using served = await serve(script, options)
    const { client } = served
    client.send(request("POST", "/", [expecting, "Connection: keep-alive", "Content-Length: 5"]))
    const response = await client.response()
    const { received } = client
    client.send(get())
    await client.whenEnded()
    const lines = served.lines.filter((line) => line.includes("100"))
    return {
      answer: [response.interim, response.status, response.get("connection"), client.received - received],
      lines
    }
  }

  it.each(everyDoor)("%s: where only HTTP/1.0 is spoken, which has none", async (_, serve) => {
    const { answer, lines } = await ask(serve, { onlyHttp10: true })
    expect(answer).toEqual([[], 200, "close", 0])
    expect(lines).toEqual([])
  })

  it.each(everyDoor)("%s: but not where the whole body has come without it", async (_, serve) => {
    await using served = await serve(({ read }) => read(), { onlyHttp10: true })
    served.client.send(post("/", "abc", expecting, "Connection: keep-alive"))
    const response = await served.client.response()
    expect([response.interim, response.body.toString(), response.get("connection")]).toEqual([[], "abc", "keep-alive"])
  })

  const refusal = new InterimResponses.InterimError({ reason: "Unsupported", description: "no 100 here" })
  const badFields = [["Bad name", "a"]] as const

  it.each(everyEffectDoor)("%s: by the service", async (_, serve) => {
    let asked = 0
    const { answer, lines } = await ask(serve, { interimResponses: { prepare: () => (asked++, refusal) } })
    expect(answer).toEqual([[], 200, "close", 0])
    expect(lines).toEqual([])
    expect(asked).toBe(1)
  })

  it.each(everyEffectDoor)("%s: by the service, whatever fields were set", async (_, serve) => {
    const { answer } = await ask(serve, { interimResponses: { prepare: () => refusal } }, (call) => {
      call.continueFields([["X-Which", "read"]])
      return reading(call)
    })
    expect(answer).toEqual([[], 200, "close", 0])
  })

  it.each(everyEffectDoor)("%s: by the service's fields, which cannot be sent", async (_, serve) => {
    const { answer, lines } = await ask(serve, { interimResponses: { prepare: () => badFields } })
    expect(answer).toEqual([[], 200, "close", 0])
    expect(lines).toEqual([expect.stringContaining("the 100 is not sent")])
  })

  it.each(everyEffectDoor)("%s: and an explicit one that is allowed pays it", async (_, serve) => {
    let asked = 0
    await using served = await serve(async ({ interim, read }) => {
      const body = read()
      interim(100)
      return await body
    }, { interimResponses: { prepare: (_request, _status, fields) => asked++ === 0 ? refusal : fields } })
    const { client } = served
    client.send(request("POST", "/", [expecting, "Content-Length: 5"]))
    expect((await client.head()).status).toBe(100)
    client.send("hello")
    const response = await client.response()
    expect([response.body.toString(), response.get("connection")]).toEqual(["hello", undefined])
  })

  // the server does not wait for ever for a client that gets no 100
  it.each(everyEffectDoor)("%s: nor is the body waited for longer than timeouts.request", async (_, serve) => {
    const { answer } = await ask(serve, {
      interimResponses: { prepare: () => refusal },
      timeouts: { body: Infinity, request: 50 }
    }, ({ read }) => read().catch(() => "late"))
    expect(answer).toEqual([[], 200, "close", 0])
  })
})
