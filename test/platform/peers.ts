/**
 * What NodeHttpServer does and what tsgi does: the same app on both, the same client, and the observations in words, which are
 * those of the README's table. Both are served in the same way, and so not by scene.ts.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import { clientAbortFiberId, type ServeError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerRespondable from "@effect/platform/HttpServerRespondable"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { once } from "node:events"
import { createServer } from "node:http"
import { setTimeout } from "node:timers/promises"
import { InterimResponses, TsgiHttpServer } from "tsgi/effect"
import { type WireClient, WireEnded } from "tsgi/testing"
import { WebSocket } from "ws"
import { Journal } from "../utils/Journal.js"
import { connect } from "../utils/sockets.js"

const grace = 1000
/** After this time, in milliseconds, an event that has not happened counts as one that never does. */
const patience = 3000

export const servers = {
  NodeHttpServer: () => NodeHttpServer.layerServer(createServer, { port: 0, host: "127.0.0.1" }),
  tsgi: (limits) => TsgiHttpServer.layerServer({ port: 0, timeouts: { grace, farewell: grace / 2 }, limits })
} satisfies Record<
  string,
  (limits?: TsgiHttpServer.Options["limits"]) => Layer.Layer<HttpServer.HttpServer, ServeError>
>

export type Peer = keyof typeof servers

type App<R = never> = HttpApp.Default<never, R | Scope.Scope>

class TestServer implements AsyncDisposable {
  private stopped: Promise<void> | undefined

  constructor(private readonly port: number, private readonly scope: Scope.CloseableScope) {}

  connect(): Promise<WireClient> {
    return connect(this.port)
  }

  webSocket(): WebSocket {
    return new WebSocket(`ws://127.0.0.1:${this.port}/`)
  }

  /** Stops the server as the end of an application does. */
  stop(): Promise<void> {
    return this.stopped ??= Effect.runPromise(Scope.close(this.scope, Exit.void))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.race([this.stop(), setTimeout(patience)])
  }
}

const open = async <R = never>(
  peer: Peer,
  app: App<R>,
  options: {
    readonly logged?: boolean
    readonly services?: Layer.Layer<R>
    readonly limits?: TsgiHttpServer.Options["limits"]
    readonly hears?: (message: string) => void
  } = {}
): Promise<TestServer> => {
  const scope = Effect.runSync(Scope.make())
  const { hears, logged = false, services = Layer.empty as Layer.Layer<R> } = options
  const served = logged ? HttpServer.serve(app, HttpMiddleware.logger) : HttpServer.serve(app)
  const context = await Effect.runPromise(
    served.pipe(
      Layer.provide(services),
      Layer.provideMerge(servers[peer](options.limits)),
      Layer.provide(
        hears === undefined
          ? Logger.remove(Logger.defaultLogger)
          : Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => hears(String(message))))
      ),
      Layer.build,
      Scope.extend(scope),
      Effect.flatMap((context) => Effect.provide(HttpServer.HttpServer, context))
    )
  )
  return new TestServer(context.address._tag === "TcpAddress" ? context.address.port : 0, scope)
}

const request = (head: string, body = ""): string => `${head}\r\nHost: a\r\n\r\n${body}`
const get = request("GET / HTTP/1.1")

/** The result of a promise, or `undefined` if it takes too long. */
const within = async <A>(promise: Promise<A>, time = patience): Promise<A | undefined> =>
  Promise.race([promise, setTimeout(time, undefined, { ref: false })])

const exitInWords = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? "a success"
    : [...Cause.interruptors(exit.cause)].includes(clientAbortFiberId)
    ? "an interruption by the client"
    : "a failure"

interface Row {
  readonly what: string
  readonly NodeHttpServer: string
  readonly tsgi: string
  readonly see: (peer: Peer) => Promise<string>
}

const routed = <R>(app: App<R>) => Effect.orDie(HttpRouter.empty.pipe(HttpRouter.get("/", app)))

/** Connects, sends, waits until the handler works, and leaves. */
const leaving = async (
  peer: Peer,
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse>,
  options: { readonly routed: boolean; readonly logged?: boolean }
) => {
  const events = new Journal<string>()
  let exit: string | undefined
  const app = Effect.addFinalizer((value) =>
    Effect.sync(() => {
      exit = exitInWords(value)
      events.push("closed")
    })
  ).pipe(
    Effect.zipRight(Effect.sync(() => events.push("at work"))),
    Effect.zipRight(handler),
    Effect.onInterrupt(() => Effect.sync(() => events.push("interrupted")))
  )
  await using server = await open(peer, options.routed ? routed(app) : app, { logged: options.logged ?? false })
  const client = await server.connect()
  client.send(get)
  await events.find((event) => event === "at work")
  client.close()
  await within(events.find((event) => event === "closed"))
  return { exit, interrupted: events.entries.includes("interrupted") }
}

// this is long enough for a busy machine to notice that the client has left
const late = Effect.uninterruptible(Effect.as(Effect.sleep(1_500), HttpServerResponse.text("late")))

class Database extends Context.Tag("Database")<Database, { readonly query: (time: number) => Effect.Effect<void> }>() {}

/** Stops while a handler works with a service, whose release takes `release` milliseconds. */
const stopping = async (peer: Peer, { release = 0, work }: { readonly work: number; readonly release?: number }) => {
  const events = new Journal<string>()
  const database = Layer.scoped(
    Database,
    Effect.acquireRelease(
      Effect.succeed({
        query: (time: number) => time === Infinity ? Effect.never : Effect.sleep(time)
      }),
      () => Effect.zipRight(Effect.sync(() => events.push("released")), Effect.sleep(release))
    )
  )
  const app = Effect.gen(function*() {
    const { query } = yield* Database
    events.push("at work")
    yield* query(work)
    return HttpServerResponse.text("done")
  }).pipe(
    Effect.onInterrupt(() => Effect.sync(() => events.push("interrupted"))),
    Effect.ensuring(Effect.sync(() => events.push("handler over")))
  )
  await using server = await open<Database>(peer, app, { services: database })
  await using client = await server.connect()
  client.send(get)
  await events.find((event) => event === "at work")
  if (work === 0) await client.response()
  const stop = server.stop().then(() => true)
  const answer = work === 0 ? undefined : await within(client.response().catch(() => undefined))
  if (release > 0) await events.find((event) => event === "released")
  const newcomer = await (async () => {
    try {
      await using another = await server.connect()
      another.send(get)
      const response = await within(another.response())
      return response === undefined ? "is accepted and never answered" : `is answered ${response.status}`
    } catch (error) {
      return error instanceof WireEnded ? "is accepted and never answered" : "is refused"
    }
  })()
  return { events: events.entries, answer, newcomer, stopped: await within(stop) ?? false }
}

const expecting = request("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5")

const table: ReadonlyArray<Row> = [
  {
    what: "a handler fails, and no middleware logs requests",
    NodeHttpServer: "500, nothing is logged",
    tsgi: "500, the failure is logged",
    see: async (peer) => {
      const heard: Array<string> = []
      const hears = (message: string) => heard.push(message)
      await using server = await open(peer, Effect.dieMessage("on purpose"), { hears })
      const client = await server.connect()
      client.send(get)
      const { status } = await client.response()
      await server.stop()
      const isLogged = heard.some((message) => message.includes("failed"))
      return `${status}, ${isLogged ? "the failure is logged" : "nothing is logged"}`
    }
  },
  {
    what: "the client leaves while a handler works: a plain `HttpApp`",
    NodeHttpServer: "runs on",
    tsgi: "is interrupted",
    see: async (peer) =>
      (await leaving(peer, Effect.never, { routed: false })).interrupted ? "is interrupted" : "runs on"
  },
  {
    what: "the same in an `HttpRouter`",
    NodeHttpServer: "is interrupted",
    tsgi: "is interrupted",
    see: async (peer) =>
      (await leaving(peer, Effect.never, { routed: true })).interrupted ? "is interrupted" : "runs on"
  },
  {
    what: "the exit that its request scope is closed with, `HttpMiddleware.logger` around the router",
    NodeHttpServer: "a success",
    tsgi: "an interruption by the client",
    see: async (peer) => (await leaving(peer, Effect.never, { routed: true, logged: true })).exit ?? "never closed"
  },
  {
    what: "the request scope, when the client leaves before a buffered answer is written",
    NodeHttpServer: "never closed",
    tsgi: "closed: an interruption by the client",
    see: async (peer) => {
      const { exit } = await leaving(peer, late, { routed: false })
      return exit === undefined ? "never closed" : `closed: ${exit}`
    }
  },
  {
    what: "`Expect: 100-continue`, and a handler that refuses without reading",
    NodeHttpServer: "100, then 417",
    tsgi: "417",
    see: async (peer) => {
      await using server = await open(peer, HttpServerResponse.empty({ status: 417 }))
      await using client = await server.connect()
      client.send(expecting)
      const response = await client.response()
      return [...response.interim, response].map(({ status }) => status).join(", then ")
    }
  },
  {
    what: "`InterimResponses.earlyHints`",
    NodeHttpServer: "fails: `Unsupported`",
    tsgi: "103, then 200",
    see: async (peer) => {
      const app = InterimResponses.earlyHints({ Link: "</style.css>; rel=preload" }).pipe(
        Effect.as(HttpServerResponse.empty({ status: 200 })),
        Effect.catchAll((error) => HttpServerResponse.text(`fails: \`${error.reason}\``))
      )
      await using server = await open(peer, app)
      await using client = await server.connect()
      client.send(get)
      const response = await client.response()
      return response.body.toString() || [...response.interim, response].map(({ status }) => status).join(", then ")
    }
  },
  {
    what: "11 MiB for `request.text`, without `MaxBodySize`",
    NodeHttpServer: "200",
    tsgi: "413",
    see: async (peer) => {
      const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text).pipe(
        Effect.map((text) => HttpServerResponse.text(String(text.length))),
        Effect.catchAll((error) => HttpServerRespondable.toResponse(error))
      )
      const length = 11 * 1024 * 1024
      await using server = await open(peer, app)
      await using client = await server.connect()
      client.send(request(`POST / HTTP/1.1\r\nContent-Length: ${length}`))
      client.send(Buffer.alloc(length, "x"))
      return String((await client.response()).status)
    }
  },
  {
    what: "a chunked answer whose stream fails half way",
    NodeHttpServer: "ends as if it were complete",
    tsgi: "is cut",
    see: async (peer) => {
      const failing = Stream.concat(Stream.succeed(Buffer.from("half")), Stream.fail("no more"))
      await using server = await open(peer, Effect.succeed(HttpServerResponse.stream(failing)))
      await using client = await server.connect()
      client.send(get)
      try {
        const response = await client.response()
        return `ends as if it were complete${response.body.toString() === "half" ? "" : "?"}`
      } catch (error) {
        if (error instanceof WireEnded) return "is cut"
        throw error
      }
    }
  },
  {
    what: "a raw body that is a `Blob`",
    NodeHttpServer: "no answer",
    tsgi: "is sent",
    see: async (peer) => {
      await using server = await open(peer, Effect.succeed(HttpServerResponse.raw(new Blob(["blob"]))))
      await using client = await server.connect()
      client.send(get)
      const response = await within(client.response())
      return response === undefined ? "no answer" : response.body.toString() === "blob" ? "is sent" : "something else"
    }
  },
  {
    what: "the address behind `HttpMiddleware.xForwardedHeaders`, when a client says X-Forwarded-For: 6.6.6.6",
    NodeHttpServer: "6.6.6.6",
    tsgi: "its own, unless `trustedProxies` has it and `forwarded` the field",
    see: async (peer) => {
      const told = Effect.map(
        HttpServerRequest.HttpServerRequest,
        ({ remoteAddress }) => HttpServerResponse.text(Option.getOrElse(remoteAddress, () => "none"))
      )
      await using server = await open(peer, HttpMiddleware.xForwardedHeaders(told))
      await using client = await server.connect()
      client.send(request("GET / HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6"))
      const address = (await client.response()).body.toString()
      return address === "127.0.0.1" ? "its own, unless `trustedProxies` has it and `forwarded` the field" : address
    }
  },
  {
    what: "a connection beyond `limits.connections` (65536 by default), while all others are at work",
    NodeHttpServer: "is answered: there is no such limit",
    tsgi: "waits",
    see: async (peer) => {
      await using server = await open(peer, Effect.succeed(HttpServerResponse.text("hello")), {
        limits: { connections: 1 }
      })
      await using busy = await server.connect()
      await using another = await server.connect()
      busy.send("GET / HTTP/1.1\r\n")
      another.send(get)
      const answer = another.response()
      const found = await within(answer, 500)
      busy.close()
      return found !== undefined ? "is answered: there is no such limit" : (await answer).status === 200 ? "waits" : "?"
    }
  },
  {
    what: "stop while a handler works: services that were provided to the app, and the server to both",
    NodeHttpServer: "are released under it",
    tsgi: "are released when it has ended",
    see: async (peer) => {
      const { events } = await stopping(peer, { work: 500 })
      return events.indexOf("handler over") >= 0 && events.indexOf("handler over") < events.indexOf("released")
        ? "are released when it has ended"
        : "are released under it"
    }
  },
  {
    what: "its answer",
    NodeHttpServer: "200",
    tsgi: "200, `Connection: close`",
    see: async (peer) => {
      const { answer } = await stopping(peer, { work: 500 })
      const connection = answer?.get("connection")
      return `${answer?.status}${connection === "close" ? ", `Connection: close`" : ""}`
    }
  },
  {
    what: "a connection that comes while services are being released",
    NodeHttpServer: "is accepted and never answered",
    tsgi: "is refused",
    see: async (peer) => (await stopping(peer, { work: 0, release: 1000 })).newcomer
  },
  {
    what: "stop while a handler works that does not end",
    NodeHttpServer: "waits for ever",
    tsgi: "interrupts it after the grace time",
    see: async (peer) => {
      const { events, stopped } = await stopping(peer, { work: Infinity })
      if (!stopped) return "waits for ever"
      return events.includes("interrupted") ? "interrupts it after the grace time" : "cuts it"
    }
  },
  {
    what: "stop while a WebSocket is open whose handler does not wait for the stop",
    NodeHttpServer: "closes it at once, and says no reason: 1005",
    tsgi: "closes it after `timeouts.farewell`: 1001",
    see: async (peer) => {
      const connected = new Journal<string>()
      const app = Effect.gen(function*() {
        const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
        connected.push("open")
        yield* socket.runRaw(() => undefined)
        return HttpServerResponse.empty()
      }).pipe(Effect.orDie)
      await using server = await open(peer, app)
      const client = server.webSocket()
      const closed = once(client, "close")
      await connected.first(1)
      const stopped = server.stop()
      const [code] = await closed as [number]
      await stopped
      return code === 1001
        ? "closes it after `timeouts.farewell`: 1001"
        : `closes it at once, and says no reason: ${code}`
    }
  }
]

export const rows = table
