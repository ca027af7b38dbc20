/** Responses: eventlet's tests by their names, and the rows that none of them proves. */
import type { App } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head, request } from "../utils/requests.js"
import { hello, plain, withServer } from "../utils/serving.js"

/** Parts without a known length. */
const partsApp = (...parts: ReadonlyArray<string>): App => (_env, startResponse) => {
  startResponse("200 OK", plain)
  return parts.values()
}

const threeParts = partsApp("this", "is", "chunked")

describe("framing", () => {
  it("test_009_chunked_response", () =>
    withServer(threeParts, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const response = await client.response()
      expect(response.all("Transfer-Encoding")).toEqual(["chunked"])
      expect(response.get("Content-Length")).toBeUndefined()
      expect(response.body.toString()).toBe("thisischunked")
      await client.whenEnded()
    }))

  it("test_010_no_chunked_http_1_0", () =>
    withServer(threeParts, {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: close"))
      const text = (await client.all()).toString()
      expect(text).not.toMatch(/transfer-encoding/i)
      expect(text).toMatch(/\r\n\r\nthisischunked$/)
    }))

  it("test_close_chunked_with_1_0_client", () =>
    withServer(threeParts, {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: keep-alive"))
      const response = await client.response()
      expect(response.all("Connection")).toEqual(["close"])
      expect(response.get("Transfer-Encoding")).toBeUndefined()
      expect(response.body.toString()).toBe("thisischunked")
    }))

  it("test_011_multiple_chunks", () =>
    withServer(partsApp(...Array.from({ length: 10 }, () => "a".repeat(8192))), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const response = await client.response()
      expect(response.chunks.length).toBeGreaterThan(1)
      expect(response.body.toString()).toBe("a".repeat(81_920))
      expect(await client.all()).toHaveLength(0)
    }))

  it("test_zero_length_chunked_response", () =>
    withServer(partsApp(""), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const head = await client.head()
      expect(head.get("Transfer-Encoding")).toBe("chunked")
      expect((await client.all()).toString()).toBe("0\r\n\r\n")
    }))

  it("test_chunked_response_when_app_yields_empty_string", () => {
    const app: App = (env, startResponse) => {
      env["eventlet.minimum_write_chunk_size"] = 0
      startResponse("200 OK", plain)
      return ["stuff", "", "more stuff"].values()
    }
    return withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const head = await client.head()
      expect(head.get("Transfer-Encoding")).toBe("chunked")
      expect((await client.all()).toString()).toBe("5\r\nstuff\r\na\r\nmore stuff\r\n0\r\n\r\n")
    })
  })

  it("test_016_repeated_content_length", () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", [["Content-Length", "7"]])
      return ["testing"]
    }
    return withServer(app, {}, async ({ ask }) => {
      const response = await ask(get("/a", "Connection: close"))
      expect(response.all("Content-Length")).toEqual(["7"])
      expect(response.body.toString()).toBe("testing")
    })
  })

  it("test_no_transfer_encoding_in_empty_response", () => {
    const app: App = (env, startResponse) => {
      startResponse(env.PATH_INFO === "/204" ? "204 No Content" : "304 Not Modified", [])
      return [].values()
    }
    return withServer(app, { parser: { requireHost: false } }, async ({ connect }) => {
      const client = await connect()
      for (const path of ["/204", "/304", "/204"]) {
        client.send(head(`GET ${path} HTTP/1.1`))
        const response = await client.response()
        expect(`/${response.status}`).toBe(path)
        expect(response.get("Transfer-Encoding")).toBeUndefined()
        expect(response.get("Content-Length")).toBeUndefined()
        expect(response.get("Connection")).toBeUndefined()
      }
    })
  })
})

describe("parts", () => {
  it("test_015_write", () => {
    const app: App = async (env, startResponse) => {
      const write = startResponse("200 OK", env.PATH_INFO === "/a" ? [...plain, ["Content-Length", "5"]] : plain)
      await write("abcde")
      return []
    }
    return withServer(app, {}, async ({ ask }) => {
      const declared = await ask(get("/a", "Connection: close"))
      expect(declared.get("Content-Length")).toBe("5")
      expect(declared.get("Transfer-Encoding")).toBeUndefined()
      expect(declared.body.toString()).toBe("abcde")
      const undeclared = await ask(get("/b", "Connection: close"))
      expect(undeclared.get("Transfer-Encoding")).toBe("chunked")
      expect(undeclared.body.toString()).toBe("abcde")
    })
  })

  it("test_unicode_with_only_ascii_characters_works", () =>
    withServer(partsApp("oh hai, ", "xxx"), {}, async ({ ask }) => {
      expect((await ask(get("/", "Connection: close"))).body.toString()).toBe("oh hai, xxx")
    }))

  it("test_unicode_with_nonascii_characters_raises_error", async () => {
    // text is UTF-8, and lengths count bytes
    await withServer(partsApp("oh hai, ", "xxx \u0230"), {}, async ({ ask }) => {
      const response = await ask(get("/", "Connection: close"))
      expect(response.status).toBe(200)
      expect(response.body.toString("utf8")).toBe("oh hai, xxx \u0230")
      expect(response.body).toHaveLength(14)
    })
    const whole: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return "xxx \u0230"
    }
    await withServer(whole, {}, async ({ ask }) => {
      const response = await ask(get("/"))
      expect(response.get("Content-Length")).toBe("6")
      expect(response.body.toString("utf8")).toBe("xxx \u0230")
    })
  })

  it("test_error_in_chunked_closes_connection", () => {
    const parts = ["The first part of what was to be said,", "and another, in which all is still well,"]
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (function*() {
        yield* parts
        startResponse("500 Error", plain, new Error("no more to say"))
        yield "never"
      })()
    }
    return withServer(app, { minimumChunkSize: 1 }, async ({ connect, log }) => {
      const client = await connect()
      client.send(get("/"))
      const head = await client.head()
      expect(head.status).toBe(200)
      expect(head.get("Transfer-Encoding")).toBe("chunked")
      // there is no last chunk, so the client can tell
      expect((await client.all()).toString())
        .toBe(parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join(""))
      expect(await log.until(/no more to say/)).toBeDefined()
    })
  })

  it("test_chunked_readline_wsgi_override_minimum_chunk_size", () => {
    const go = gate()
    const app: App = (env, startResponse) => {
      env["eventlet.minimum_write_chunk_size"] = 1
      startResponse("200 OK", [...plain, ["Content-Length", "2"]])
      return (async function*() {
        yield " "
        await go.opened
        yield " "
      })()
    }
    return withServer(app, { minimumChunkSize: 8192 }, async ({ connect }) => {
      const client = await connect()
      client.send(head("POST /yield_spaces/override_min HTTP/1.1", "Host: localhost", "Content-Length: 0"))
      await client.head()
      // the first part has arrived before the second was made
      expect((await client.bytes(1)).toString()).toBe(" ")
      expect(client.unread).toHaveLength(0)
      go.open()
      expect((await client.bytes(1)).toString()).toBe(" ")
    })
  })

  it("test_chunked_readline_wsgi_not_override_minimum_chunk_size", async () => {
    // Parts are gathered as long as the application makes more of them without a pause.
    await withServer(partsApp(" ", " ", " "), {}, async ({ ask }) => {
      expect((await ask(get("/yield_spaces"))).chunks.map(String)).toEqual(["   "])
    })
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (async function*() {
        yield " "
        await Promise.resolve()
        yield " "
      })()
    }
    await withServer(app, {}, async ({ ask }) => {
      expect((await ask(get("/yield_spaces"))).chunks.map(String)).toEqual(["  "])
    })
  })
})

describe("field names", () => {
  it("test_header_name_capitalization", async () => {
    const app: App = (env, startResponse) => {
      startResponse("200 oK", [["sOMe-WEirD", "cAsE"], [
        env.PATH_INFO === "/token" ? "wiTH-mORe" : "wiTH-\xdf",
        "chars"
      ]])
      return [""]
    }
    await withServer(app, {}, async ({ ask, log }) => {
      const response = await ask(get("/token"))
      expect(`${response.version} ${response.status} ${response.reason}`).toBe("HTTP/1.1 200 oK")
      expect(response.fields).toContainEqual(["Some-Weird", "cAsE"])
      expect(response.fields).toContainEqual(["With-More", "chars"])
      // a name that is not a token is refused, and the log says so
      const refused = await ask(get("/latin"))
      expect(refused.status).toBe(500)
      expect(refused.text).not.toContain("\xdf")
      expect(await log.until(/InvalidFieldName/)).toBeDefined()
    })
  })

  it("test_disable_header_name_capitalization", () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 oK", [["eTAg", "TAg-VAluE"], ["content-LENGTH", "0"]])
      return [""]
    }
    return withServer(app, { capitalizeResponseHeaders: false }, async ({ ask }) => {
      const response = await ask(get("/"))
      expect(`${response.version} ${response.status} ${response.reason}`).toBe("HTTP/1.1 200 oK")
      expect(response.fields).toContainEqual(["eTAg", "TAg-VAluE"])
      expect(response.all("content-length")).toEqual(["0"])
    })
  })
})

const declared = (length: number): ReadonlyArray<readonly [string, string]> => [["Content-Length", String(length)]]

it("row 93: a body where there must be none is swallowed, and the connection goes on", () => {
  const app: App = async (env, startResponse) => {
    const status = env.PATH_INFO.slice(1, 4)
    const write = startResponse(`${status} Whatever`, env.PATH_INFO.endsWith("/length") ? declared(4) : [])
    if (env.PATH_INFO.includes("/write")) await write("body")
    return env.PATH_INFO.includes("/parts") ? ["bo", "dy"].values() : "body"
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    const requests = [
      ["HEAD", "/200"],
      ["HEAD", "/200/parts"],
      ["HEAD", "/200/write"],
      ["HEAD", "/200/length"],
      ["GET", "/204"],
      ["GET", "/204/parts"],
      ["GET", "/204/length"],
      ["GET", "/304"],
      ["GET", "/304/write/parts"]
    ]
    for (const [method, path] of requests) {
      client.send(head(`${method} ${path} HTTP/1.1`, "Host: localhost"))
      const response = await client.response(method)
      expect([path, response.status, response.get("Transfer-Encoding"), response.get("Connection")])
        .toEqual([path, Number(path.slice(1, 4)), undefined, undefined])
      if (response.status === 204) expect(response.get("Content-Length")).toBeUndefined()
    }
    client.send(get("/200"))
    expect((await client.response()).body.toString()).toBe("body")
    expect(client.unread).toHaveLength(0)
  })
})

it("row 94: Date is added unless the application gives one; Server never", () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", env.PATH_INFO === "/own" ? [["date", "Thu, 01 Jan 1970 00:00:00 GMT"]] : [])
    return ""
  }
  return withServer(app, {}, async ({ ask }) => {
    const response = await ask(get("/"))
    const [date] = response.all("Date")
    expect(date).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    expect(Math.abs(Date.parse(date) - Date.now())).toBeLessThan(5000)
    expect(response.get("Server")).toBeUndefined()
    expect((await ask(get("/own"))).all("Date")).toEqual(["Thu, 01 Jan 1970 00:00:00 GMT"])
  })
})

it("row 95: a field that would split the response is refused", () => {
  const heads: Record<string, readonly [string, ReadonlyArray<readonly [string, string]>]> = {
    "/value": ["200 OK", [["X-A", "b\r\nX-Evil: c"]]],
    "/lf": ["200 OK", [["X-A", "b\nX-Evil: c"]]],
    "/name": ["200 OK", [["X-A: b\r\nX-Evil", "c"]]],
    "/reason": ["200 OK\r\nX-Evil: c", []],
    "/wide": ["200 OK", [["X-A", "\u0d0aX-Evil: c"]]]
  }
  const app: App = (env, startResponse) => {
    startResponse(...heads[env.PATH_INFO])
    return "body"
  }
  return withServer(app, {}, async ({ ask, log }) => {
    for (const path of Object.keys(heads)) {
      const response = await ask(get(path))
      expect([path, response.status]).toEqual([path, 500])
      expect(response.text).not.toContain("Evil")
    }
    expect(await log.until(/InvalidFieldValue/)).toBeDefined()
  })
})

it("row 96: an application can close the connection, and is not doubled", () => {
  const app: App = (_env, startResponse) => {
    startResponse("200 OK", [["Connection", "close"]])
    return "last"
  }
  return withServer(app, {}, async ({ connect }) => {
    for (const field of ["Connection: close", "Connection: keep-alive"]) {
      const client = await connect()
      client.send(get("/", field))
      const response = await client.response()
      expect(response.all("Connection")).toEqual(["close"])
      expect(response.body.toString()).toBe("last")
      await client.whenEnded()
    }
  })
})

it("row 96: a body that is too long is cut at its length, and the connection closed", () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", declared(3))
    return env.PATH_INFO === "/parts" ? ["ab", "cd", "ef"].values() : env.PATH_INFO === "/array" ? ["ab", "cd"] : "abcd"
  }
  return withServer(app, {}, async ({ connect, log }) => {
    for (const path of ["/", "/parts", "/array"]) {
      const client = await connect()
      client.send(get(path))
      expect((await client.response()).body.toString()).toBe("abc")
      expect(await client.all()).toHaveLength(0)
    }
    expect(await log.until(/BodyTooLong/)).toBeDefined()
  })
})

it("row 96: a body that is too short is a failure, and ends with the connection where it has begun", () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", declared(10))
    return env.PATH_INFO === "/parts" ? ["ab", "c"].values() : env.PATH_INFO === "/array" ? ["ab", "c"] : "abc"
  }
  return withServer(app, { minimumChunkSize: 1 }, async ({ ask, connect, log }) => {
    const client = await connect()
    client.send(get("/parts"))
    const response = await client.head()
    expect([response.status, response.get("Content-Length")]).toEqual([200, "10"])
    expect((await client.all()).toString()).toBe("abc")
    // the length is known before anything has left
    for (const path of ["/", "/array"]) expect([path, (await ask(get(path))).status]).toEqual([path, 500])
    expect(await log.until(/BodyTooShort/)).toBeDefined()
  })
})

it("row 96: answers to earlier requests are not lost with one that is cut", () => {
  const app: App = (env, startResponse) => {
    if (env.PATH_INFO === "/whole") return hello(env, startResponse)
    startResponse("200 OK", declared(10))
    return ["ab", "c"].values()
  }
  return withServer(app, { minimumChunkSize: 1 }, async ({ connect }) => {
    const client = await connect()
    client.send(get("/whole") + get("/whole") + get("/cut") + get("/whole"))
    for (let i = 0; i < 2; i++) expect((await client.response()).body.toString()).toBe("hello world")
    expect((await client.all()).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nabc$/)
  })
})

it("row 98: any reason phrase is kept, and none is the registered one", () => {
  const app: App = (env, startResponse) => {
    startResponse(decodeURIComponent(env.RAW_PATH_INFO.slice(1)), [])
    return ""
  }
  return withServer(app, {}, async ({ ask }) => {
    for (const [given, sent] of [["299 fine by me", "299 fine by me"], ["404", "404 Not Found"], ["404 ", "404 "]]) {
      const { reason, status } = await ask(get(`/${encodeURIComponent(given)}`))
      expect(`${status} ${reason}`).toBe(sent)
    }
    for (const given of ["OK", "20 OK", "2000 OK", "200OK", "-200 OK"]) {
      expect([given, (await ask(get(`/${encodeURIComponent(given)}`))).status]).toEqual([given, 500])
    }
  })
})

it("row 99: with errorInfo, a head that has not left is replaced", () => {
  const app: App = (_env, startResponse) => {
    startResponse("200 OK", [["X-First", "1"]])
    return (function*() {
      yield "not sent yet"
      startResponse("503 Later", [["X-Second", "2"]], new Error("changed its mind"))
      yield "sorry"
    })()
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    const response = await client.response()
    expect([response.status, response.reason, response.get("X-First"), response.get("X-Second")])
      .toEqual([503, "Later", undefined, "2"])
    expect(response.body.toString()).toBe("sorry")
  })
})

it("row 100: a body without a head, and a second head, are failures", () => {
  const apps: Record<string, App> = {
    "/none": () => "body",
    "/none/parts": () => ["bo", "dy"].values(),
    "/none/empty": () => [],
    "/twice": (env, startResponse) => {
      startResponse("200 OK", [])
      return hello(env, startResponse)
    }
  }
  return withServer((env, startResponse) => apps[env.PATH_INFO](env, startResponse), {}, async ({ ask, log }) => {
    for (const path of Object.keys(apps)) {
      const response = await ask(get(path))
      expect([path, response.status, response.body.length]).toEqual([path, 500, 0])
    }
    expect(await log.until(/HeadNotSet/)).toBeDefined()
    expect(await log.until(/HeadAlreadySet/)).toBeDefined()
  })
})

it("row 101: what is held back is dropped when the application fails", () => {
  const app: App = (_env, startResponse) => {
    startResponse("200 OK", plain)
    return (async function*() {
      yield "x".repeat(4095)
      throw new Error("too early")
    })()
  }
  return withServer(app, {}, async ({ ask }) => {
    const response = await ask(get("/"))
    expect([response.status, response.body.length]).toEqual([500, 0])
  })
})

it("row 102: the body is closed before the hooks run, and these before the line is written", async () => {
  const order: Array<string> = []
  const left = gate()
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([() => order.push("hook")])
    const signal = env["tsgi.signal"]
    startResponse("200 OK", plain)
    return (async function*() {
      try {
        yield "x".repeat(5000)
        if (env.PATH_INFO === "/left") {
          await new Promise((resolve) => signal.addEventListener("abort", resolve))
          left.open()
        }
        if (env.PATH_INFO === "/failed") throw new Error("failed")
        yield "more"
      } finally {
        await new Promise((resolve) => setImmediate(resolve))
        order.push("closed")
      }
    })()
  }
  for (const path of ["/whole", "/failed", "/left"]) {
    order.length = 0
    const logFormat = (): string => {
      order.push("line")
      return "the line"
    }
    await withServer(app, { logFormat }, async ({ connect, log }) => {
      const client = await connect()
      client.send(get(path))
      await client.head()
      if (path === "/left") {
        client.reset()
        await left.opened
      }
      await log.until(/the line/)
      expect([path, ...order]).toEqual([path, "closed", "hook", "line"])
    })
  }
})

it("row 103: an application that takes the socket has it for itself, with what had been received", async () => {
  const order: Array<string> = []
  const app: App = (env) => {
    env["eventlet.posthooks"].push([() => order.push("hook")])
    const socket = env["wsgi.input"].getSocket()
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
    socket.on("data", (data: Buffer) => {
      socket.write(data)
      if (data.includes("!")) {
        order.push("end")
        socket.end()
      }
    })
    socket.resume()
    return "never sent"
  }
  await withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    client.send(get("/", "Connection: upgrade", "Upgrade: echo") + "early")
    expect((await client.head()).status).toBe(101)
    expect((await client.bytes(5)).toString()).toBe("early")
    expect(log.access).toHaveLength(0)
    client.send("bye!")
    expect((await client.all()).toString()).toBe("bye!")
    client.close()
    expect(await log.until(/"GET \/ HTTP\/1\.1"/)).toBeDefined()
    expect(order).toEqual(["end", "hook"])
    expect(log.text).not.toContain("failed")
  })
})

it("writes made at once all settle", () => {
  const part = new Uint8Array(4 << 20)
  const app: App = async (_, startResponse) => {
    const write = startResponse("200 OK", plain)
    await Promise.all([write(part), write(part), write(part), write(part)])
    return "end"
  }
  return withServer(app, {}, async ({ ask }) => {
    expect((await ask(get("/"))).body.length).toBe(4 * part.length + 3)
  })
})

it("a 205 has no content, whatever the application gives", () => {
  const app: App = (_, startResponse) => {
    startResponse("205 Reset Content", declared(4))
    return "text"
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/").repeat(2))
    for (let i = 0; i < 2; i++) {
      const response = await client.response()
      expect([response.status, response.get("content-length"), response.body.length]).toEqual([205, "0", 0])
    }
  })
})

it("HEAD is answered at once, and the body that will not be sent is closed", async () => {
  const closed = gate()
  const app: App = (_, startResponse) => {
    startResponse("200 OK", plain)
    return (async function*() {
      try {
        while (true) {
          yield "x".repeat(10_000)
          await new Promise((resolve) => setImmediate(resolve))
        }
      } finally {
        closed.open()
      }
    })()
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(request("HEAD", "/"))
    expect((await client.head()).status).toBe(200)
    await closed.opened
  })
})

it("a body without end leaves others their turn", () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    if (env.PATH_INFO === "/other") return "other"
    return (function*() {
      while (true) {
        const until = performance.now() + 1
        while (performance.now() < until);
        yield new Uint8Array(2048)
      }
    })()
  }
  return withServer(app, { logOutput: false, timeouts: { interrupt: 50 } }, async ({ ask, connect }) => {
    const endless = await connect()
    endless.send(get("/"))
    await endless.head()
    expect((await ask(get("/other"))).body.toString()).toBe("other")
  })
})
