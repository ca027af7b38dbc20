/** Request heads: eventlet's tests by their names, and the rows that none of them proves. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type App, listen } from "tsgi"
import type { WireResponse } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { chunked, get, head, request } from "../utils/requests.js"
import { echo, hello, plain, type Served, withServer } from "../utils/serving.js"

const longPath = `/${Array.from({ length: 3000 }, () => "path").join("/")}`

const expectRefused = (response: WireResponse, status: number): void => {
  expect(response.status).toBe(status)
  expect(response.get("Connection")).toBe("close")
}

describe("limits", () => {
  it("test_006_reject_long_urls", () =>
    withServer(hello, {}, async ({ ask }) => {
      expectRefused(await ask(head(`GET ${longPath} HTTP/1.0`, "Host: localhost")), 414)
      expectRefused(await ask(get(longPath)), 414)
    }))

  it("test_configurable_url_length_limit", () =>
    withServer(hello, { urlLengthLimit: 20_000 }, async ({ ask }) => {
      const response = await ask(head(`GET /${"x".repeat(15_000)} HTTP/1.0`, "Host: localhost"))
      expect(response.status).toBe(200)
      expectRefused(await ask(get(`/${"x".repeat(20_000)}`)), 414)
    }))

  it("test_030_reject_long_header_lines", () =>
    withServer(hello, {}, async ({ ask }) => {
      expectRefused(await ask(head("GET / HTTP/1.0", "Host: localhost", `Long: ${"a".repeat(10_000)}`)), 431)
    }))

  it("test_031_reject_large_headers", () =>
    withServer(hello, {}, async ({ ask }) => {
      const lines = Array.from({ length: 20 }, () => `Name: ${"a".repeat(7000)}`)
      expectRefused(await ask(head("GET / HTTP/1.0", "Host: localhost", ...lines)), 431)
    }))
})

describe("framing", () => {
  it("test_023_bad_content_length", () =>
    withServer(hello, {}, async ({ ask }) => {
      for (const field of ["Content-Length: argh", "Content-length:", "Content-length: ", "Content-length: -10"]) {
        const response = await ask(head("GET / HTTP/1.0", "Host: localhost", field))
        expectRefused(response, 400)
        expect(response.reason).toBe("Bad Request")
        expect(response.body.toString()).toContain("MalformedContentLength")
      }
    }))

  it("test_rfc9112_reject_bad_request", async () => {
    let calls = 0
    const app: App = (env, startResponse) => {
      calls++
      return echo(env, startResponse)
    }
    await withServer(app, {}, async ({ connect, log }) => {
      const client = await connect()
      const body = chunked(["abc"])
      client.send(
        head("POST / HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", `Content-Length: ${body.length}`) +
          body
      )
      const response = await client.response()
      expectRefused(response, 400)
      expect(response.body.toString()).toMatch(/Content-Length and Transfer-Encoding/)
      await client.whenEnded()
      expect(client.unread).toHaveLength(0)
      expect(calls).toBe(0)
      expect(await log.until(/"POST \/ HTTP\/1\.1" 400 /)).toBeDefined()
    })
  })

  it("test_content_length_and_transfer_encoding_escape_hatch", () =>
    withServer(echo, { parser: { allowContentLengthWithTransferEncoding: true } }, async ({ connect }) => {
      const client = await connect()
      client.send(
        head("POST / HTTP/1.1", "Host: localhost", "Content-Length: 2", "Transfer-Encoding: chunked") +
          chunked(["abc", "de"])
      )
      const response = await client.response()
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("abcde")
      expect(response.get("Connection")).toBe("close")
      await client.whenEnded()
    }))

  it("test_no_content_length_or_transfer_encoding", () =>
    withServer(echo, {}, async ({ connect }) => {
      const client = await connect()
      for (const method of ["POST", "PUT", "GET"]) {
        client.send(head(`${method} / HTTP/1.1`, "Host: localhost"))
        const response = await client.response()
        expect(response.status).toBe(200)
        expect(response.get("Content-Length")).toBe("0")
        expect(response.get("Connection")).toBeUndefined()
      }
    }))
})

/** Sends bytes, and expects this answer with nothing after it. */
const refused = async ({ connect }: Served, bytes: string, status: number): Promise<WireResponse> => {
  const client = await connect()
  client.send(bytes)
  const response = await client.response()
  expect([bytes, response.status]).toEqual([bytes, status])
  expect(response.get("Connection")).toBe("close")
  expect(await client.all()).toHaveLength(0)
  return response
}

/** Answers with the host, the path and the query that the environ has. */
const where: App = (env, startResponse) => {
  startResponse("200 OK", plain)
  return JSON.stringify([env.PATH_INFO, env.QUERY_STRING ?? null, env.REQUEST_URI, env.RAW_PATH_INFO])
}

const fields = (count: number): ReadonlyArray<string> => Array.from({ length: count - 1 }, (_, i) => `X-${i}: a`)

it("row 35: more than 100 fields are refused", () =>
  withServer(hello, {}, async (served) => {
    expect((await served.ask(get("/", ...fields(100)))).status).toBe(200)
    await refused(served, get("/", ...fields(101)), 431)
  }))

it("row 35: how many fields there may be is configurable", () =>
  withServer(hello, { limits: { fieldCount: 3 } }, async (served) => {
    expect((await served.ask(get("/", ...fields(3)))).status).toBe(200)
    await refused(served, get("/", ...fields(4)), 431)
  }))

it("row 36: HTTP/1.1 without Host is refused, unless that is switched off", async () => {
  await withServer(hello, {}, async (served) => {
    await refused(served, head("GET / HTTP/1.1"), 400)
  })
  await withServer(hello, { parser: { requireHost: false } }, async ({ ask }) => {
    expect((await ask(head("GET / HTTP/1.1"))).status).toBe(200)
  })
})

it("row 37: an empty line before a request is skipped, many are not", () =>
  withServer(hello, {}, async (served) => {
    await refused(served, "\r\n".repeat(1000) + get("/"), 400)
    const client = await served.connect()
    client.send(`\r\n${get("/")}`)
    expect((await client.response()).status).toBe(200)
    client.send(`\r\n${get("/")}`)
    expect((await client.response()).status).toBe(200)
  }))

it("row 38: bare LF and space before a colon are refused", () =>
  withServer(hello, {}, async (served) => {
    await refused(served, "GET / HTTP/1.1\nHost: localhost\n\n", 400)
    await refused(served, "GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400)
    await refused(served, request("POST", "/", ["Content-Length : 2"], "ab"), 400)
  }))

it("row 39: HTTP/0.9 and HTTP/2 are refused, 1.2 is taken for 1.1", () =>
  withServer(hello, {}, async (served) => {
    await refused(served, "GET /\r\n", 400)
    await refused(served, head("GET / HTTP/2.0", "Host: localhost"), 505)
    const client = await served.connect()
    for (let i = 0; i < 2; i++) {
      client.send(head("GET / HTTP/1.2", "Host: localhost"))
      const response = await client.response()
      expect([response.version, response.status, response.get("Connection")]).toEqual(["HTTP/1.1", 200, undefined])
    }
  }))

it("row 40: a path that begins with two slashes is kept", () =>
  withServer(where, {}, async ({ ask, log }) => {
    expect(JSON.parse((await ask(get("//path?q"))).body.toString())).toEqual(["//path", "q", "//path?q", "//path"])
    expect(await log.until(/"GET \/\/path\?q HTTP\/1\.1"/)).toBeDefined()
  }))

it("row 41: the forms of a target are told apart", () =>
  withServer(where, {}, async ({ ask }) => {
    const told = async (line: string): Promise<unknown> =>
      JSON.parse((await ask(head(line, "Host: a"))).body.toString())
    expect(await told("GET http://a/x?y=z HTTP/1.1")).toEqual(["/x", "y=z", "http://a/x?y=z", "/x"])
    expect(await told("GET http://a?y HTTP/1.1")).toEqual(["/", "y", "http://a?y", "/"])
    expect(await told("OPTIONS * HTTP/1.1")).toEqual(["*", null, "*", "*"])
  }))

it("row 42: what is refused is answered in plain text and logged, on unix sockets too", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  for (const listener of [listen(), listen({ path: path.join(folder, "socket") })]) {
    await withServer(hello, { listener }, async (served) => {
      const response = await refused(served, get("/", "no field"), 400)
      expect(response.get("Content-Type")).toMatch(/^text\/plain/)
      expect(response.body.toString()).not.toContain("<")
      expect(await served.log.until(/"GET \/ HTTP\/1\.1" 400 /)).toMatch(/^(127\.0\.0\.1|unix) - - \[/)
    })
  }
  fs.rmSync(folder, { recursive: true })
})

it("row 43: a length is digits and nothing else", () =>
  withServer(echo, {}, async (served) => {
    for (const length of ["+2", "1_0", "0x2", "2 2", "2.0", ","]) {
      await refused(served, request("POST", "/", [`Content-Length: ${length}`], "ab"), 400)
    }
  }))

it("row 46: a transfer coding that is not chunked alone is refused", () =>
  withServer(echo, {}, async (served) => {
    const body = chunked(["abc"]) + get("/smuggled")
    await refused(served, request("POST", "/", ["Transfer-Encoding: xchunked"], body), 400)
    await refused(served, request("POST", "/", ["Transfer-Encoding: chunked, gzip"], body), 400)
    await refused(
      served,
      request("POST", "/", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], body),
      400
    )
    await refused(served, request("POST", "/", ["Transfer-Encoding: gzip, chunked"], body), 501)
    expect(served.log.text).not.toContain("smuggled")
  }))

it("row 47: lengths that differ are refused, equal ones are one", async () => {
  const app: App = async (env, startResponse) => {
    const body = await env["wsgi.input"].read()
    startResponse("200 OK", plain)
    return `${env.CONTENT_LENGTH} ${body.toString()}`
  }
  await withServer(app, {}, async (served) => {
    await refused(served, request("POST", "/", ["Content-Length: 2", "Content-Length: 3"], "abc"), 400)
    await refused(served, request("POST", "/", ["Content-Length: 2, 3"], "abc"), 400)
    for (const lengths of [["Content-Length: 3", "Content-Length: 3"], ["Content-Length: 3, 3"]]) {
      expect((await served.ask(request("POST", "/", [...lengths], "abc"))).body.toString()).toBe("3 abc")
    }
  })
})

it("row 49: HTTP/1.0 has no transfer codings, and Chunked is chunked", () =>
  withServer(echo, {}, async (served) => {
    const body = chunked(["abc"])
    await refused(served, head("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked") + body, 400)
    expect((await served.ask(request("POST", "/", ["transfer-encoding: CHUNKED"], body))).body.toString()).toBe("abc")
  }))

it("a request line longer than what is read ahead is read to its end", () =>
  withServer(where, { urlLengthLimit: 300_000 }, async ({ ask }) => {
    const path = `/${"x".repeat(200_000)}`
    expect(JSON.parse((await ask(get(path))).body.toString())).toContain(path)
  }))
