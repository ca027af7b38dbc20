/** A log of JSON lines: whatever happens, each line is one object, and names the client. */
import { type AccessRecord, type App, type LogEntry, server, type ServerOptions } from "tsgi"
import { AccessLogFormat } from "tsgi/effect"
import { MemoryListener } from "tsgi/testing"
import { expect, it } from "vitest"
import { get, head } from "../utils/requests.js"
import { type Options, withServer } from "../utils/serving.js"

const app: App = (env, startResponse) => {
  if (env.PATH_INFO === "/fails") throw new Error("it failed\nin two lines", { cause: new Error("\u001b[31m") })
  env["wsgi.errors"].write("a warning\nof two lines\n")
  startResponse("200 OK", [])
  return "Hello"
}

const logOf = async (options: Options, ...requests: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  // a function gets no debug lines
  const log = (line: string): void => void lines.push(line)
  await withServer(app, { memory: true, log, ...options }, async ({ connect, running }) => {
    for (const request of requests) {
      const client = await connect()
      client.send(request)
      await client.response()
      client.close()
    }
    await running.stop()
  })
  return lines
}

const asked = get("/a?b", "User-Agent: curl \"8\"", "Referer: http://b/", "X-Forwarded-For: 203.0.113.9")
const trusting: ServerOptions = { trustedProxies: ["127.0.0.1"], forwarded: "x-forwarded" }

it("every line is one object: requests, failures, refusals, starts and stops, wsgi.errors", async () => {
  const lines = await logOf(
    { logFormat: "json", ...trusting },
    asked,
    get("/fails"),
    head("GET / HTTP/1.1")
  )
  const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  const requests = objects.filter((line) => "status" in line)
  const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown
  const number = expect.any(Number) as unknown
  expect(requests).toEqual([
    {
      time: at,
      client: "203.0.113.9",
      peer: "127.0.0.1",
      peerPort: number,
      connection: 1,
      request: "GET /a?b HTTP/1.1",
      method: "GET",
      target: "/a?b",
      host: "localhost",
      referer: "http://b/",
      userAgent: "curl \"8\"",
      status: 200,
      bodyBytes: 5,
      wireBytes: number,
      seconds: number,
      outcome: "Sent"
    },
    expect.objectContaining({
      client: "127.0.0.1",
      status: 500,
      outcome: "Failed",
      error: "Error: it failed\nin two lines"
    }),
    expect.objectContaining({ request: "GET / HTTP/1.1", status: 400, outcome: "Refused", reason: "MissingHost" })
  ])
  const entries = objects.filter((line) => "level" in line)
  const entry = (level: string, from: string, message: RegExp): unknown =>
    expect.objectContaining({
      time: at,
      pid: process.pid,
      level,
      from,
      message: expect.stringMatching(message) as unknown
    })
  expect(entries).toEqual([
    entry("info", "server", /^tsgi starting up on /),
    entry("error", "application", /^a warning\nof two lines$/),
    entry("error", "server", /^the application failed \(127\.0\.0\.1:\d+, GET \/fails\)$/),
    entry("info", "server", /^refused \(127\.0\.0\.1:\d+\) MissingHost/),
    entry("info", "server", /^tsgi exiting$/),
    entry("info", "server", /^tsgi exited, /)
  ])
  expect(objects).toHaveLength(requests.length + entries.length)
  expect(entries[2].failure).toMatch(/^Error: it failed\n {2}in two lines\n {4}at /)
})

it("a failure's line says for whom the peer asks", async () => {
  const lines = await logOf(trusting, get("/fails", "X-Forwarded-For: 203.0.113.9"))
  expect(lines.join("\n")).toMatch(/the application failed \(127\.0\.0\.1:\d+, for 203\.0\.113\.9, GET \/fails\)/)
})

it("templates have the peer beside the client", async () => {
  const lines = await logOf(
    { logFormat: "%(client_ip)s:%(client_port)s by %(peer_ip)s:%(peer_port)d", ...trusting },
    asked
  )
  expect(lines.find((line) => line.includes(" by "))).toMatch(/^203\.0\.113\.9: by 127\.0\.0\.1:\d+$/)
})

it("entries in a format of one's own, or in JSON beside requests in one's own", async () => {
  const seen: Array<LogEntry> = []
  const own = await logOf({
    errorFormat: (entry) => {
      seen.push(entry)
      return `${entry.level}\n${entry.message}`
    }
  }, get("/fails"))
  expect(own.filter((line) => line.startsWith("error\n  the application failed ("))).toHaveLength(1)
  expect(seen.map(({ failure }) => failure !== undefined)).toEqual([false, true, false, false])
  const logFormat = ({ status }: AccessRecord): string => JSON.stringify({ status })
  const mixed = await logOf({ logFormat, errorFormat: "json" }, asked)
  expect(mixed.map((line) => Object.keys(JSON.parse(line) as object).length > 0)).not.toContain(false)
})

it("an entry is written all the same when the format fails, or gives no text, and it is said once why", async () => {
  const formats: ReadonlyArray<readonly [why: string, () => unknown]> = [
    ["Error: no format", () => {
      throw new Error("no format")
    }],
    ["it must return text, not a Promise: it must not be async", () => Promise.reject(new Error("no text"))],
    ["it must return text, not the number 1", () => 1],
    ["it must return text, not undefined", () => undefined],
    ["it must return text, not a generator", function*() {
      yield ""
    }]
  ]
  for (const [why, format] of formats) {
    const options: object = { errorFormat: format }
    const lines = await logOf(options, asked)
    expect(lines[0]).toMatch(/^\(\d+\) tsgi starting up on /)
    expect(lines.filter((line) => line.includes("errorFormat")).map((line) => line.replace(/^\(\d+\) /, "")))
      .toEqual([`errorFormat failed, entries are written as text: ${why}`])
  }
})

it("an errorFormat that is none is refused", () => {
  const options: object = { errorFormat: "yaml" }
  expect(() => server(MemoryListener.make().listener, app, options)).toThrow(
    /^errorFormat: must be "text", "json" or a function/
  )
})

it("of a record made by hand what there is not is left out", () => {
  const record: AccessRecord = {
    connectionId: 1,
    remote: { _tag: "Unix", path: "" },
    requestLine: "\u2028\ud800",
    request: undefined,
    status: 400,
    bodyBytes: 0,
    wireBytes: 0,
    startTime: 0,
    endTime: 1500,
    outcome: undefined,
    refused: undefined
  }
  expect(AccessLogFormat.json(record)).toBe(
    "{\"time\":\"1970-01-01T00:00:01.500Z\",\"client\":\"unix\",\"peer\":\"unix\",\"connection\":1," +
      "\"request\":\"\\u2028\\ud800\",\"status\":400,\"bodyBytes\":0,\"wireBytes\":0,\"seconds\":1.5,\"outcome\":\"Refused\"}"
  )
})

it("where the server listens is told unless announce is false, and all else in any case", async () => {
  const startsOf = async (options: object): Promise<ReadonlyArray<string>> =>
    (await logOf(options, asked)).filter((line) => / (?:starting up|exited)/.test(line)).map((line) =>
      line.replace(/^\(\d+\) tsgi (\w+).*/, "$1")
    )
  expect(await startsOf({})).toEqual(["starting", "exited"])
  expect(await startsOf({ announce: true })).toEqual(["starting", "exited"])
  expect(await startsOf({ announce: false })).toEqual(["exited"])
})
