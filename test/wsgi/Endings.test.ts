/** What an application does after its end, or beside it, harms neither itself nor the requests behind it. */
import { type App, BodyError, InterimError, listen, type PostHookEntry, server, type ServerOptions } from "tsgi"
import type { WireClient } from "tsgi/testing"
import { expect, it } from "vitest"
import { connect } from "../utils/sockets.js"

interface Deferred<A> {
  readonly promise: Promise<A>
  readonly resolve: (value: A) => void
}

const deferred = <A>(): Deferred<A> => {
  let resolve!: (value: A) => void
  const promise = new Promise<A>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

const withServer = async (
  app: App,
  talk: (client: WireClient, lines: ReadonlyArray<string>) => Promise<void>,
  options: ServerOptions = {}
): Promise<void> => {
  const lines: Array<string> = []
  const running = server(listen(), app, { log: (line) => lines.push(line), ...options })
  const client = await connect(await running.ready)
  try {
    await talk(client, lines)
  } finally {
    client.close()
    await running.stop({ grace: 0 })
  }
}

const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`

it("a read after the end is refused and takes nothing from the next request", async () => {
  const late = deferred<unknown>()
  const one = deferred<Parameters<App>[0]["wsgi.input"]>()
  await withServer(async (env, startResponse) => {
    startResponse("200 OK", [])
    const input = env["wsgi.input"]
    if (env.PATH_INFO === "/one") {
      one.resolve(input)
      return "one"
    }
    late.resolve((await one.promise).read(6).catch((error: unknown) => error))
    return input.read()
  }, async (client) => {
    client.send(post("/one", "first"))
    await client.response()
    client.send(post("/two", "secret"))
    expect((await client.response()).body.toString()).toBe("secret")
    const refused = await late.promise
    expect(refused).toBeInstanceOf(BodyError)
    expect(refused).toMatchObject({ reason: "Closed" })
  })
})

it("a read that waits is refused when the answer is out", async () => {
  const read = deferred<unknown>()
  await withServer((env, startResponse) => {
    startResponse("200 OK", [])
    if (env.PATH_INFO === "/one") read.resolve(env["wsgi.input"].read().catch((error: unknown) => error))
    return "hello"
  }, async (client) => {
    client.send("POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12")
    await client.response()
    expect(await read.promise).toMatchObject({ reason: "Closed" })
    client.send("345" + post("/two", ""))
    expect((await client.response()).body.toString()).toBe("hello")
  })
})

it("a hook that reads the body does not lose the request behind it", async () => {
  const read = deferred<unknown>()
  const hook: PostHookEntry = [async (env) => {
    read.resolve(await env["wsgi.input"].read().catch((error: unknown) => error))
  }]
  await withServer((env, startResponse) => {
    startResponse("200 OK", [])
    if (env.PATH_INFO === "/one") env["eventlet.posthooks"].push(hook)
    return env.PATH_INFO
  }, async (client) => {
    client.send(post("/one", "abc") + post("/two", ""))
    expect((await client.response()).body.toString()).toBe("/one")
    expect((await client.response()).body.toString()).toBe("/two")
    expect(await read.promise).toMatchObject({ reason: "Closed" })
  })
})

it("writes made at once all settle", async () => {
  const part = new Uint8Array(4 << 20)
  await withServer(async (_, startResponse) => {
    const write = startResponse("200 OK", [])
    await Promise.all([write(part), write(part), write(part), write(part)])
    return "end"
  }, async (client) => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await client.response()).body.length).toBe(4 * part.length + 3)
  })
})

it("an application that fails with the socket in its hands loses it, and its hooks run", async () => {
  const ran = deferred<unknown>()
  await withServer((env) => {
    env["eventlet.posthooks"].push([(env) => ran.resolve(env["tsgi.outcome"])])
    env["wsgi.input"].getSocket()
    throw new Error("halfway")
  }, async (client, lines) => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await client.all()).length).toBe(0)
    expect(await ran.promise).toMatchObject({ _tag: "Failed", error: { message: "halfway" } })
    expect(lines.join("\n")).toContain("halfway")
  })
})

it("a request line longer than what is read ahead is read to its end", async () => {
  const path = `/${"x".repeat(200_000)}`
  await withServer((env, startResponse) => {
    startResponse("200 OK", [])
    return String(env.PATH_INFO.length)
  }, async (client) => {
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect((await client.response()).body.toString()).toBe(String(path.length))
  }, { urlLengthLimit: 300_000 })
})

it("a read that fails at once and is looked at later is no unhandled rejection", async () => {
  const unhandled: Array<unknown> = []
  const hear = (error: unknown): unknown => unhandled.push(error)
  process.on("unhandledRejection", hear)
  try {
    await withServer(async (env, startResponse) => {
      const read = env["wsgi.input"].read()
      await new Promise((resolve) => setTimeout(resolve, 5))
      const error: unknown = await read.catch((error: unknown) => error)
      startResponse("200 OK", [])
      return error instanceof BodyError ? error.reason : "read"
    }, async (client) => {
      client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
      expect((await client.response()).body.toString()).toBe("BadChunk")
    })
  } finally {
    process.off("unhandledRejection", hear)
  }
  expect(unhandled).toEqual([])
})

it("fields of a 100 that cannot be sent are refused where they are set", async () => {
  await withServer((env, startResponse) => {
    const input = env["wsgi.input"]
    let refused: unknown = undefined
    try {
      input.setHundredContinueResponseHeaders([["X", "a\r\nb"]])
    } catch (error) {
      refused = error
    }
    startResponse("200 OK", [])
    return refused instanceof InterimError ? refused.reason : "taken"
  }, async (client) => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await client.response()).body.toString()).toBe("InvalidHeader")
  })
})

it("what the operator adds to environ is never mixed with what a client sends", async () => {
  await withServer((env, startResponse) => {
    startResponse("200 OK", [])
    return JSON.stringify([env.HTTP_X_TENANT, env.HTTP_X_OTHER, env.HTTP_X_TWICE])
  }, async (client) => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: mine\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n")
    expect(JSON.parse((await client.response()).body.toString())).toEqual(["mine", "operator", "1, 2"])
  }, { environ: { HTTP_X_TENANT: "operator", HTTP_X_OTHER: "operator", HTTP_X_TWICE: "operator" } })
})

it("the host of an absolute target is the host, whatever the field says", async () => {
  await withServer((env, startResponse) => {
    startResponse("200 OK", [])
    return JSON.stringify([env.HTTP_HOST, env.headers_raw[0]])
  }, async (client) => {
    client.send("GET http://real.example/p HTTP/1.1\r\nHost: other\r\n\r\n")
    expect(JSON.parse((await client.response()).body.toString())).toEqual(["real.example", ["Host", "real.example"]])
  })
})

it("a 205 has no content, whatever the application gives", async () => {
  await withServer((_, startResponse) => {
    startResponse("205 Reset Content", [["Content-Length", "4"]])
    return "text"
  }, async (client) => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2))
    for (let i = 0; i < 2; i++) {
      const response = await client.response()
      expect([response.status, response.get("content-length"), response.body.length]).toEqual([205, "0", 0])
    }
  })
})

it("HEAD is answered at once, and the body that nobody will see is closed", async () => {
  const closed = deferred<string>()
  await withServer((_, startResponse) => {
    startResponse("200 OK", [])
    return (async function*() {
      try {
        while (true) {
          yield "x".repeat(10_000)
          await new Promise((resolve) => setImmediate(resolve))
        }
      } finally {
        closed.resolve("closed")
      }
    })()
  }, async (client) => {
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await client.head()).status).toBe(200)
    expect(await closed.promise).toBe("closed")
  })
})

it("a client that resets within a head has its line in the log", async () => {
  const line = deferred<string>()
  const running = server(listen(), () => "", {
    log: (text) => {
      if (text.startsWith("GET /half")) line.resolve(text)
    },
    logFormat: "%(request_line)s %(status_code)s %(reason)s %(wire_bytes)s"
  })
  const client = await connect(await running.ready)
  client.send("GET /half HTTP/1.1\r\nHost: a\r\n")
  const other = await connect(await running.ready)
  // when this one is refused, the other's bytes have been read
  other.send("GET / HTTP/1.1\r\n\r\n")
  await other.all()
  client.reset()
  expect(await line.promise).toBe("GET /half HTTP/1.1 400 IncompleteHead 0")
  await running.stop({ grace: 0 })
})

it("a size that is no number of bytes is refused", async () => {
  await withServer(async (env, startResponse) => {
    const size = Number("abc")
    const error: unknown = await env["wsgi.input"].read(size).catch((error: unknown) => error)
    startResponse("200 OK", [])
    return error instanceof Error ? `${error.name}: ${error.message}` : "read"
  }, async (client) => {
    client.send(post("/", "abc"))
    expect((await client.response()).body.toString()).toMatch(/size/)
  })
})

it("a failure that cannot be rendered is answered all the same where failures are shown", async () => {
  await withServer(() => {
    const error = new Error("round and round")
    error.cause = error
    throw error
  }, async (client) => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    const response = await client.response()
    expect([response.status, response.body.toString()]).toEqual([500, expect.stringContaining("round and round")])
  }, { debug: true })
})
