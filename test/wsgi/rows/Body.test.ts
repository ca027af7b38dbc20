/** A5: rows about request bodies that no name of eventlet's proves. */
import { type App, BodyError, listen, wrapTls } from "tsgi"
import { expect, it } from "vitest"
import { makeCertificate } from "../../utils/certificate.js"
import { gate } from "../../utils/gate.js"
import { chunked, get, head } from "../../utils/requests.js"
import { echo, plain, withServer } from "../../utils/serving.js"

const post = (...fields: ReadonlyArray<string>): string => head("POST / HTTP/1.1", "Host: localhost", ...fields)
const chunkedPost = post("Transfer-Encoding: chunked")

/** Reads the body and tells what that ended with. */
const watching = () => {
  const ended = gate<unknown>()
  const app: App = async (env, startResponse) => {
    try {
      const body = await env["wsgi.input"].read()
      ended.open(undefined)
      startResponse("200 OK", plain)
      return body
    } catch (error) {
      ended.open(error)
      throw error
    }
  }
  return { app, ended: ended.opened }
}

it("row 64: reads of 0, 1 and all bytes follow each other", () => {
  const app: App = async (env, startResponse) => {
    const input = env["wsgi.input"]
    const parts = [
      await input.read(0),
      await input.read(1),
      await input.read(-1),
      await input.read(),
      await input.read(1)
    ]
    startResponse("200 OK", plain)
    return JSON.stringify(parts.map(String))
  }
  return withServer(app, {}, async ({ ask }) => {
    expect((await ask(`${post("Content-Length: 5")}abcde`)).body.toString()).toBe("[\"\",\"a\",\"bcde\",\"\",\"\"]")
  })
})

it("row 65: lines have a size, readlines a hint", () => {
  const app: App = async (env, startResponse) => {
    const input = env["wsgi.input"]
    const parts = [
      await input.readline(2),
      await input.readline(0),
      ...await input.readlines(4),
      await input.readline()
    ]
    startResponse("200 OK", plain)
    return JSON.stringify(parts.map(String))
  }
  return withServer(app, {}, async ({ ask }) => {
    const response = await ask(chunkedPost + chunked(["ab", "c\n\nd", "e\nfgh", "\ni"]))
    expect(response.body.toString()).toBe(JSON.stringify(["ab", "", "c\n", "\n", "de\n", "fgh\n"]))
  })
})

it("row 66: extensions are bounded together", () =>
  withServer(echo, { limits: { chunkExtensions: 20 } }, async ({ ask }) => {
    expect((await ask(chunkedPost + chunked(["a", "b"], ";x=y"))).body.toString()).toBe("ab")
    expect((await ask(chunkedPost + chunked(["a", "b"], ";long=extension"))).status).toBe(400)
  }))

it("row 67: a chunk's size is hexadecimal digits, and its data ends in CRLF", () =>
  withServer(echo, {}, async ({ connect }) => {
    const malformed = [
      "0x2\r\nhi\r\n0\r\n\r\n",
      "-1\r\nhi\r\n0\r\n\r\n",
      "1_0\r\nhi\r\n0\r\n\r\n",
      " 2\r\nhi\r\n0\r\n\r\n",
      "2 \r\nhi\r\n0\r\n\r\n",
      "2\r\nhiJUNK\r\n0\r\n\r\n",
      "2\nhi\n0\n\n",
      "fffffffffffffffff\r\nhi"
    ]
    for (const body of malformed) {
      const client = await connect()
      client.send(chunkedPost + body)
      const response = await client.response()
      expect([body, response.status, response.get("Connection")]).toEqual([body, 400, "close"])
      expect(await client.all()).toHaveLength(0)
    }
  }))

it("row 68: trailers are there after the end, without those that steer the message", () => {
  const app: App = async (env, startResponse) => {
    const input = env["wsgi.input"]
    const before = input.trailers
    await input.read()
    startResponse("200 OK", plain)
    return JSON.stringify([before, input.trailers])
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(`${chunkedPost}2\r\nhi\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nHost: evil\r\n\r\n`)
    expect(JSON.parse((await client.response()).body.toString())).toEqual([[], [["X-Sum", "1"]]])
    client.send(chunkedPost + chunked([]))
    expect(JSON.parse((await client.response()).body.toString())).toEqual([[], []])
  })
})

it("row 68: trailers are bounded", () =>
  withServer(echo, { limits: { trailerSection: 50 } }, async ({ ask }) => {
    expect((await ask(`${chunkedPost}0\r\nX-Sum: ${"1".repeat(50)}\r\n\r\n`)).status).toBe(431)
  }))

it("row 71: a body that ends before its length is an error", async () => {
  const { app, ended } = watching()
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(`${post("Content-Length: 10")}abc`)
    client.end()
    const error = await ended
    expect(error).toBeInstanceOf(BodyError)
    expect(error).toMatchObject({ reason: "Disconnected" })
    expect((await client.response()).status).toBe(400)
  })
})

it("row 73: a TLS client that leaves within a body is an error too", async () => {
  const listener = wrapTls(listen(), await makeCertificate("localhost"))
  const { app, ended } = watching()
  await withServer(app, { listener }, async ({ connectTls }) => {
    const client = await connectTls()
    client.send(`${post("Content-Length: 10")}abc`)
    client.close()
    expect(await ended).toMatchObject({ _tag: "BodyError", reason: "Disconnected" })
  })
})

const unread: App = (_env, startResponse) => {
  startResponse("200 OK", plain)
  return "unread"
}

it("row 74: what is left of a body is dropped, as long as it is not much", () =>
  withServer(unread, { limits: { leftoverBody: 100 } }, async ({ connect }) => {
    const client = await connect()
    client.send(post("Content-Length: 100") + "a".repeat(100))
    expect((await client.response()).get("Connection")).toBeUndefined()
    client.send(chunkedPost + chunked(["a".repeat(100)]))
    expect((await client.response()).get("Connection")).toBeUndefined()
    // known to be too much before the answer is sent
    client.send(post("Content-Length: 101"))
    expect((await client.response()).get("Connection")).toBe("close")
    await client.whenEnded()

    const second = await connect()
    second.send(chunkedPost + chunked(["a".repeat(101)]) + get("/second"))
    expect((await second.response()).status).toBe(200)
    expect(await second.all()).toHaveLength(0)
  }))

it("row 74: what is left of a body is not waited for without end", () =>
  withServer(unread, { timeouts: { leftoverBody: 50 } }, async ({ connect, log }) => {
    const client = await connect()
    client.send(post("Content-Length: 10"))
    expect((await client.response()).status).toBe(200)
    await client.whenEnded()
    expect(await log.until(/"POST \/ HTTP\/1\.1" 200 6 /)).toBeDefined()
  }))

it("row 75: what is malformed behind the answer closes the connection, after hooks and log", async () => {
  const ran = gate()
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([() => ran.open()])
    return unread(env, startResponse)
  }
  await withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    client.send(`${chunkedPost}2\r\nhi\r\nnothing\r\n${get("/smuggled")}`)
    expect((await client.response()).status).toBe(200)
    await ran.opened
    await client.whenEnded()
    expect(await log.until(/"POST \/ HTTP\/1\.1" 200 /)).toBeDefined()
    expect(log.text).not.toContain("smuggled")
  })
})
