/** A1, A2: the call, its options, its listener and its log. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type App, BindError, listen, server } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { hello, Log, withServer } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"
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
      // stopping waits for what the pool still does
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
      expect(log.text).toContain(`http:${socket}`)
      const response = await ask(http10)
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("SERVER_NAME=unix\nSERVER_PORT=\nREMOTE_ADDR=unix\nREMOTE_PORT=\n")
      expect(await log.until(/GET/)).toMatch(/^unix - /)
    })
    fs.rmSync(folder, { recursive: true })
  })
})
