/** A6: rows about interim responses that no name of eventlet's proves. */
import { type AccessRecord, type App, InterimError } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../../utils/gate.js"
import { chunked, get, head } from "../../utils/requests.js"
import { echo, plain, withServer } from "../../utils/serving.js"

const expecting = (...fields: ReadonlyArray<string>): string =>
  head("PUT / HTTP/1.1", "Host: localhost", "Expect: 100-continue", ...fields)

/** Does something with the input, then reads it and answers with it. */
const first = (prepare: (...given: Parameters<App>) => unknown): App => async (env, startResponse) => {
  await prepare(env, startResponse)
  return echo(env, startResponse)
}

it("row 77: a read of 0 bytes sends the 100, and no other does", () => {
  const app: App = async (env, startResponse) => {
    const input = env["wsgi.input"]
    await input.read(0)
    await input.read(0)
    return echo(env, startResponse)
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(expecting("Content-Length: 3"))
    expect((await client.head()).status).toBe(100)
    client.send("abc")
    const response = await client.response()
    expect([response.interim.length, response.body.toString()]).toEqual([0, "abc"])
  })
})

it("row 78: fields that cannot be sent are refused where they are set", () => {
  const app = first((env) => env["wsgi.input"].setHundredContinueResponseHeaders([["X-Split", "a\r\nX-Evil: b"]]))
  return withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    client.send(`${expecting("Content-Length: 3")}abc`)
    const response = await client.response()
    expect([response.interim, response.status]).toEqual([[], 500])
    expect(await log.until(/X-Split/)).toBeDefined()
  })
})

it("row 79: an answer instead of the 100 closes, and says so", () => {
  const app: App = (_env, startResponse) => {
    startResponse("401 Unauthorized", plain)
    return ["in", "parts"].values()
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(expecting("Transfer-Encoding: chunked"))
    const response = await client.response()
    expect([response.interim.length, response.status, response.get("Connection")]).toEqual([0, 401, "close"])
    await client.whenEnded()
  })
})

it("row 81: behind the end of a chunked body there is no other, unless that was agreed on", async () => {
  const reads: Array<string> = []
  const app: App = async (env, startResponse) => {
    const input = env["wsgi.input"]
    reads.push((await input.read()).toString())
    input.sendHundredContinueResponse()
    reads.push((await input.read()).toString())
    startResponse("200 OK", plain)
    return ""
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(expecting("Transfer-Encoding: chunked") + chunked(["first"]))
    const response = await client.response()
    expect(response.interim).toHaveLength(2)
    expect(reads).toEqual(["first", ""])
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
  })
})

it("row 84: an explicit 100 pays the one that is owed", () =>
  withServer(first((env) => env["wsgi.input"].sendHundredContinueResponse()), {}, async ({ connect }) => {
    const client = await connect()
    client.send(expecting("Content-Length: 3"))
    expect((await client.head()).status).toBe(100)
    client.send("abc")
    const response = await client.response()
    expect(response.interim).toHaveLength(0)
    expect(response.get("Connection")).toBeUndefined()
  }))

it("row 85: an explicit 100 needs no expectation", () =>
  withServer(first((env) => env["wsgi.input"].sendHundredContinueResponse()), {}, async ({ ask }) => {
    const response = await ask(`${head("PUT / HTTP/1.1", "Host: localhost", "Content-Length: 3")}abc`)
    expect(response.interim.map(({ status }) => status)).toEqual([100])
    expect(response.body.toString()).toBe("abc")
  }))

it("row 86: HTTP/1.0 gets no interim response, and other expectations are passed over", () => {
  const app = first((env) => {
    env["wsgi.input"].sendHundredContinueResponse()
    env["tsgi.interim"](103, [["Link", "</a>"]])
  })
  return withServer(app, {}, async ({ ask }) => {
    const old = await ask(
      `${head("PUT / HTTP/1.0", "Host: localhost", "Expect: 100-continue", "Content-Length: 3")}abc`
    )
    expect([old.interim.length, old.status, old.body.toString()]).toEqual([0, 200, "abc"])
    const other = await ask(`${head("PUT / HTTP/1.1", "Host: localhost", "Expect: tea", "Content-Length: 3")}abc`)
    expect([other.status, other.body.toString()]).toEqual([200, "abc"])
  })
})

it("row 87: any interim response, any number of times, with fields of its own", () => {
  const app = first((env) => {
    env["tsgi.interim"](102)
    env["tsgi.interim"](103, [["link", "</a.css>"], ["LINK", "</b.css>"]])
    env["tsgi.interim"](103, [["Link", "</c.css>"]])
    env["tsgi.interim"](100, [["X-Last", "one"]])
  })
  return withServer(app, {}, async ({ ask }) => {
    const response = await ask(`${expecting("Content-Length: 3")}abc`)
    expect(response.interim.map(({ fields, reason, status }) => [status, reason, fields])).toEqual([
      [102, "Processing", []],
      [103, "Early Hints", [["Link", "</a.css>"], ["Link", "</b.css>"]]],
      [103, "Early Hints", [["Link", "</c.css>"]]],
      [100, "Continue", [["X-Last", "one"]]]
    ])
    expect(response.body.toString()).toBe("abc")
  })
})

it("row 87: what is no interim response is refused", async () => {
  const refused: Array<unknown> = []
  const app = first((env) => {
    for (const status of [101, 99, 200, 103.5]) {
      try {
        env["tsgi.interim"](status)
      } catch (error) {
        refused.push(error)
      }
    }
  })
  await withServer(app, {}, async ({ ask }) => {
    const response = await ask(get("/"))
    expect([response.interim.length, response.status]).toEqual([0, 200])
    expect(refused).toHaveLength(4)
    expect(refused.every((error) => error instanceof InterimError && error.reason === "InvalidHeader")).toBe(true)
  })
  const final: App = (_env, startResponse) => {
    startResponse("103 Early Hints", [])
    return ""
  }
  await withServer(final, {}, async ({ ask }) => {
    expect((await ask(get("/"))).status).toBe(500)
  })
})

it("row 83: interim responses behind the final head are not sent", () => {
  const app: App = async (env, startResponse) => {
    const write = startResponse("200 OK", [...plain, ["Content-Length", "3"]])
    await write("abc")
    env["tsgi.interim"](103)
    env["wsgi.input"].sendHundredContinueResponse()
    return []
  }
  return withServer(app, { minimumChunkSize: 1 }, async ({ connect }) => {
    const client = await connect()
    client.send(get("/", "Connection: close"))
    expect((await client.all()).toString().match(/HTTP\/1\.1/g)).toHaveLength(1)
  })
})

it("row 88: interim responses are counted for themselves", async () => {
  const written = gate<AccessRecord>()
  const logFormat = (record: AccessRecord): string => {
    written.open(record)
    return "-"
  }
  const app = first((env) => env["tsgi.interim"](103, [["Link", "</a>"]]))
  await withServer(app, { logFormat }, async ({ connect }) => {
    const client = await connect()
    client.send(`${expecting("Content-Length: 3", "Connection: close")}abc`)
    const received = (await client.all()).length
    const record = await written.opened
    expect(record.outcome).toMatchObject({ _tag: "Sent", interimResponses: 2, bodyBytes: 3, wireBytes: received })
    expect([record.bodyBytes, record.wireBytes]).toEqual([3, received])
  })
})
