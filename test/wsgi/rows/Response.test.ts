/** A7: rows about responses that no name of eventlet's proves. */
import type { App } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../../utils/gate.js"
import { get, head } from "../../utils/requests.js"
import { hello, plain, withServer } from "../../utils/serving.js"

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
    // known before anything has left
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

it("row 103: who takes the socket has it for itself, with what had been received", async () => {
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
