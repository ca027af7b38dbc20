/**
 * `env["tsgi.trailers"]`: what follows a body. The family: how the body is given, against whether the response can have trailers;
 * and trailers that are refused, before and after the head has left.
 */
import type { App, AppBody, Environ, HeaderPairs, StartResponse } from "tsgi"
import { describe, expect, it } from "vitest"
import { get, head } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

const trailers: HeaderPairs = [["x-sum", "1"], ["X-Sum", "2"]]

type Give = (env: Environ, startResponse: StartResponse, fields: HeaderPairs) => AppBody | Promise<AppBody>

const given = (give: Give, fields: HeaderPairs = plain): App => (env, startResponse) => give(env, startResponse, fields)

/** Each sets its trailers as late as it can. */
const inChunks: Record<string, Give> = {
  *"a generator"(env, startResponse, fields) {
    startResponse("200 OK", fields)
    yield "body"
    env["tsgi.trailers"] = trailers
  },
  async *"a generator that pauses"(env, startResponse, fields) {
    startResponse("200 OK", fields)
    yield "bo"
    await new Promise(setImmediate)
    yield "dy"
    env["tsgi.trailers"] = trailers
  },
  "write": async (env, startResponse, fields) => {
    const write = startResponse("200 OK", fields)
    await write("body")
    env["tsgi.trailers"] = trailers
    return []
  },
  "write, and a last part": async (env, startResponse, fields) => {
    const write = startResponse("200 OK", fields)
    await write("bo")
    env["tsgi.trailers"] = trailers
    return "dy"
  }
}

describe.each(Object.entries(inChunks))("a body by %s", (_, give) => {
  it("has trailers, in the case of fields, and the connection goes on", () =>
    withServer(given(give), {}, async ({ connect }) => {
      const client = await connect()
      for (let i = 0; i < 2; i++) {
        client.send(get("/"))
        const response = await client.response()
        expect(response.get("Transfer-Encoding")).toBe("chunked")
        expect([response.body.toString(), response.trailers]).toEqual(["body", [["X-Sum", "1"], ["X-Sum", "2"]]])
      }
    }))

  it("has trailers as they are given, where fields keep their case", () =>
    withServer(given(give), { capitalizeResponseHeaders: false }, async ({ ask }) => {
      expect((await ask(get("/", "Connection: close"))).trailers).toEqual(trailers)
    }))

  it("has none with a Content-Length", () =>
    withServer(given(give, [...plain, ["Content-Length", "4"]]), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      expect((await client.all()).toString()).toMatch(/\r\n\r\nbody$/)
    }))

  it("has none to HTTP/1.0", () =>
    withServer(given(give), {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("GET / HTTP/1.0"))
      expect((await client.all()).toString()).toMatch(/\r\n\r\nbody$/)
    }))

  it("has none to HEAD, and the connection goes on", () =>
    withServer(given(give), {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("HEAD / HTTP/1.1", "Host: a"))
      expect(await client.head()).toMatchObject({ status: 200 })
      client.send(get("/", "Connection: close"))
      expect((await client.response()).body.toString()).toBe("body")
    }))
})

it.each<readonly [string, AppBody]>([["text", "body"], ["an array", ["bo", "dy"]]])(
  "%s has a length, and so none",
  (_, body) => {
    const app: App = (env, startResponse) => {
      env["tsgi.trailers"] = trailers
      startResponse("200 OK", plain)
      return body
    }
    return withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      expect((await client.all()).toString()).toMatch(/\r\nContent-Length: 4\r\n[^]*\r\n\r\nbody$/)
    })
  }
)

it("a body without parts has trailers", () => {
  const app: App = function*(env, startResponse) {
    startResponse("200 OK", plain)
    env["tsgi.trailers"] = trailers
  }
  return withServer(app, {}, async ({ ask }) => {
    const response = await ask(get("/", "Connection: close"))
    expect([response.body.length, response.trailers.length]).toEqual([0, 2])
  })
})

describe.each<readonly [string, unknown]>([
  ["Set-Cookie, which must precede the body", [["Set-Cookie", "a=b"]]],
  ["a line end in a value", [["X-Sum", "1\r\nX-Other: 2"]]],
  ["no pairs", { "X-Sum": "1" }],
  ["an iterable that throws", {
    [Symbol.iterator]: () => {
      throw new Error("no trailers")
    }
  }]
])("trailers with %s are refused, once and in the log", (_, wrong) => {
  const app = (first: string): App =>
    function*(env, startResponse) {
      startResponse("200 OK", plain)
      yield first
      Object.assign(env, { "tsgi.trailers": wrong })
    }

  it("by a 500 where the head has not left", () =>
    withServer(app(""), {}, async ({ connect, log }) => {
      const client = await connect()
      client.send(get("/"))
      const response = await client.response()
      expect([response.status, response.trailers]).toEqual([500, []])
      expect(log.text.match(/not allowed in trailers|characters that no field|are pairs of|no trailers/g)).toHaveLength(
        1
      )
    }))

  it("by cutting the body where it has", () =>
    withServer(app("body"), { minimumChunkSize: 0 }, async ({ connect, log }) => {
      const client = await connect()
      client.send(get("/"))
      const text = (await client.all()).toString()
      expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n4\r\nbody\r\n$/)
      expect(log.text.match(/not allowed in trailers|characters that no field|are pairs of|no trailers/g)).toHaveLength(
        1
      )
    }))
})
