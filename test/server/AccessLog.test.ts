/** The records of requests that were not answered as usual. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as fc from "fast-check"
import type { AccessRecord, App } from "tsgi"
import { AccessLog, AccessLogFormat, InterimResponses } from "tsgi/effect"
import { expect, it } from "vitest"
import { nothingSeen, open } from "../platform/scene.js"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get, head } from "../utils/requests.js"
import { runs } from "../utils/runs.js"
import { type Options, withServer } from "../utils/serving.js"

const recorded: Options = { memory: true, noteAccess: true }

it("a request that the stop has cut was not left by its client: 503", async () => {
  const reached = gate()
  const app: App = (env) => {
    reached.open()
    return new Promise((_, reject) => env["tsgi.signal"].addEventListener("abort", reject))
  }
  await withServer(app, recorded, async ({ connect, records, running }) => {
    const client = await connect()
    client.send(get())
    await reached.opened
    await running.stop({ grace: 0 })
    expect(records.entries).toMatchObject([{ status: 503, outcome: { reason: "Stopped", status: undefined } }])
    expect(client.received).toBe(0)
  })
})

it("a request that was refused has no head, also where that was whole", () =>
  withServer(() => "", recorded, async ({ ask, records }) => {
    for (const request of [head("GET / HTTP/1.1"), "bad\r\n\r\n"]) await ask(request)
    expect(await records.first(2)).toMatchObject([
      { request: undefined, requestLine: "GET / HTTP/1.1", refused: { reason: "MissingHost" } },
      { request: undefined, refused: { reason: "MalformedRequestLine" } }
    ])
  }))

it("a request that did not come in time took the time that it was waited for", () =>
  withServer(() => "", { ...recorded, timeouts: { head: 200 } }, async ({ ask, records }) => {
    expect((await ask("GET / HTTP/1.1\r\n")).status).toBe(408)
    const [{ endTime, startTime }] = await records.first(1)
    expect(endTime - startTime).toBeGreaterThanOrEqual(200)
    expect(endTime - startTime).toBeLessThan(5000)
    expect(Math.abs(Date.now() - endTime)).toBeLessThan(5000)
  }))

it("decimals are those of toFixed, to one in the last place", () => {
  const lineOf = (decimals: number, milliseconds: number): string => {
    const format = AccessLogFormat.compile(`%(wall_seconds).${decimals}f`)
    return format({
      connectionId: 1,
      remote: { _tag: "Unix", path: "" },
      requestLine: "",
      request: undefined,
      status: 200,
      bodyBytes: 0,
      wireBytes: 0,
      startTime: 0,
      endTime: milliseconds,
      outcome: undefined,
      refused: undefined
    })
  }
  const times = fc.oneof(
    fc.double({ min: 0, max: 1e10, noNaN: true }),
    fc.nat(10_000),
    fc.double({ min: 0, max: 10, noNaN: true })
  )
  fc.assert(
    fc.property(fc.nat(8), times, (decimals, milliseconds) => {
      const line = lineOf(decimals, milliseconds)
      expect(line).toMatch(decimals === 0 ? /^\d+$/ : new RegExp(`^\\d+\\.\\d{${decimals}}$`))
      expect(Math.abs(Number(line) - milliseconds / 1000)).toBeLessThan(0.51 * 10 ** -decimals + milliseconds * 1e-15)
    }),
    { ...runs(150), seed: 6 }
  )
  expect([lineOf(6, 0), lineOf(6, 0.999), lineOf(3, 999.9996), lineOf(1, 59_999)])
    .toEqual(["0.000000", "0.000999", "1.000", "60.0"])
})

it("answers to pipelined requests that wait for a slow client were given to it when they were made", () => {
  const app: App = (_, startResponse) => {
    startResponse("200 OK", [])
    return "x".repeat(40_000)
  }
  return withServer(app, recorded, async ({ connect, records }) => {
    const client = await connect()
    client.pause()
    client.send(get() + get() + get())
    await turns(20)
    const waiting = performance.timeOrigin + performance.now()
    expect(records.entries).toEqual([])
    await turns(20)
    client.resume()
    for (let i = 0; i < 3; i++) await client.response()
    await records.first(3)
    const late = records.entries.map(({ endTime, outcome }) => [outcome?.firstByteTime ?? Infinity, endTime])
    expect(late).toHaveLength(3)
    for (const [first, end] of late) {
      expect(first).toBeLessThanOrEqual(waiting)
      expect(end).toBeGreaterThan(waiting)
    }
  })
})

it("a log that returns what it should do is reported, because it is not run", async () => {
  const told = async (write: (record: AccessRecord) => unknown): Promise<string> => {
    const seen = nothingSeen()
    const services = Layer.merge(AccessLog.layerFunction(write), InterimResponses.layer)
    const causes: Array<string> = []
    const around = Logger.add(Logger.make(({ cause }) => void causes.push(Cause.pretty(cause))))
    const app = HttpServer.serve(HttpServerResponse.text("ok"))
    await using scene = await open(app, seen, { memory: true, services, around })
    await using client = await scene.connect()
    client.send(get())
    expect((await client.response()).status).toBe(200)
    await scene.stop()
    return causes.join("\n")
  }
  const remedy = "write in the function itself, or run it there by Effect.runFork"
  expect(await told((record) => Effect.log(record.requestLine)))
    .toContain(`TypeError: the access log returned an Effect, which is not run: ${remedy}`)
  expect(
    await told(function*() {
      yield Effect.void
    })
  ).toContain("TypeError: the access log returned a generator, which is not run")
  expect(await told(() => 1)).not.toContain("not run")
})

it("a format that gives no text is told of by its name", async () => {
  const told = async (logFormat: unknown): Promise<string> => {
    let line = ""
    await withServer(() => "", { memory: true, logFormat: logFormat as () => string }, async ({ ask, log }) => {
      await ask(get())
      line = await log.until(/logFormat/)
    })
    return line
  }
  const name = "logFormat, the format of the access log, must return text, not"
  expect(await told(() => undefined)).toContain(`${name} undefined\n`)
  expect(await told(() => ({}))).toContain(`${name} an object\n`)
  expect(await told(() => Promise.resolve("a"))).toContain(`${name} a Promise: it must not be async\n`)
  expect(
    await told(function*() {
      yield ""
    })
  ).toContain(`${name} a generator\n`)
})
