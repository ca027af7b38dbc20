/** Reading the request body: eventlet's tests by their names, and the rows that none of them proves. */
import { type App, BodyError, listen, wrapTls } from "tsgi"
import { describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { chunked, get, head, post, postChunked, request } from "../utils/requests.js"
import { echo, hello, plain, withServer } from "../utils/serving.js"

const parts = ["this", " is ", "chunked", "\nline", " 2", "\n", "line3"]

/** An application with many ways to read. */
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

/** Sends a body to a path, reads the answer, and sends another request on the same connection. */
const readOnce = async (path: string, fields: ReadonlyArray<string>, body: string, options = {}): Promise<string> => {
  let answer = ""
  await withServer(reader, options, async ({ connect }) => {
    const client = await connect()
    client.send(request("POST", path, fields, body))
    const response = await client.response()
    expect(response.status).toBe(200)
    answer = response.body.toString()
    client.send(get("/ping"))
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
    const lenient = { parser: { allowControlsInChunkExtensions: true } }
    expect(await readOnce("/ping", chunkedField, dirty, lenient)).toBe("pong")
    expect(await readOnce("/ping", chunkedField, chunked(parts, "; here is=dirt"))).toBe("pong")
    await withServer(reader, {}, async ({ ask }) => {
      expect((await ask(request("POST", "/ping", chunkedField, dirty))).status).toBe(400)
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
        return (await ask(postChunked("/", chunked(pieces), `Content-Type: ${type}`))).body.toString()
      }
      expect(await form("application/x-www-form-urlencoded", "oh=hai")).toBe("hello [[\"oh\",\"hai\"]]!")
      expect(await form("multipart/form-data; boundary=edge", multipart)).toBe("hello [[\"oh\",\"hai\"]]!")
    })
  })
})

describe("a body that does not come to its end", () => {
  /** The error of a read when the client sends this and leaves. */
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
    // the client is gone, at whatever byte of the coding it has left
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
      client.send(postChunked("/short-read", "4\r\nthi"))
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
        client.send(postChunked(path, chunked(["0123456789abcdef"])))
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
    // a body that looks like a request is not one, even if it is not read
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

      // HTTP/1.0 has no expectations, so the body follows in any case
      client.send(put("/2", "1.0", "Connection: keep-alive", length, "Expect: 100-continue"))
      client.send(body)
      const second = await client.response()
      expect(second.body.toString()).toBe("answer to /2")
      expect(second.interim).toHaveLength(0)
      expect(second.get("Connection")).toBe("keep-alive")

      // on HTTP/1.1 the body may or may not follow, so no request can follow
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
      client.send(post("/", "abc") + get("/"))
      expect((await client.response()).body.toString()).toBe("abc")
      expect((await client.response()).body.toString()).toBe("")
    }))
})

const chunkedPost = postChunked("/", "")

/** Makes an application that reads the body, and the promise of its error. */
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
    expect((await ask(post("/", "abcde"))).body.toString()).toBe("[\"\",\"a\",\"bcde\",\"\",\"\"]")
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
    client.send(request("POST", "/", ["Content-Length: 10"], "abc"))
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
    client.send(request("POST", "/", ["Content-Length: 10"], "abc"))
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
    client.send(post("/", "a".repeat(100)))
    expect((await client.response()).get("Connection")).toBeUndefined()
    client.send(chunkedPost + chunked(["a".repeat(100)]))
    expect((await client.response()).get("Connection")).toBeUndefined()
    // the body is known to be too long before the answer is sent
    client.send(request("POST", "/", ["Content-Length: 101"]))
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
    client.send(request("POST", "/", ["Content-Length: 10"]))
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

it("a read after the end is refused and takes nothing from the next request", async () => {
  const late = gate<unknown>()
  const one = gate<Parameters<App>[0]["wsgi.input"]>()
  const app: App = async (env, startResponse) => {
    startResponse("200 OK", plain)
    const input = env["wsgi.input"]
    if (env.PATH_INFO === "/one") {
      one.open(input)
      return "one"
    }
    late.open(await (await one.opened).read(6).catch((error: unknown) => error))
    return input.read()
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(post("/one", "first"))
    await client.response()
    client.send(post("/two", "secret"))
    expect((await client.response()).body.toString()).toBe("secret")
    const refused = await late.opened
    expect(refused).toBeInstanceOf(BodyError)
    expect(refused).toMatchObject({ reason: "Closed" })
  })
})

it("a read that waits is refused when the answer is out", async () => {
  const read = gate<unknown>()
  const app: App = (env, startResponse) => {
    if (env.PATH_INFO === "/one") void env["wsgi.input"].read().catch(read.open)
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(request("POST", "/one", ["Content-Length: 5"], "12"))
    await client.response()
    expect(await read.opened).toMatchObject({ reason: "Closed" })
    client.send("345" + post("/two", ""))
    expect((await client.response()).body.toString()).toBe("hello world")
  })
})

it("a read that fails at once and is looked at later is no unhandled rejection", async () => {
  const unhandled: Array<unknown> = []
  const hear = (error: unknown): unknown => unhandled.push(error)
  process.on("unhandledRejection", hear)
  const app: App = async (env, startResponse) => {
    const read = env["wsgi.input"].read()
    await turns(5)
    const error: unknown = await read.catch((error: unknown) => error)
    startResponse("200 OK", plain)
    return error instanceof BodyError ? error.reason : "read"
  }
  try {
    await withServer(app, {}, async ({ ask }) => {
      expect((await ask(postChunked("/", "zz\r\n"))).body.toString()).toBe("BadChunk")
    })
  } finally {
    process.off("unhandledRejection", hear)
  }
  expect(unhandled).toEqual([])
})

it("a size that is no number of bytes is refused", () => {
  const app: App = async (env, startResponse) => {
    const error: unknown = await env["wsgi.input"].read(Number("abc")).catch((error: unknown) => error)
    startResponse("200 OK", plain)
    return error instanceof Error ? `${error.name}: ${error.message}` : "read"
  }
  return withServer(app, {}, async ({ ask }) => {
    expect((await ask(post("/", "abc"))).body.toString()).toMatch(/size/)
  })
})
