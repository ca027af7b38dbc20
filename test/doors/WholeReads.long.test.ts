/**
 * A body that is read whole is in memory, and a parser makes more of it, so each way to read one whole has a bound, at both
 * doors. The family: every way, with a length and without, at the bound, above it, and with the bound lifted.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Buffer } from "node:buffer"
import { type App, fetchApp, type ServerOptions } from "tsgi"
import { BodyError } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { head } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"

const small = { wholeBody: 1000, parsedBody: 500 }

const urlencoded = "application/x-www-form-urlencoded"

const post = (length: number, coding: string, type: string): string =>
  head(
    "POST / HTTP/1.1",
    "Host: a",
    `Content-Type: ${type}`,
    coding === "length" ? `Content-Length: ${length}` : "Transfer-Encoding: chunked"
  )

const send = (client: WireClient, body: Uint8Array, coding: string, type = "text/plain"): void => {
  client.send(post(body.length, coding, type))
  if (coding === "length") return client.send(body)
  // there are so many pieces that no bound is at the end of one
  for (let at = 0; at < body.length; at += 7777) {
    const piece = body.subarray(at, at + 7777)
    client.send(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]))
  }
  client.send("0\r\n\r\n")
}

const input =
  (read: (input: Parameters<App>[0]["wsgi.input"]) => Promise<unknown>): App => async (env, startResponse) => {
    await read(env["wsgi.input"])
    startResponse("200 OK", plain)
    return "read"
  }

const web = (read: (request: Request) => Promise<unknown>): App =>
  fetchApp(async (request) => {
    await read(request)
    return new Response("read")
  })

interface Reader {
  readonly app: App
  readonly bound: keyof typeof small
  readonly type?: string
  readonly body: (length: number) => string
}

const text = (length: number): string => "a".repeat(length)
const form = (length: number): string => "a&".repeat(length / 2)
const around = ["--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n", "\r\n--b--\r\n"]
const parts = (length: number): string => around.join("x".repeat(length - around.join("").length))
const json = (length: number): string => `"${"a".repeat(length - 2)}"`

const readers: Readonly<Record<string, Reader>> = {
  "read()": { app: input((input) => input.read()), bound: "wholeBody", body: text },
  "read(-1)": { app: input((input) => input.read(-1)), bound: "wholeBody", body: text },
  "readline()": { app: input((input) => input.readline()), bound: "wholeBody", body: text },
  "readlines() of long lines": { app: input((input) => input.readlines()), bound: "wholeBody", body: text },
  "readlines() of many": {
    app: input((input) => input.readlines()),
    bound: "parsedBody",
    body: (length) => "\n".repeat(length)
  },
  "text()": { app: web((request) => request.text()), bound: "wholeBody", body: text },
  "arrayBuffer()": { app: web((request) => request.arrayBuffer()), bound: "wholeBody", body: text },
  "blob()": { app: web((request) => request.blob()), bound: "wholeBody", body: text },
  "text() of a clone": { app: web((request) => request.clone().text()), bound: "wholeBody", body: text },
  "json()": { app: web((request) => request.json()), bound: "parsedBody", body: json },
  "formData() of parameters": {
    app: web((request) => request.formData()),
    bound: "parsedBody",
    type: urlencoded,
    body: form
  },
  "formData() of parts": {
    app: web((request) => request.formData()),
    bound: "wholeBody",
    type: "multipart/form-data; boundary=b",
    body: parts
  }
}

const answer = async (reader: Reader, length: number, coding: string, options: ServerOptions) => {
  let status = 0
  let logged = ""
  await withServer(reader.app, options, async ({ connect, log }) => {
    const client = await connect()
    send(client, Buffer.from(reader.body(length)), coding, reader.type)
    status = (await client.response()).status
    logged = log.text
  })
  return { status, logged }
}

describe.each(["length", "chunks"])("with %s", (coding) => {
  it.each(Object.entries(readers))("%s", async (_, reader) => {
    const most = small[reader.bound]
    expect((await answer(reader, most, coding, { limits: small })).status).toBe(200)
    expect((await answer(reader, most + 2, coding, { limits: small })).status).toBe(413)
    const lifted = { wholeBody: Infinity, parsedBody: Infinity }
    expect((await answer(reader, most + 2, coding, { limits: lifted })).status).toBe(200)
  })
})

it("what was too much for a read can be read in parts", async () => {
  let read = 0
  const app: App = async (env, startResponse) => {
    const input = env["wsgi.input"]
    const error: unknown = await input.read().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(BodyError)
    expect(String(error)).toContain("limits.wholeBody")
    for await (const piece of input) read += piece.length
    startResponse("200 OK", plain)
    return ""
  }
  for (const coding of ["length", "chunks"]) {
    read = 0
    await withServer(app, { limits: small }, async ({ connect }) => {
      const client = await connect()
      send(client, Buffer.alloc(50_000), coding)
      expect((await client.response()).status).toBe(200)
      expect(read).toBe(50_000)
    })
  }
})

it("a size that is given is the application's own bound", async () => {
  const app = input((input) => input.read(5000))
  await withServer(app, { limits: small }, async ({ connect }) => {
    const client = await connect()
    send(client, Buffer.alloc(5000), "length")
    expect((await client.response()).status).toBe(200)
  })
})

describe("the defaults, with what they cost", () => {
  const costs: Readonly<Record<string, Reader>> = {
    "text": { app: web((request) => request.text()), bound: "wholeBody", body: text },
    "read()": { app: input((input) => input.read()), bound: "wholeBody", body: text },
    "lines": { app: input((input) => input.readlines()), bound: "parsedBody", body: (n) => "\n".repeat(n) },
    "brackets": {
      app: web((request) => request.json()),
      bound: "parsedBody",
      body: (n) => `[${"[],".repeat((n - 4) / 3)}[]]`
    },
    "parameters": { app: web((request) => request.formData()), bound: "parsedBody", type: urlencoded, body: form }
  }
  const defaults = { wholeBody: 10_485_760, parsedBody: 1_048_576 }
  // a buffer for each line takes so much that a part of the body shows the cost of all
  const parts: Readonly<Record<string, number>> = { lines: 8 }

  it.each(Object.entries(costs))("%s", async (name, reader) => {
    const most = defaults[reader.bound]
    const part = parts[name] ?? 1
    const before = process.cpuUsage()
    expect((await answer(reader, most / part, "length", {})).status).toBe(200)
    const { user, system } = process.cpuUsage(before)
    expect((await answer(reader, most + 4, "length", {})).status).toBe(413)
    // this is the processor time of client and server together, in seconds; without the bounds it was 8 s for 10 MB of parameters
    expect((user + system) / 1e6).toBeLessThan(4 / part)
  })

  it("a client that sends for ever costs no more than the bound, and hears why", async () => {
    const app = input((input) => input.read())
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(post(0, "chunks", "text/plain"))
      const piece = `${(1_048_576).toString(16)}\r\n${"a".repeat(1_048_576)}\r\n`
      const before = process.memoryUsage().arrayBuffers
      const answered = client.head()
      for (let i = 0; i < 40; i++) {
        client.send(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect((await answered).status).toBe(413)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
    })
  })
})

describe("the Effect door", () => {
  const effects = {
    text: "wholeBody",
    arrayBuffer: "wholeBody",
    json: "parsedBody",
    urlParamsBody: "parsedBody"
  } as const

  const ask = (read: keyof typeof effects, options: TsgiHttpServer.Options, body: string): Promise<number> =>
    Effect.gen(function*() {
      const layer = HttpServer.serve(
        Effect.flatMap(
          HttpServerRequest.HttpServerRequest,
          (request) => Effect.as(request[read], HttpServerResponse.text("read"))
        )
      ).pipe(
        Layer.provideMerge(TsgiHttpServer.layer({ host: "127.0.0.1", port: 0, ...options }))
      )
      const server = yield* Layer.build(layer)
      const { address } = yield* Effect.provide(HttpServer.HttpServer, server)
      if (address._tag !== "TcpAddress") throw new Error("no port")
      const client = yield* Effect.promise(() => connect(address.port))
      send(client, Buffer.from(body), "length", read === "urlParamsBody" ? urlencoded : "application/json")
      const { status } = yield* Effect.promise(() => client.response())
      client.close()
      return status
    }).pipe(Effect.scoped, Effect.runPromise)

  it.each(Object.entries(effects))("%s", async (name, bound) => {
    const read = name as keyof typeof effects
    const most = small[bound]
    expect(await ask(read, { limits: small }, json(most))).toBe(200)
    expect(await ask(read, { limits: small }, json(most + 2))).toBe(413)
    expect(await ask(read, { limits: { wholeBody: Infinity, parsedBody: Infinity } }, json(most + 2))).toBe(200)
    expect(await ask(read, { limits: small, maxBufferedBody: most + 2 }, json(most + 2))).toBe(200)
  })

  it("parameters at the default bound cost less than four seconds", async () => {
    const before = process.cpuUsage()
    expect(await ask("urlParamsBody", {}, form(1_048_576))).toBe(200)
    const { system, user } = process.cpuUsage(before)
    expect((user + system) / 1e6).toBeLessThan(4)
    expect(await ask("urlParamsBody", {}, form(1_048_578))).toBe(413)
  })
})
