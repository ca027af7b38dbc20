/**
 * Applications that fail, clients that leave, and deadlines: eventlet's tests by their names, and the rows that none of them
 * proves.
 */
import type { App, Outcome } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { echo, hello, plain, withServer } from "../utils/serving.js"

const stack = /\n\s+at /

describe("an application that fails", () => {
  it("test_exceptions_close_connection", () => {
    const app: App = () => {
      throw new Error("intentional error")
    }
    return withServer(app, {}, async ({ connect, log }) => {
      const client = await connect()
      client.send(get("/"))
      const response = await client.response()
      expect(`${response.version} ${response.status} ${response.reason}`).toBe("HTTP/1.1 500 Internal Server Error")
      expect(response.all("Connection")).toEqual(["close"])
      expect(response.get("Transfer-Encoding")).toBeUndefined()
      expect(response.get("Content-Length")).toBe("0")
      await client.whenEnded()
      expect(await log.until(/intentional error/)).toMatch(stack)
      expect(await log.until(/"GET \/ HTTP\/1\.1" 500 /)).toBeDefined()
    })
  })

  it("test_debug", async () => {
    const app: App = () => {
      throw new RangeError("intentional crash")
    }
    await withServer(app, {}, async ({ ask, log }) => {
      const response = await ask(get("/"))
      expect(response.status).toBe(500)
      expect(response.body).toHaveLength(0)
      expect(response.all("Connection")).toEqual(["close"])
      expect(response.get("Transfer-Encoding")).toBeUndefined()
      expect(await log.until(/RangeError: intentional crash/)).toMatch(stack)
    })
    await withServer(app, { debug: true }, async ({ ask }) => {
      const response = await ask(get("/"))
      expect(response.status).toBe(500)
      expect(response.body.toString()).toMatch(/RangeError: intentional crash\n\s+at /)
      expect(response.all("Connection")).toEqual(["close"])
      expect(response.get("Transfer-Encoding")).toBeUndefined()
    })
  })

  const timedOut = (): DOMException => new DOMException("took too long", "TimeoutError")

  it("test_timeouts_in_app_call", async () => {
    const call: App = async () => {
      await Promise.resolve()
      throw timedOut()
    }
    // the written part is still held, so nothing has left yet
    const early: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (function*() {
        yield "not enough to be sent"
        throw timedOut()
      })()
    }
    for (const app of [call, early]) {
      await withServer(app, {}, async ({ connect }) => {
        const client = await connect()
        client.send(get("/"))
        const response = await client.response()
        expect(response.status).toBe(500)
        expect(response.all("Connection")).toEqual(["close"])
        expect(response.get("Transfer-Encoding")).toBeUndefined()
        expect(response.get("Content-Length")).toBe("0")
        expect(await client.all()).toHaveLength(0)
      })
    }
  })

  it("test_timeouts_in_app_iter", () => {
    const app: App = (env, startResponse) => {
      env["eventlet.minimum_write_chunk_size"] = 1
      startResponse("200 OK", [["Content-Length", "100"]])
      return (async function*() {
        yield "part of it"
        throw timedOut()
      })()
    }
    return withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      const head = await client.head()
      expect(head.status).toBe(200)
      expect(head.get("Content-Length")).toBe("100")
      expect(head.get("Connection")).toBeUndefined()
      expect((await client.all()).toString()).toBe("part of it")
    })
  })
})

describe("a client that leaves", () => {
  it("test_client_disconnect", async () => {
    const outcome = gate<Outcome | undefined>()
    let closed = false
    const app: App = (env, startResponse) => {
      if (env.PATH_INFO === "/short") return hello(env, startResponse)
      env["eventlet.posthooks"].push([(env) => outcome.open(env["tsgi.outcome"])])
      startResponse("200 OK", [["Content-Length", String(2 ** 40)]])
      return (function*() {
        try {
          while (true) yield Buffer.alloc(65_536, "a")
        } finally {
          closed = true
        }
      })()
    }
    await withServer(app, {}, async ({ ask, connect, log }) => {
      const client = await connect()
      client.send(get("/"))
      await client.head()
      client.reset()
      expect(await outcome.opened).toMatchObject({ _tag: "Aborted", reason: "ClientGone", status: 200 })
      expect(closed).toBe(true)
      expect(await log.until(/"GET \/ HTTP\/1\.1" 200 /)).toBeDefined()
      expect(log.text).not.toMatch(stack)
      expect((await ask(get("/short"))).status).toBe(200)
    })
  })
})

describe("deadlines", () => {
  it("test_server_connection_timeout_exception", async () => {
    const reading: App = async (env, startResponse) => {
      await env["wsgi.input"].read()
      return hello(env, startResponse)
    }
    const endless: App = (env, startResponse) => {
      startResponse("200 OK", plain)
      return (function*() {
        while (true) yield Buffer.alloc(65_536, "a")
      })()
    }
    const app: App = (env, startResponse) => (env.REQUEST_METHOD === "PUT" ? reading : endless)(env, startResponse)
    await withServer(app, { socketTimeout: 0.05 }, async ({ connect, log }) => {
      // a deadline within a body
      const sender = await connect()
      sender.send(head("PUT / HTTP/1.1", "Host: localhost", "Content-Length: 10") + "half")
      expect((await sender.response()).status).toBe(408)
      await sender.whenEnded()
      expect(await log.untilDebug(/^\(\d+\) timed out \(127\.0\.0\.1:\d+\)$/)).toBeDefined()
      const before = log.debugLines.length

      // a deadline within an answer that is not read
      const silent = await connect()
      silent.pause()
      silent.send(get("/"))
      await log.until(/"GET \/ HTTP\/1\.1" 200 /)
      expect(log.debugLines.slice(before).some((line) => line.includes("timed out"))).toBe(true)
      expect(log.text).not.toMatch(stack)
    })
  })

  it("test_server_socket_timeout", () =>
    withServer(hello, { socketTimeout: 0.05 }, async ({ connect, log }) => {
      const partial = await connect()
      partial.send("GET / HTTP/1.1\r\n")
      const response = await partial.response()
      expect(response.status).toBe(408)
      expect(response.get("Connection")).toBe("close")
      await partial.whenEnded()
      // a client that has not begun is not answered
      const silent = await connect()
      expect(await silent.all()).toHaveLength(0)
      expect(log.access).toHaveLength(1)
    }))
})

it("row 114: whatever is thrown is answered 500", () => {
  const thrown: Record<string, () => unknown> = {
    "/error": () => new Error("an error"),
    "/text": () => "a text",
    "/nothing": () => undefined,
    "/null": () => null,
    "/object": () => ({ status: 200 })
  }
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    throw thrown[env.PATH_INFO]()
  }
  return withServer(app, {}, async ({ ask, log }) => {
    for (const path of Object.keys(thrown)) {
      const response = await ask(get(path))
      expect([path, response.status, response.get("Connection"), response.body.length]).toEqual([path, 500, "close", 0])
      expect(await log.until(new RegExp(`"GET ${path} HTTP/1\\.1" 500 0 `))).toBeDefined()
    }
  })
})

it("row 114: what is no body is a failure", () => {
  const bodies: Record<string, unknown> = { "/null": null, "/number": 7, "/list": ["a", 7], "/nested": [["a"]] }
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    return bodies[env.PATH_INFO] as string
  }
  return withServer(app, {}, async ({ ask, log }) => {
    for (const path of Object.keys(bodies)) expect([path, (await ask(get(path))).status]).toEqual([path, 500])
    expect(await log.until(/InvalidBody/)).toBeDefined()
  })
})

it("row 117: a body that stops coming is answered 408, a silent connection is not answered", () =>
  withServer(echo, { timeouts: { body: 50, idle: 50 } }, async ({ connect, log }) => {
    const client = await connect()
    client.send(`${head("PUT / HTTP/1.1", "Host: a", "Content-Length: 10")}half`)
    const response = await client.response()
    expect([response.status, response.get("Connection")]).toEqual([408, "close"])
    await client.whenEnded()
    expect(await log.until(/"PUT \/ HTTP\/1\.1" 408 /)).toBeDefined()
    const idle = await connect()
    idle.send(get("/"))
    expect((await idle.response()).status).toBe(200)
    expect(await idle.all()).toHaveLength(0)
  }))

it("row 120: an application at work is told that its client is gone", async () => {
  const reached = gate()
  const aborted = gate<unknown>()
  const app: App = (env) => {
    const signal = env["tsgi.signal"]
    reached.open()
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        aborted.open(signal.reason)
        reject(new Error("as you wish"))
      })
    )
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    await reached.opened
    client.reset()
    expect(await aborted.opened).toMatchObject({
      name: "AbortError",
      message: expect.stringContaining("ClientGone") as string
    })
  })
})

it("row 121: a head that comes byte by byte has one deadline", () =>
  withServer(hello, { timeouts: { head: 100 } }, async ({ connect, log }) => {
    const client = await connect()
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    const dripping = setInterval(() => client.send("a"), 10)
    try {
      expect((await client.response()).status).toBe(408)
      await client.whenEnded()
    } finally {
      clearInterval(dripping)
    }
    expect(await log.until(/" 408 /)).toBeDefined()
  }))

it("an application that fails with the socket in its hands loses it, and its hooks run", async () => {
  const ran = gate<unknown>()
  const app: App = (env) => {
    env["eventlet.posthooks"].push([(env) => ran.open(env["tsgi.outcome"])])
    env["wsgi.input"].getSocket()
    throw new Error("halfway")
  }
  await withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    client.send(get("/"))
    expect((await client.all()).length).toBe(0)
    expect(await ran.opened).toMatchObject({ _tag: "Failed", error: { message: "halfway" } })
    expect(log.text).toContain("halfway")
  })
})

it("a failure whose causes go in a circle is answered where failures are shown", () => {
  const app: App = () => {
    const error = new Error("round and round")
    error.cause = error
    throw error
  }
  return withServer(app, { debug: true }, async ({ ask }) => {
    const response = await ask(get("/"))
    expect([response.status, response.body.toString()]).toEqual([500, expect.stringContaining("round and round")])
  })
})

it("a client that resets within a head has its line in the log", () =>
  withServer(
    hello,
    { logFormat: "%(request_line)s %(status_code)s %(reason)s %(wire_bytes)s" },
    async ({ connect, log }) => {
      const [client, other] = [await connect(), await connect()]
      client.send("GET /half HTTP/1.1\r\nHost: a\r\n")
      // when this one is refused, the other's bytes have been read
      other.send(head("GET / HTTP/1.1"))
      await other.all()
      client.reset()
      expect(await log.until(/^GET \/half/)).toBe("GET /half HTTP/1.1 400 IncompleteHead 0")
    }
  ))
