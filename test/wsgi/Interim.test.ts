/** 100 Continue and other interim responses: eventlet's tests by their names, and the rows that none of them proves. */
import type { App, Environ } from "tsgi"
import { expect, it } from "vitest"
import { chunked, get, head } from "../utils/requests.js"
import { echo, plain, withServer } from "../utils/serving.js"

const put = (...fields: ReadonlyArray<string>): string => head("PUT / HTTP/1.1", "Host: localhost", ...fields)

/** Reads small bodies, and refuses large ones without a read. */
const choosy = (prepare: (env: Environ) => void): App => async (env, startResponse) => {
  if (Number(env.CONTENT_LENGTH) > 1024) {
    startResponse("417 Expectation Failed", [["Content-Length", "7"]])
    return "failure"
  }
  prepare(env)
  const text = await env["wsgi.input"].read()
  startResponse("200 OK", [["Content-Length", String(text.length)]])
  return text
}

it("test_024_expect_100_continue", () =>
  withServer(choosy(() => undefined), {}, async ({ connect }) => {
    const refused = await connect()
    refused.send(put("Content-Length: 1025", "Expect: 100-continue"))
    const response = await refused.response()
    expect(response.interim).toHaveLength(0)
    expect(`${response.status} ${response.reason}`).toBe("417 Expectation Failed")
    expect(response.body.toString()).toBe("failure")
    expect(response.get("Connection")).toBe("close")
    // the client may send its body all the same; then the connection ends
    refused.send("x".repeat(25))
    await refused.whenEnded()
    refused.send("x".repeat(1000) + get("/"))
    expect(refused.unread).toHaveLength(0)

    const client = await connect()
    for (const expectation of ["100-continue", "100-Continue"]) {
      client.send(`${put("Content-Length: 7", `Expect: ${expectation}`)}testing`)
      const answer = await client.response()
      expect(answer.interim.map((interim) => `${interim.version} ${interim.status} ${interim.reason}`))
        .toEqual(["HTTP/1.1 100 Continue"])
      expect(answer.status).toBe(200)
      expect(answer.get("Connection")).toBeUndefined()
      expect(answer.body.toString()).toBe("testing")
    }
  }))

it("test_024a_expect_100_continue_with_headers", () => {
  const app = choosy((env) =>
    env["wsgi.input"].setHundredContinueResponseHeaders([
      ["Hundred-Continue-Header-1", "H1"],
      ["Hundred-Continue-Header-2", "H2"],
      ["Hundred-Continue-Header-k", "Hk"]
    ])
  )
  return withServer(app, {}, async ({ connect }) => {
    const refused = await connect()
    refused.send(put("Content-Length: 1025", "Expect: 100-continue"))
    const response = await refused.response()
    expect(response.interim).toHaveLength(0)
    expect(response.status).toBe(417)
    expect(response.body.toString()).toBe("failure")
    expect(response.get("Connection")).toBe("close")

    const client = await connect()
    client.send(put("Content-Length: 7", "Expect: 100-continue"))
    const interim = await client.head()
    expect(interim.status).toBe(100)
    expect(interim.fields).toEqual([
      ["Hundred-Continue-Header-1", "H1"],
      ["Hundred-Continue-Header-2", "H2"],
      ["Hundred-Continue-Header-K", "Hk"]
    ])
    client.send("testing")
    const answer = await client.response()
    expect(answer.status).toBe(200)
    expect(answer.interim).toHaveLength(0)
    expect(answer.body.toString()).toBe("testing")
  })
})

/** Reads twice, with a 100 of its own before each. */
const twice = (first?: number, second?: number): App => async (env, startResponse) => {
  const input = env["wsgi.input"]
  input.setHundredContinueResponseHeaders([
    ["Hundred-Continue-Header-1", "H1"],
    ["Hundred-Continue-Header-2", "H2"]
  ])
  const before = await input.read(first)
  input.setHundredContinueResponseHeaders([["Hundred-Continue-Header-3", "H3"]])
  input.sendHundredContinueResponse()
  const text = Buffer.concat([before, await input.read(second)])
  startResponse("200 OK", [["Content-Length", String(text.length)]])
  return text
}

const firstFields = [["Hundred-Continue-Header-1", "H1"], ["Hundred-Continue-Header-2", "H2"]]
const secondFields = [["Hundred-Continue-Header-3", "H3"]]

it("test_024b_expect_100_continue_with_headers_multiple_chunked", () =>
  withServer(twice(), { multiPhaseBody: true }, async ({ connect }) => {
    const client = await connect()
    client.send(put("Connection: close", "Transfer-Encoding: chunked", "Expect: 100-continue"))
    const first = await client.head()
    expect(first.status).toBe(100)
    expect(first.fields).toEqual(firstFields)
    client.send(chunked(["first", " message"]))
    const second = await client.head()
    expect(second.status).toBe(100)
    expect(second.fields).toEqual(secondFields)
    client.send(chunked([", second", " message"]))
    const response = await client.response()
    expect(response.status).toBe(200)
    expect(response.body.toString()).toBe("first message, second message")
    await client.whenEnded()
  }))

it("test_024c_expect_100_continue_with_headers_multiple_nonchunked", () =>
  withServer(twice(13, 16), {}, async ({ connect }) => {
    const client = await connect()
    client.send(put("Connection: close", "Content-Length: 29", "Expect: 100-continue"))
    const first = await client.head()
    expect(first.status).toBe(100)
    expect(first.fields).toEqual(firstFields)
    client.send("first message")
    const second = await client.head()
    expect(second.status).toBe(100)
    expect(second.fields).toEqual(secondFields)
    client.send(", second message\r\n")
    const response = await client.response()
    expect(response.status).toBe(200)
    expect(response.body.toString()).toBe("first message, second message")
    await client.whenEnded()
  }))

it("test_024d_expect_100_continue_with_eager_app_chunked", () => {
  // The response begins before the body is read, and goes on after it.
  const app: App = (env, startResponse) => {
    env["eventlet.minimum_write_chunk_size"] = 0
    startResponse("202 Accepted", [])
    return (async function*() {
      yield " "
      const body = await env["wsgi.input"].read()
      yield " "
      yield `\n503 Service Unavailable\n\nOops, ${body.toString()}!\n`
    })()
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(put("Connection: close", "Transfer-Encoding: chunked", "Expect: 100-continue"))
    const accepted = await client.head()
    expect(`${accepted.status} ${accepted.reason}`).toBe("202 Accepted")
    expect((await client.until(" \r\n")).toString()).toBe("1\r\n \r\n")
    expect(client.unread).toHaveLength(0)
    client.send(chunked(["some data"]))
    const rest = (await client.all()).toString()
    expect(rest).toBe("1\r\n \r\n2c\r\n\n503 Service Unavailable\n\nOops, some data!\n\r\n0\r\n\r\n".replace(
      "2c",
      "\n503 Service Unavailable\n\nOops, some data!\n".length.toString(16)
    ))
  })
})

const expecting = (...fields: ReadonlyArray<string>): string =>
  head("PUT / HTTP/1.1", "Host: localhost", "Expect: 100-continue", ...fields)

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

it("row 87: startResponse sends no interim response", async () => {
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
