/**
 * Logs of the plain door cannot be forged: whatever a client sends, and in whatever way it comes into the log (the request line,
 * a field in the user's own format, the message of a failure or of its cause, `wsgi.errors`), the number of entries is the
 * expected one, and no byte controls a terminal. doors/ForgedLog.test.ts has what holds over every door.
 */
import * as fc from "fast-check"
import { type App, listen, server, type ServerOptions, wrapTls } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { control, expectHarmless, hostile } from "../utils/hostile.js"
import { get } from "../utils/requests.js"
import { runs } from "../utils/runs.js"
import { hello, type Options, withServer } from "../utils/serving.js"

/** The lines of the log after one request. */
const logOf = async (words: string, app: App, options: Options, target = "/"): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  const log = (line: string): void => void lines.push(line)
  await withServer(app, { memory: true, log, ...options }, async ({ connect, running }) => {
    const client = await connect()
    client.send(Buffer.from(get(target, `User-Agent: ${field(words)}`), "latin1"))
    await client.response()
    // the connection of a failed answer stays open as long as its client does
    client.close()
    await running.stop()
  })
  return lines
}

// the characters that a lenient reader of fields accepts
const field = (words: string): string => words.replace(/[^\u0020-\u007e\u0080-\u00ff]/g, "x").trim()

/** The beginning of a line, which says what it is about. */
const beginningOf = (line: string): string =>
  line.split("\n")[0].replace(/^\(\d+\) /, "").replace(/ on .*| \(.*|, .*/, "")

const failing: App = () => {
  throw new Error("it failed")
}

const ways: ReadonlyArray<
  readonly [what: string, app: (words: string) => App, options: ServerOptions, entries: number]
> = [
  [
    "a failure's message",
    (words) => () => {
      throw new Error(words)
    },
    {},
    5
  ],
  [
    "a cause's message",
    (words) => () => {
      throw new Error("it failed", { cause: new Error(words) })
    },
    {},
    5
  ],
  ["a failure that is the words", (words) => () => Promise.reject(words), {}, 5],
  [
    "wsgi.errors",
    (words) => (env, startResponse) => {
      env["wsgi.errors"].write(`${words}\n`)
      startResponse("200 OK", [])
      return ""
    },
    {},
    5
  ],
  [
    "a format of one's own",
    () => (_, startResponse) => {
      startResponse("200 OK", [])
      return ""
    },
    { logFormat: (record) => record.request?.fields.join(" ") ?? "" },
    4
  ]
]

describe("whatever a client sends", () => {
  it.each(ways)("in %s", async (_, app, options, entries) => {
    await fc.assert(
      fc.asyncProperty(hostile, async (words) => {
        const lines = await logOf(words, app(words), options)
        // the entries are: up, the failure or the words, the request, stopping, stopped
        expect(lines).toHaveLength(entries)
        expectHarmless(lines)
      }),
      runs(4)
    )
  })

  it("in a line of JSON, which stays one and says the same", async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (words) => {
        const logFormat: ServerOptions["logFormat"] = () => JSON.stringify({ words })
        const lines = await logOf("", ways[4][1](""), { logFormat })
        const [line] = lines.filter((line) => line.startsWith("{"))
        expect(line).not.toMatch(/\n/)
        expect(line).not.toMatch(control)
        expect(JSON.parse(line)).toEqual({ words })
      }),
      runs(4)
    )
  })
})

describe("whatever bytes come", () => {
  const latin = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 40
  })
  const begin = fc.constantFrom(
    "",
    "GET /",
    "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ",
    "GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=",
    "GET / HTTP/1.1\r\nHost: ",
    "POST /fails HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /fails HTTP/1.1\r\nHost: a\r\nContent-Length: "
  )
  const lenient = { allowNonAsciiTarget: true, allowControlsInChunkExtensions: true, requireHost: false }
  const app: App = async (env, startResponse) => {
    const body = String(await env["wsgi.input"].read())
    if (env.PATH_INFO === "/fails") throw new Error(body)
    startResponse("200 OK", [])
    return body
  }

  it.each<[string, ServerOptions]>([
    ["in lines of text", {}],
    ["in lines of JSON", { logFormat: "json" }],
    ["for those who are believed", { trustedProxies: ["127.0.0.1"], forwarded: true }],
    ["in addresses before the peer's", {
      trustedProxies: ["127.0.0.1"],
      logFormat: "%(client_ip)s - - %(request_line)s"
    }]
  ])("%s, those for the developer too", async (_, options) => {
    await fc.assert(
      fc.asyncProperty(begin, latin, async (begin, words) => {
        const lines: Array<string> = []
        const log = (line: string): void => void lines.push(line)
        const all = { memory: true, log, debug: true, parser: lenient, ...options }
        await withServer(app, all, async ({ connect, running }) => {
          const client = await connect()
          client.send(Buffer.from(`${begin}${words}\r\n\r\n`, "latin1"))
          client.end()
          await client.response().catch(() => undefined)
          client.close()
          await running.stop({ grace: 0 })
        })
        expectHarmless(lines)
        if (options.logFormat === "json") { for (const line of lines) expect(JSON.parse(line)).toBeTypeOf("object") }
      }),
      runs(8)
    )
  })
})

it("in a handshake's line", async () => {
  const listener = wrapTls(listen(), {
    ...await makeCertificate("localhost"),
    SNICallback: (name, done) => done(new Error(`no certificate for ${name}\n(1) forged \u001b[31m\u009b`))
  })
  await withServer(hello, { listener }, async ({ connectTls, log, running }) => {
    await expect(connectTls({ servername: "example.com" })).rejects.toThrow()
    await running.stop()
    const line = await log.until(/no certificate for example.com/)
    expect(line).toMatch(/\) Handshake: no certificate for example\.com/)
    expectHarmless(log.lines)
  })
})

it("a failure's line has peer, method and path, without the query", async () => {
  const lines = await logOf("", failing, {}, "/a%20path?token=secret")
  const [line] = lines.filter((line) => line.includes("the application failed"))
  expect(line).toMatch(/^\(\d+\) the application failed \(.+, GET \/a%20path\)\n {2}Error: it failed\n/)
})

it("no line is made of a request where log is false, and the others are written", async () => {
  const errors: Array<string> = []
  let made = 0
  const options: Options = {
    memory: true,
    log: false,
    errorLog: (line) => void errors.push(line),
    logFormat: () => String(++made)
  }
  await withServer(failing, options, async ({ connect, running }) => {
    const client = await connect()
    client.send(get())
    expect((await client.response()).status).toBe(500)
    client.close()
    await running.stop()
  })
  expect(made).toBe(0)
  expect(errors.map(beginningOf)).toEqual([
    "tsgi starting up",
    "the application failed",
    "tsgi exiting",
    "tsgi exited"
  ])
  // a caller may ignore the types
  const log = JSON.parse("true") as false
  expect(() => server(MemoryListener.make().listener, () => "", { log })).toThrow(
    /^log: must be a logger .*, or false; it is true$/
  )
})

it("what is no request's line goes where errorLog says", async () => {
  const errors: Array<string> = []
  const lines = await logOf("", (env) => {
    env["wsgi.errors"].write("a warning")
    throw new Error("it failed")
  }, { errorLog: (line) => void errors.push(line) })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain("\"GET / HTTP/1.1\" 500")
  expect(errors.map(beginningOf)).toEqual([
    "tsgi starting up",
    "a warning",
    "the application failed",
    "tsgi exiting",
    "tsgi exited"
  ])
})
