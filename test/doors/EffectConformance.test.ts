/** The conformance suite through the Effect door. A short run leaves memory to the long one. */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  AccessLog,
  InterimResponses,
  Listener,
  NodeListener,
  ServerConfig,
  ServerError,
  TsgiHttpServer
} from "tsgi/effect"
import { MemoryListener, type WireClient } from "tsgi/testing"
import type { Handler, Middleware } from "../platform/scene.js"
import { Journal, turns } from "../utils/Journal.js"
import { thorough } from "../utils/runs.js"
import { connect } from "../utils/sockets.js"
import { conformance, type Door, type Probe } from "./conformance.js"

const hello = HttpServerResponse.text("hello")
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const parts = (...texts: ReadonlyArray<string>) =>
  Stream.mapEffect(Stream.fromIterable(texts), (text) => Effect.as(Effect.yieldNow(), bytes(text)))
const withLength = (length: number, body: Stream.Stream<Uint8Array>) =>
  HttpServerResponse.stream(body, { headers: { "content-length": String(length) } })
const read = Effect.map(
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ arrayBuffer }) => arrayBuffer),
  (buffer) => HttpServerResponse.uint8Array(new Uint8Array(buffer))
)
/** An interim response that this client cannot get is left out, as at the plain door. */
const ifPossible = <R>(sent: Effect.Effect<void, InterimResponses.InterimError, R>): Effect.Effect<void, never, R> =>
  Effect.ignore(sent)

/** Paths of the suite. */
const application = (probe: Probe): Handler<unknown> => {
  const at = (name: string) => Effect.promise(() => probe.at(name))
  const made = Stream.repeatEffectOption(Effect.suspend(() => {
    if (probe.made >= probe.bulk) return Effect.fail(Option.none())
    const part = new Uint8Array(16_384).fill(120)
    probe.made += part.length
    return Effect.succeed(part)
  }))
  const paths: Record<string, Handler<unknown>> = {
    // this path is requested often
    "/hello": HttpMiddleware.withLoggerDisabled(Effect.succeed(hello)),
    "/later": Effect.as(Effect.promise(() => turns(3)), hello),
    "/echo": read,
    "/echo-stream": Effect.map(HttpServerRequest.HttpServerRequest, ({ headers, stream }) => {
      const length = headers["content-length"]
      return HttpServerResponse.stream(stream, length === undefined ? {} : { contentLength: Number(length) })
    }),
    "/parts": Effect.succeed(HttpServerResponse.stream(parts("one", "two", "three"))),
    "/gated-parts": Effect.succeed(HttpServerResponse.stream(
      Stream.concat(parts("one"), Stream.fromEffect(Effect.as(at("parts"), bytes("two"))))
    )),
    "/no-content": Effect.succeed(HttpServerResponse.text("nothing", { status: 204 })),
    "/not-modified": Effect.succeed(HttpServerResponse.empty({ status: 304, headers: { "content-length": "17" } })),
    "/trailers": Effect.flatMap(
      Effect.zipRight(read, TsgiHttpServer.trailers),
      (trailers) => HttpServerResponse.json(trailers)
    ),
    "/ignore": Effect.succeed(HttpServerResponse.text("ignored")),
    "/continue": Effect.zipRight(
      Effect.zipRight(ifPossible(InterimResponses.setContinueHeaders({ "x-quota": "5" })), at("read")),
      read
    ),
    "/refuse": Effect.succeed(HttpServerResponse.text("no", { status: 417 })),
    "/interim": Effect.all([
      ifPossible(InterimResponses.continue({ "x-step": "1" })),
      ifPossible(InterimResponses.send(102, { "x-step": "2" })),
      ifPossible(InterimResponses.earlyHints({ link: "</a.css>; rel=preload" })),
      ifPossible(InterimResponses.earlyHints({ link: "</b.css>; rel=preload" }))
    ]).pipe(Effect.zipRight(read)),
    "/interim-late": Effect.map(
      Effect.context<HttpServerRequest.HttpServerRequest>(),
      (context) =>
        HttpServerResponse.stream(
          parts("one").pipe(
            Stream.concat(Stream.drain(Stream.fromEffect(
              Effect.provide(ifPossible(InterimResponses.earlyHints({ link: "</a.css>; rel=preload" })), context)
            ))),
            Stream.concat(parts("two"))
          )
        )
    ),
    "/inject": Effect.succeed(HttpServerResponse.text("never", { headers: { "x-a": "b\r\nInjected: yes" } })),
    "/too-long": Effect.succeed(withLength(3, parts("abcdef"))),
    "/too-short": Effect.succeed(withLength(9, parts("abc"))),
    "/parts-too-long": Effect.succeed(withLength(3, parts("abc", "def"))),
    "/parts-too-short": Effect.succeed(withLength(9, parts("abc"))),
    "/fail": Effect.die(new Error("the reason")),
    "/fail-late": Effect.succeed(HttpServerResponse.stream(
      Stream.concat(parts("one"), Stream.fromEffect(Effect.zipRight(at("fail"), Effect.fail(new Error("the reason")))))
    )),
    "/made": Effect.succeed(HttpServerResponse.stream(
      Stream.ensuring(made, Effect.sync(() => probe.marks.push("made-over")))
    )),
    "/taken": Effect.zipRight(at("take"), HttpServerRequest.HttpServerRequest).pipe(
      Effect.flatMap(({ stream }) =>
        Stream.runForEach(stream, (piece) => Effect.sync(() => void (probe.taken += piece.length)))
      ),
      Effect.map(() => HttpServerResponse.text(String(probe.taken)))
    ),
    "/caught": Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => Effect.flip(text)).pipe(
      Effect.map(({ cause }) =>
        HttpServerResponse.text(cause instanceof ServerError.BodyError ? cause.reason : String(cause))
      )
    ),
    "/wait": Effect.as(at("wait"), HttpServerResponse.text("waited")),
    "/told": Effect.onInterrupt(Effect.never, () => Effect.sync(() => probe.marks.push("told"))),
    // a stop waits for ever for a handler that cannot be interrupted
    "/deaf": Effect.never
  }
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) => {
    const path = url.replace(/\?.*/, "")
    probe.marks.push(path)
    return paths[path]
  })
}

const door = (
  name: string,
  size: Omit<Door, "name" | "serve" | "endsWithFailure" | "holdsParts">,
  middleware: Middleware | undefined,
  make: () => { readonly listener: Listener.Listener["Type"]; readonly connect: (port: number) => Promise<WireClient> }
): Door => ({
  name: `the Effect door ${name}`,
  ...size,
  endsWithFailure: false,
  holdsParts: false,
  serve: async (probe, { bulky: _, ...options }) => {
    const records = new Journal<AccessLog.AccessRecord>()
    const lines = new Journal<string>()
    const { connect, listener } = make()
    const app = application(probe)
    const layer = (middleware === undefined ? HttpServer.serve(app) : HttpServer.serve(app, middleware)).pipe(
      Layer.provideMerge(TsgiHttpServer.layerWith()),
      Layer.provide([
        TsgiHttpServer.layerServices,
        Layer.succeed(Listener.Listener, listener),
        AccessLog.layerFunction((record) => {
          // an error that no middleware logs is in the record
          if (record.outcome?._tag === "Failed") lines.push(String(record.outcome.error))
          records.push(record)
        })
      ]),
      Layer.provide(ServerConfig.layer({ halfClose: "answer", ...options })),
      Layer.provide(
        Logger.replace(Logger.defaultLogger, Logger.make((line) => lines.push(Logger.logfmtLogger.log(line))))
      )
    )
    const scope = Effect.runSync(Scope.make())
    const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
    const { address } = Context.get(context, HttpServer.HttpServer)
    return {
      connect: () => connect(address._tag === "TcpAddress" ? address.port : 0),
      stop: () => Effect.runPromise(Effect.as(Scope.close(scope, Exit.void), undefined)),
      records,
      lines
    }
  }
})

const sockets = { slack: 8_388_608, bulk: 12_582_912, pipelined: 1_000, resets: true }
const memory = { slack: 655_360, bulk: 1_048_576, pipelined: 1_000, resets: true }

conformance(door("by tcp, with middleware", sockets, HttpMiddleware.logger, () => ({
  listener: NodeListener.make({ host: "127.0.0.1" }),
  connect: (port) => connect(port)
})))

if (thorough) {
  conformance(door("in memory", memory, undefined, () => {
    const { connect, listener } = MemoryListener.make()
    return { listener, connect: async () => connect() }
  }))
}
