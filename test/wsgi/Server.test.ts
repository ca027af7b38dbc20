/** The call, its options, its connections and its log: eventlet's tests by their names, and the rows that none of them proves. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type App, BindError, listen, OptionError, server } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { hello, Log, plain, withServer } from "../utils/serving.js"
import { connect, connect as connectTo } from "../utils/sockets.js"
import { startChildren } from "./heirs.js"
import { oneByteAtATime } from "./oneByte.js"

const http10 = head("GET / HTTP/1.0", "Host: localhost")

describe("the server", () => {
  it("test_001_server", () =>
    withServer(hello, {}, async ({ connect, running }) => {
      const client = await connect()
      client.send(http10)
      const text = (await client.all()).toString("latin1")
      expect(text).toMatch(/^HTTP\/1\.[01] 200 OK\r\n/)
      expect(text).toMatch(/\r\n\r\nhello world$/)

      let closed = false
      const closing = running.closed.then((report) => {
        closed = true
        return report
      })
      client.close()
      expect(closed).toBe(false)
      const report = await running.stop()
      expect(await closing).toEqual(report)
    }))

  it("test_socket_remains_open", async () => {
    // Two processes hold the same listening socket; what one of them closes stays open in the other.
    const { address, children: [first, second] } = await startChildren(2)
    await first.serve()
    const before = await connect(address)
    before.send(http10)
    expect((await before.response()).body.toString()).toBe("hello world")
    before.close()
    await first.stop()

    const waiting = await connect(address)
    waiting.send(http10)
    await second.serve()
    expect((await waiting.response()).body.toString()).toBe("hello world")
    waiting.close()
    await second.stop()
  })

  it("test_022_custom_pool", async () => {
    const reached = gate()
    const go = gate()
    const app: App = async (_env, startResponse) => {
      reached.open()
      await go.opened
      startResponse("200 OK", [])
      return "hello world"
    }
    await withServer(app, { maxSize: 5 }, async ({ connect, running }) => {
      const client = await connect()
      client.send(http10)
      await reached.opened
      // the stop waits for the work that still runs
      const stopped = running.stop()
      go.open()
      expect((await client.response()).body.toString()).toBe("hello world")
      client.close()
      expect(await stopped).toMatchObject({ connections: 1, finished: 1, interrupted: 0 })
    })
  })

  it("test_minimum_chunk_size_parameter_leaves_httpprotocol_class_member_intact", async () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", [])
      return ["a", "b", "c"].map((letter) => letter.repeat(3000)).values()
    }
    const chunks = async (options: { readonly minimumChunkSize?: number }): Promise<ReadonlyArray<number>> => {
      let lengths: ReadonlyArray<number> = []
      await withServer(app, options, async ({ ask }) => {
        lengths = (await ask(get("/"))).chunks.map((chunk) => chunk.length)
      })
      return lengths
    }
    expect(await chunks({})).toEqual([6000, 3000])
    expect(await chunks({ minimumChunkSize: 8192 })).toEqual([9000])
    expect(await chunks({})).toEqual([6000, 3000])
  })

  it("test_025_accept_errors", async () => {
    const file = fs.openSync(os.devNull, "r")
    const log = new Log()
    const running = server(listen({ fd: file }), hello, { log })
    const failure: unknown = await running.ready.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BindError)
    expect(String(failure)).toContain(`descriptor ${file}`)
    expect(String(failure)).toContain("EINVAL")
    expect(await running.closed).toMatchObject({ connections: 0 })
  })

  it("test_partial_writes_are_handled", async () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", [["Content-Length", "3"]])
      return ["asd"].values()
    }
    const { listener, writes } = oneByteAtATime()
    await withServer(app, { listener }, async ({ ask }) => {
      const response = await ask(get("/"))
      expect(response.body.toString()).toBe("asd")
      expect(new Set(writes)).toEqual(new Set([1]))
      expect(writes).toHaveLength(response.text.length + 3)
    })
  })
})

describe("the log", () => {
  it("test_026_log_format", () =>
    withServer(hello, { logFormat: "HI %(request_line)s HI" }, async ({ ask, log }) => {
      await ask(get("/yo!"))
      expect(await log.until(/^HI/)).toBe("HI GET /yo! HTTP/1.1 HI")
    }))

  it("test_020_x_forwarded_for", async () => {
    const forwarded = get("/", "X-Forwarded-For: 1.2.3.4, 5.6.7.8")
    const line = async (options: Parameters<typeof withServer>[1]): Promise<string> => {
      let found = ""
      await withServer(hello, options, async ({ ask, log }) => {
        await ask(forwarded)
        found = await log.until(/GET/)
      })
      return found
    }
    expect(await line({ trustedProxies: ["127.0.0.0/8"] })).toMatch(/^1\.2\.3\.4,5\.6\.7\.8,127\.0\.0\.1 - - \[/)
    expect(await line({ trustedProxies: ["127.0.0.1"], logXForwardedFor: false })).toMatch(/^127\.0\.0\.1 - - \[/)
    expect(await line({ trustedProxies: ["10.0.0.0/8"] })).toMatch(/^127\.0\.0\.1 - - \[/)
    expect(await line({})).toMatch(/^127\.0\.0\.1 - - \[/)
  })

  it("test_log_disable", async () => {
    let log = new Log()
    await withServer(hello, { logOutput: false }, async (served) => {
      log = served.log
      await served.ask(get("/", "path-info: foo"))
      await served.ask("broken\r\n\r\n")
    })
    expect(log.text).toBe("")
  })

  it("test_ipv6", async ({ skip }) => {
    const log = new Log()
    const running = server(listen({ host: "::1" }), hello, { log })
    const address = await running.ready.catch((error: unknown) => {
      if (error instanceof BindError && error.reason === "AddressNotAvailable") return skip("no IPv6 on this machine")
      throw error
    })
    expect(address).toMatchObject({ _tag: "Tcp", host: "::1" })
    if (address._tag === "Tcp") expect(log.text).toContain(` starting up on http://[::1]:${address.port}`)
    const client = await connect(address)
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    client.close()
    expect(await log.until(/GET/)).toMatch(/^::1 - - \[/)
    await running.stop()
  })

  it("test_log_unix_address", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
    const socket = path.join(folder, "socket")
    const app: App = (env, startResponse) => {
      startResponse("200 OK", [])
      return ["SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT"].map((key) =>
        `${key}=${String(Reflect.get(env, key))}\n`
      )
    }
    await withServer(app, { listener: listen({ path: socket }) }, async ({ ask, log }) => {
      expect(log.text).toContain(` starting up on http:${socket}`)
      const response = await ask(http10)
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("SERVER_NAME=unix\nSERVER_PORT=\nREMOTE_ADDR=unix\nREMOTE_PORT=\n")
      expect(await log.until(/GET/)).toMatch(/^unix - /)
    })
    fs.rmSync(folder, { recursive: true })
  })
})

it("row 3: the log is a function, a logger, something to write to, or a file's path", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  const file = path.join(folder, "deep", "log")
  const lines: Array<string> = []
  const add = (line: string): void => {
    lines.push(line.trimEnd())
  }
  for (const log of [add, { info: add, debug: () => undefined }, { write: add }, file]) {
    lines.length = 0
    await withServer(hello, { log, logFormat: () => "the line" }, async ({ ask, running }) => {
      await ask(get("/"))
      await running.stop({ grace: 0 })
    })
    if (log === file) lines.push(...fs.readFileSync(file, "utf8").trimEnd().split("\n"))
    expect(lines.filter((line) => line === "the line")).toHaveLength(1)
  }
  fs.rmSync(folder, { recursive: true })
})

it("row 4: keys of the operator's are in every environ, and never hide the request", () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    return JSON.stringify([env["my.key"], env["wsgi.url_scheme"], env.REQUEST_METHOD, env.PATH_INFO, env.SERVER_NAME])
  }
  const environ = {
    "my.key": { a: 1 },
    "wsgi.url_scheme": "https",
    REQUEST_METHOD: "HIDDEN",
    PATH_INFO: "/hidden",
    SERVER_NAME: "hidden"
  }
  return withServer(app, { environ }, async ({ ask }) => {
    expect(JSON.parse((await ask(get("/path"))).body.toString()))
      .toEqual([{ a: 1 }, "https", "GET", "/path", "127.0.0.1"])
  })
})

it("row 5: idle connections make room for those that wait", () =>
  withServer(hello, { maxSize: 1 }, async ({ ask, connect }) => {
    const first = await connect()
    first.send(get("/"))
    expect((await first.response()).status).toBe(200)
    expect((await ask(get("/"))).status).toBe(200)
    await first.whenEnded()
  }))

it("row 5: a waiting connection is served when a busy one ends", async () => {
  const reached = gate()
  const go = gate()
  const app: App = async (_env, startResponse) => {
    reached.open()
    await go.opened
    startResponse("200 OK", plain)
    return "served"
  }
  await withServer(app, { maxSize: 1 }, async ({ connect }) => {
    const first = await connect()
    first.send(get("/"))
    await reached.opened
    const second = await connect()
    second.send(get("/"))
    go.open()
    await first.response()
    first.close()
    expect((await second.response()).body.toString()).toBe("served")
  })
})

it("row 6: with HTTP/1.0 as the highest version nothing is chunked, and nothing kept unasked", () => {
  const app: App = (_env, startResponse) => {
    startResponse("200 OK", plain)
    return ["in", " ", "parts"].values()
  }
  return withServer(app, { maxHttpVersion: "HTTP/1.0" }, async ({ ask }) => {
    const response = await ask(get("/"))
    expect(response.version).toBe("HTTP/1.0")
    expect(response.get("Transfer-Encoding")).toBeUndefined()
    expect(response.get("Connection")).toBe("close")
    expect(response.body.toString()).toBe("in parts")
  })
})

it("row 8: ready tells where the server listens, or why it does not", async () => {
  await withServer(hello, {}, async ({ address }) => {
    if (address._tag !== "Tcp") throw new Error("not TCP")
    expect(address).toEqual({ _tag: "Tcp", host: "127.0.0.1", port: address.port })
    const second = server(listen(address.port), hello, { log: new Log() })
    const failure: unknown = await second.ready.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BindError)
    expect(failure).toMatchObject({ reason: "AddressInUse" })
    expect(String(failure)).toContain(`127.0.0.1:${address.port}`)
    expect(await second.closed).toMatchObject({ connections: 0 })
    expect(await second.stop()).toMatchObject({ connections: 0 })
  })
})

it("row 11: the forwarded client is for the log only, REMOTE_ADDR stays the peer", () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    return `${env.REMOTE_ADDR} ${String(env["HTTP_X_FORWARDED_FOR"])}`
  }
  return withServer(app, { trustedProxies: ["127.0.0.1"] }, async ({ ask, log }) => {
    const response = await ask(get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"))
    expect(response.body.toString()).toBe("127.0.0.1 1.2.3.4, 5.6.7.8")
    expect(await log.until(/GET/)).toMatch(/^1\.2\.3\.4,5\.6\.7\.8,127\.0\.0\.1 - - \[/)
  })
})

it("row 13: a keepalive of seconds also limits the wait for the first request", () =>
  withServer(hello, { keepalive: 0.05 }, async ({ connect, log }) => {
    const client = await connect()
    expect(await client.all()).toHaveLength(0)
    expect(log.access).toHaveLength(0)
  }))

it("row 13: the wait for the first request has a deadline of its own", () =>
  withServer(hello, { timeouts: { firstRequest: 50 } }, async ({ connect }) => {
    const silent = await connect()
    const idle = await connect()
    idle.send(get("/"))
    await idle.response()
    await silent.whenEnded()
    idle.send(get("/"))
    expect((await idle.response()).status).toBe(200)
  }))

it("row 15: a log line can be made by a function", () => {
  const logFormat = ({ requestLine, status }: { readonly requestLine: string; readonly status: number }): string =>
    JSON.stringify({ requestLine, status })
  return withServer(hello, { logFormat }, async ({ ask, log }) => {
    await ask(get("/"))
    expect(JSON.parse(await log.until(/^\{/))).toEqual({ requestLine: "GET / HTTP/1.1", status: 200 })
  })
})

it("row 20: options that there are not are named", () => {
  const unknown: object = { serverEvent: 1 }
  expect(() => server(listen(), hello, unknown)).toThrow(OptionError)
  expect(() => server(listen(), hello, unknown)).toThrow(/^serverEvent: /)
  expect(() => server(listen(), hello, { logFormat: "%(nothing)s" })).toThrow(/nothing/)
})

it("row 22: every idle client of a unix socket is closed at a stop", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  await withServer(hello, { listener: listen({ path: path.join(folder, "socket") }) }, async ({ connect, running }) => {
    const clients = [await connect(), await connect(), await connect()]
    for (const client of clients) {
      client.send(get("/"))
      expect((await client.response()).status).toBe(200)
    }
    expect(await running.stop()).toMatchObject({ connections: 3, idle: 3, interrupted: 0 })
    for (const client of clients) await client.whenEnded()
  })
  fs.rmSync(folder, { recursive: true })
})

it("row 28: stopping one server leaves the others", () =>
  withServer(hello, {}, (kept) =>
    withServer(hello, {}, async (stopped) => {
      await stopped.running.stop()
      await expect(connectTo(stopped.address)).rejects.toMatchObject({ code: "ECONNREFUSED" })
      expect((await kept.ask(get("/"))).status).toBe(200)
    })))

it("row 30: connections that come and are reset are told to the developer", () => {
  const reached = gate()
  const app: App = (env) => {
    reached.open()
    return new Promise((_, reject) => env["tsgi.signal"].addEventListener("abort", reject))
  }
  return withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    expect(await log.untilDebug(/^\(\d+\) accepted \(127\.0\.0\.1:\d+\)$/)).toBeDefined()
    client.send(get("/"))
    await reached.opened
    client.reset()
    expect(await log.untilDebug(/^\(\d+\) connection reset by peer \(127\.0\.0\.1:\d+\)$/)).toBeDefined()
  })
})
