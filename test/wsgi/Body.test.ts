/** A5: reading the request body. */
import { type App, BodyError } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { chunked, get, head } from "../utils/requests.js"
import { echo, hello, plain, withServer } from "../utils/serving.js"

const parts = ["this", " is ", "chunked", "\nline", " 2", "\n", "line3"]
const post = (path: string, ...fields: ReadonlyArray<string>): string => head(`POST ${path} HTTP/1.1`, ...fields)
const noHost = { parser: { requireHost: false } }

/** One application for many ways to read. */
const reader: App = async (env, startResponse) => {
  const input = env["wsgi.input"]
  const answer: Array<Buffer | string> = []
  switch (env.PATH_INFO) {
    case "/short-read":
      answer.push(await input.read(10))
      break
    case "/lines":
      for await (const piece of input) answer.push(piece)
      break
    case "/readline": {
      let line = await input.readline()
      while (line.length > 0) {
        answer.push(line)
        line = await input.readline()
      }
      answer.push(`\nread ${answer.length} lines`)
      break
    }
    case "/readlines": {
      const lines = await input.readlines()
      answer.push(...lines, `\nread ${lines.length} lines`)
      break
    }
    case "/whole":
      answer.push(await input.read())
      break
    case "/4096":
    case "/1": {
      const size = Number(env.PATH_INFO.slice(1))
      let piece = await input.read(size)
      while (piece.length > 0) {
        answer.push(piece)
        piece = await input.read(size)
      }
      break
    }
    case "/ping":
      await input.read()
      answer.push("pong")
      break
    default:
      throw new Error("no such path")
  }
  startResponse("200 OK", plain)
  return answer
}

/** Sends a body to a path, reads the answer, and asks for another on the same connection. */
const readOnce = async (path: string, fields: ReadonlyArray<string>, body: string, options = {}): Promise<string> => {
  let answer = ""
  await withServer(reader, { ...noHost, ...options }, async ({ connect }) => {
    const client = await connect()
    client.send(post(path, ...fields) + body)
    const response = await client.response()
    expect(response.status).toBe(200)
    answer = response.body.toString()
    client.send(head("GET /ping HTTP/1.1"))
    expect((await client.response()).body.toString()).toBe("pong")
  })
  return answer
}

const chunkedField = ["transfer-encoding: Chunked"]

describe("a body of a length", () => {
  it("test_007_get_arg", async () => {
    const app: App = async (env, startResponse) => {
      const body = (await env["wsgi.input"].read()).toString()
      startResponse("200 OK", plain)
      return `a is ${new URLSearchParams(body).get("a")}, body is ${body}`
    }
    await withServer(app, {}, async ({ ask }) => {
      const junk = "01234567890123456789"
      const response = await ask(head("POST / HTTP/1.0", "Host: localhost", "Content-Length: 3") + "a=a" + junk)
      expect(response.body.toString()).toBe("a is a, body is a=a")
    })
  })

  it("test_short_read_with_content_length", async () => {
    const text = parts.join("")
    expect(await readOnce("/short-read", [`Content-Length: ${text.length}`], text)).toBe("this is ch")
  })

  it("test_short_read_with_zero_content_length", async () => {
    expect(await readOnce("/short-read", ["Content-Length: 0"], "")).toBe("")
  })

  it("test_032_wsgi_input_as_iterable", async () => {
    let pieces = 0
    const app: App = async function*(env, startResponse) {
      startResponse("200 OK", plain)
      for await (const piece of env["wsgi.input"]) {
        pieces++
        yield piece
      }
    } as (...given: Parameters<App>) => AsyncIterable<Buffer>
    const upload = "123456789abcdef".repeat(100)
    await withServer(app, {}, async ({ ask }) => {
      const response = await ask(
        head("POST / HTTP/1.0", "Host: localhost", `Content-Length: ${upload.length}`) + upload
      )
      expect(response.body.toString()).toBe(upload)
      expect(pieces).toBe(1)
    })
  })
})

describe("a chunked body", () => {
  it("test_014_chunked_post", async () => {
    for (const path of ["/whole", "/4096", "/1"]) {
      expect(await readOnce(path, chunkedField, chunked(["oh", " hai"]))).toBe("oh hai")
    }
  })

  it("test_short_read", async () => {
    expect(await readOnce("/short-read", chunkedField, chunked(parts))).toBe("this is ch")
  })

  it("test_dirt", async () => {
    const dirty = chunked(parts, "; here is dirt\0bla")
    const lenient = { parser: { requireHost: false, allowControlsInChunkExtensions: true } }
    expect(await readOnce("/ping", chunkedField, dirty, lenient)).toBe("pong")
    expect(await readOnce("/ping", chunkedField, chunked(parts, "; here is=dirt"))).toBe("pong")
    await withServer(reader, noHost, async ({ ask }) => {
      expect((await ask(post("/ping", ...chunkedField) + dirty)).status).toBe(400)
    })
  })

  it("test_chunked_readline", async () => {
    expect(await readOnce("/lines", chunkedField, chunked(parts))).toBe("this is chunked\nline 2\nline3")
  })

  it("test_chunked_readline_from_input", async () => {
    expect(await readOnce("/readline", chunkedField, chunked(parts)))
      .toBe("this is chunked\nline 2\nline3\nread 3 lines")
  })

  it("test_chunked_readlines_from_input", async () => {
    expect(await readOnce("/readlines", chunkedField, chunked(parts)))
      .toBe("this is chunked\nline 2\nline3\nread 3 lines")
  })

  it("test_019_fieldstorage_compat", async () => {
    const app: App = async (env, startResponse) => {
      const form = await new Response(await env["wsgi.input"].read(), {
        headers: { "Content-Type": env.CONTENT_TYPE ?? "" }
      }).formData()
      startResponse("200 OK", plain)
      return `hello ${JSON.stringify([...form])}!`
    }
    const multipart = [
      "--edge",
      "Content-Disposition: form-data; name=\"oh\"",
      "",
      "hai",
      "--edge--",
      ""
    ].join("\r\n")
    await withServer(app, {}, async ({ ask }) => {
      const form = async (type: string, body: string): Promise<string> => {
        const pieces = [body.slice(0, 2), body.slice(2)]
        const request = post("/", "Host: localhost", `Content-Type: ${type}`, "Transfer-Encoding: chunked")
        return (await ask(request + chunked(pieces))).body.toString()
      }
      expect(await form("application/x-www-form-urlencoded", "oh=hai")).toBe("hello [[\"oh\",\"hai\"]]!")
      expect(await form("multipart/form-data; boundary=edge", multipart)).toBe("hello [[\"oh\",\"hai\"]]!")
    })
  })
})

describe("a body that does not come to its end", () => {
  /** What a read ends with when the client sends this and leaves. */
  const blownBy = async (body: string): Promise<unknown> => {
    const reading = gate<unknown>()
    const app: App = async (env, startResponse) => {
      let content = "read"
      try {
        await env["wsgi.input"].read(4096)
      } catch (error) {
        reading.open(error)
        content = "ok"
      }
      startResponse("200 OK", plain)
      return content
    }
    let error: unknown
    await withServer(app, {}, async ({ ask, connect }) => {
      const client = await connect()
      client.send(head("PUT /somefile HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked") + body)
      client.close()
      error = await reading.opened
      expect((await ask(get("/"))).status).toBe(200)
    })
    return error
  }

  it("test_aborted_chunked_post", async () => {
    const error = await blownBy("def\r\na bunch of stuff")
    expect(error).toBeInstanceOf(BodyError)
    expect(error).toMatchObject({ reason: "Disconnected" })
  })

  it("test_aborted_chunked_post_between_chunks", async () => {
    const error = await blownBy(`db\r\n${"A".repeat(0xdb)}`)
    expect(error).toBeInstanceOf(BodyError)
    // the client is gone, wherever in the coding it left
    expect(error).toMatchObject({ reason: "Disconnected" })
  })

  it("test_aborted_chunked_post_bad_chunks", async () => {
    const error = await blownBy("cats\r\nlook here is some data for you")
    expect(error).toBeInstanceOf(BodyError)
    expect(error).toMatchObject({ reason: "BadChunk", status: 400 })
  })

  it("test_aborted_post_io_error", async () => {
    const ran = gate()
    const app: App = (env, startResponse) => {
      env["eventlet.posthooks"] = [[() => ran.open()]]
      startResponse("200 OK", plain)
      return "ok"
    }
    await withServer(app, {}, async ({ connect, log }) => {
      const client = await connect()
      client.send(
        head("PUT /somefile HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked") + "20\r\nnot 32 bytes"
      )
      client.close()
      await ran.opened
      expect(await log.until(/"PUT \/somefile HTTP\/1\.1"/)).toBeDefined()
    })
  })

  it("test_close_before_finished", async () => {
    const failed = gate<unknown>()
    let reads = 0
    const app: App = async (env, startResponse) => {
      if (env.REQUEST_METHOD === "GET") return hello(env, startResponse)
      try {
        while (true) {
          reads++
          await env["wsgi.input"].read(10)
        }
      } catch (error) {
        failed.open(error)
        throw error
      }
    }
    await withServer(app, {}, async ({ ask, connect, log }) => {
      const client = await connect()
      client.send(post("/short-read", "Host: localhost", ...chunkedField) + "4\r\nthi")
      client.close()
      expect(await failed.opened).toMatchObject({ reason: "Disconnected" })
      expect(reads).toBe(1)
      expect((await ask(get("/"))).status).toBe(200)
      expect(await log.until(/"POST \/short-read/)).toBeDefined()
    })
  })
})

describe("bodies on a kept connection", () => {
  it("test_027_keepalive_chunked", () =>
    withServer(reader, {}, async ({ connect }) => {
      const client = await connect()
      for (const path of ["/whole", "/4096", "/1", "/whole"]) {
        client.send(post(path, "Host: localhost", "Transfer-Encoding: chunked") + chunked(["0123456789abcdef"]))
        const response = await client.response()
        expect(response.body.toString()).toBe("0123456789abcdef")
        expect(response.get("Connection")).toBeUndefined()
      }
    }))

  it("test_018b_http_10_keepalive_framing", async () => {
    const app: App = (env, startResponse) => {
      startResponse("200 OK", plain)
      return `answer to ${env.PATH_INFO}`
    }
    // a body that looks like a request is no request, although nobody reads it
    const body = "GET /tricksy HTTP/1.1\r\n"
    const put = (path: string, version: string, ...fields: ReadonlyArray<string>): string =>
      head(`PUT ${path} HTTP/${version}`, "Host: localhost", ...fields)
    const length = `Content-Length: ${body.length}`
    await withServer(app, {}, async ({ ask, connect }) => {
      const client = await connect()
      client.send(put("/1", "1.0", "Connection: keep-alive", length) + body)
      const first = await client.response()
      expect(first.body.toString()).toBe("answer to /1")
      expect(first.get("Connection")).toBe("keep-alive")

      // HTTP/1.0 knows no expectation: the body follows in any case
      client.send(put("/2", "1.0", "Connection: keep-alive", length, "Expect: 100-continue"))
      client.send(body)
      const second = await client.response()
      expect(second.body.toString()).toBe("answer to /2")
      expect(second.interim).toHaveLength(0)
      expect(second.get("Connection")).toBe("keep-alive")

      // on HTTP/1.1 it may follow or not, so nothing can follow it
      client.send(put("/3", "1.1", "Connection: keep-alive", length, "Expect: 100-continue"))
      client.send(body)
      const third = await client.response()
      expect(third.body.toString()).toBe("answer to /3")
      expect(third.get("Connection")).toBe("close")
      client.send(put("/4", "1.0", "Connection: close"))
      expect(await client.all()).toHaveLength(0)

      const retried = await ask(put("/4", "1.0", "Connection: close"))
      expect(retried.body.toString()).toBe("answer to /4")
      expect(retried.get("Connection")).toBe("close")
    })
  })

  it("reads nothing beyond the length", () =>
    withServer(echo, {}, async ({ connect }) => {
      const client = await connect()
      client.send(`${post("/", "Host: localhost", "Content-Length: 3")}abc${get("/")}`)
      expect((await client.response()).body.toString()).toBe("abc")
      expect((await client.response()).body.toString()).toBe("")
    }))
})
