/** The servers for a soak, at both doors, with the same paths and the same hooks for each request. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import type { IncomingMessage } from "node:http"
import type { AccessRecord, Address, App, Environ, StopReport } from "tsgi"
import { AccessLog, InterimResponses, Posthooks } from "tsgi/effect"
import { WebSocketServer } from "ws"
import { turns } from "../utils/Journal.js"
import { type Quiet, serveEffect, servePlain } from "./quietDoors.js"

/** The counts of a soak. */
export interface Ledger {
  /** Counts a request that the application was given, and returns the count. */
  readonly called: (id: string) => number
  readonly hookRan: (id: string) => void
  readonly logged: (record: AccessRecord) => void
}

export interface Served {
  readonly address: Address
  /** The address with TLS. */
  readonly secure: Address
  /** Stops both servers with this grace in milliseconds, and returns the report of the one without TLS. */
  readonly stop: (grace: number) => Promise<StopReport>
}

export type Door = (ledger: Ledger) => Promise<Served>

/** Hooks of each request. */
export const hooksEach = 3

export const page = Buffer.alloc(1_048_576, "p")

const part = page.subarray(0, 65_536)
const timeouts = { interrupt: 100, linger: 1_000, head: 3_000, body: 3_000, hooks: 60_000 }

const both = async (serve: (tls: boolean) => Promise<Quiet>): Promise<Served> => {
  const [open, secure] = [await serve(false), await serve(true)]
  return {
    address: open.address,
    secure: secure.address,
    stop: async (grace) => {
      const [report] = await Promise.all([open.stop(grace), secure.stop(grace)])
      return report
    }
  }
}

export const plain: Door = (ledger) =>
  both((tls) =>
    servePlain(plainApp(ledger), tls, {
      logFormat: (record) => {
        ledger.logged(record)
        return ""
      },
      timeouts
    })
  )

const sockets = new WebSocketServer({ noServer: true, allowSynchronousEvents: false })

/** Sends back each message: see `examples/websocket.ts`. */
const echo = (env: Environ): void => {
  const request = {
    method: env.REQUEST_METHOD,
    url: env.REQUEST_URI,
    headers: Object.fromEntries(env.headers_raw.map(([name, value]) => [name.toLowerCase(), value]))
  } as IncomingMessage
  sockets.handleUpgrade(request, env["wsgi.input"].getSocket(), Buffer.alloc(0), (socket) => {
    socket.on("error", () => undefined)
    socket.on("message", (data: Buffer, binary) => {
      socket.send(data, { binary }, () => socket.resume())
      if (socket.bufferedAmount > 1_048_576) socket.pause()
    })
  })
}

const plainApp = (ledger: Ledger): App => (env, startResponse) => {
  const id = env.REQUEST_URI
  const number = ledger.called(id)
  const hook = (): void => ledger.hookRan(id)
  env["eventlet.posthooks"].push(
    [hook],
    [() => turns(1).then(hook)],
    // a detached one, which fails now and then
    [
      () =>
        turns(3).then(() => {
          hook()
          if (number % 16 === 0) throw new Error("a detached hook")
        }),
      [],
      undefined,
      { detached: true }
    ]
  )
  const text: ReadonlyArray<[string, string]> = [["Content-Type", "text/plain"]]
  switch (env.PATH_INFO) {
    case "/array":
      startResponse("200 OK", text)
      return ["hello ", "world"]
    case "/none":
      startResponse("204 No Content", [])
      return []
    case "/iterator":
      startResponse("200 OK", text)
      return Array.from({ length: 20 }, (_, i) => `line ${i}\n`).values()
    case "/async":
      startResponse("200 OK", text)
      return (async function*() {
        for (let i = 0; i < 5; i++) {
          yield `line ${i}\n`
          await turns(1)
        }
      })()
    case "/page":
      startResponse("200 OK", text)
      return [page]
    case "/pages":
      startResponse("200 OK", text)
      return Array.from({ length: 16 }, () => part).values()
    case "/upload":
      return upload(env, () => startResponse("200 OK", text))
    case "/lines":
      return env["wsgi.input"].readlines().then(({ length }) => {
        startResponse("200 OK", text)
        return String(length)
      })
    case "/form":
      return env["wsgi.input"].read().then(async (body) => {
        const form = await new Response(body, { headers: { "Content-Type": env.CONTENT_TYPE ?? "" } }).formData()
        startResponse("200 OK", text)
        return String([...form].length)
      })
    case "/socket":
      echo(env)
      return ""
    case "/interim":
      env["tsgi.interim"](103, [["Link", "</a>; rel=preload"]])
      startResponse("200 OK", text)
      return "interim"
    case "/before":
      throw new Error("before the head")
    case "/after":
      startResponse("200 OK", text)
      return (function*() {
        yield "x".repeat(5_000)
        throw new Error("after the head")
      })()
    default:
      env["tsgi.interim"](103)
      return new Promise((resolve) => {
        env["tsgi.signal"].addEventListener("abort", () => resolve("never"), { once: true })
      })
  }
}

const upload = async (env: Environ, begin: () => unknown): Promise<string> => {
  let length = 0
  for await (const piece of env["wsgi.input"]) length += piece.length
  begin()
  return String(length)
}

export const effect: Door = (ledger) =>
  both((tls) =>
    serveEffect(
      effectApp(ledger),
      tls,
      { halfClose: "answer", timeouts: { ...timeouts, grace: 1_000 } },
      AccessLog.layerFunction(ledger.logged)
    )
  )

const effectApp = (ledger: Ledger) =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const id = request.originalUrl
    const number = ledger.called(id)
    const hook = (): void => ledger.hookRan(id)
    yield* Posthooks.add(() => Effect.sync(hook))
    yield* Posthooks.add(() => Effect.promise(() => turns(1).then(hook)))
    yield* Posthooks.add(
      () =>
        Effect.promise(() => turns(3).then(hook)).pipe(
          Effect.zipRight(number % 16 === 0 ? Effect.die(new Error("a detached hook")) : Effect.void)
        ),
      { detached: true }
    )
    const bytes = (parts: Iterable<string>) => Stream.encodeText(Stream.fromIterable(parts))
    switch (new URL(request.url, "http://a").pathname) {
      case "/array":
        return HttpServerResponse.text("hello world")
      case "/none":
        return HttpServerResponse.empty()
      case "/iterator":
        return HttpServerResponse.stream(bytes(Array.from({ length: 20 }, (_, i) => `line ${i}\n`)))
      case "/async":
        return HttpServerResponse.stream(
          Stream.range(0, 4).pipe(
            Stream.tap(() => Effect.promise(() => turns(1))),
            Stream.map((i) => `line ${i}\n`),
            Stream.encodeText
          )
        )
      case "/page":
        return HttpServerResponse.uint8Array(page)
      case "/pages":
        return HttpServerResponse.stream(Stream.fromIterable(Array.from({ length: 16 }, () => part)))
      case "/upload": {
        const length = yield* Stream.runFold(request.stream, 0, (length, piece) => length + piece.length)
        return HttpServerResponse.text(String(length))
      }
      case "/lines":
        return HttpServerResponse.text(String((yield* request.text).length))
      case "/form": {
        if (!request.headers["content-type"]?.startsWith("multipart/")) {
          return HttpServerResponse.text(String((yield* request.urlParamsBody).length))
        }
        return HttpServerResponse.text(
          String(yield* Stream.runFold(request.multipartStream, 0, (fields) => fields + 1))
        )
      }
      case "/socket": {
        const socket = yield* request.upgrade
        const write = yield* socket.writer
        yield* socket.runRaw((message) => write(message))
        return HttpServerResponse.empty()
      }
      case "/interim":
        yield* InterimResponses.send(103, [["Link", "</a>; rel=preload"]])
        return HttpServerResponse.text("interim")
      case "/before":
        return yield* Effect.die(new Error("before the head"))
      case "/after":
        return HttpServerResponse.stream(
          Stream.concat(bytes(["x".repeat(5_000)]), Stream.die(new Error("after the head")))
        )
      default:
        yield* InterimResponses.send(103)
        return yield* Effect.never
    }
  })
