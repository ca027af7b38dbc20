/** Addresses of a server, clients for tests, options from `Config`, and further apps. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { expect, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { TsgiHttpServer } from "tsgi/effect"
import { connect } from "../utils/sockets.js"
import { readAnswer } from "./answers.js"
import { requestBytes } from "./exchanges.js"

const servers: ReadonlyArray<readonly [string, Layer.Layer<HttpServer.HttpServer, unknown>]> = [
  ["NodeHttpServer", NodeHttpServer.layerServer(createServer, { port: 0, host: "127.0.0.1" })],
  ["TsgiHttpServer", TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1" })]
]

const port = HttpServer.addressWith((address) =>
  address._tag === "TcpAddress" ? Effect.succeed(address.port) : Effect.dieMessage("no port")
)

const ask = (to: number, path = "/") =>
  Effect.promise(async () => {
    await using client = await connect(to)
    client.send(requestBytes("GET", path, { headers: { Connection: "close" } }))
    return await readAnswer(client, "GET")
  })

it.effect.each(servers)("%s tells its address", ([, layer]) =>
  Effect.gen(function*() {
    const lines: Array<unknown> = []
    const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(message)))
    yield* Effect.gen(function*() {
      const listening = yield* port
      expect(yield* HttpServer.addressFormattedWith(Effect.succeed)).toBe(`http://127.0.0.1:${listening}`)
      yield* HttpServer.logAddress
      expect(lines).toEqual([[`Listening on http://127.0.0.1:${listening}`]])
    }).pipe(Effect.provide(layer), Effect.provide(logger))
  }))

it.effect.each(
  [
    ["NodeHttpServer", NodeHttpServer.layer(createServer, { port: 0 })],
    ["TsgiHttpServer", TsgiHttpServer.layer({ port: 0, host: "::" })]
  ] as const
)("%s names every address 0.0.0.0", ([, layer]) =>
  Effect.gen(function*() {
    const address = yield* HttpServer.addressWith(Effect.succeed)
    expect(address).toMatchObject({ _tag: "TcpAddress", hostname: "0.0.0.0" })
  }).pipe(Effect.provide(layer)))

const router = HttpRouter.empty.pipe(
  HttpRouter.get("/", HttpServerResponse.text("hello")),
  HttpRouter.get("/users/:id", Effect.map(HttpRouter.params, ({ id }) => HttpServerResponse.unsafeJson({ id })))
)

it.scoped.each(
  [
    ["NodeHttpServer", NodeHttpServer.layerTest],
    ["TsgiHttpServer", TsgiHttpServer.layerTest]
  ] as const
)("%s has a client for tests", ([, layer]) =>
  Effect.gen(function*() {
    yield* HttpServer.serveEffect(router)
    expect(yield* Effect.flatMap(HttpClient.get("/"), (response) => response.text)).toBe("hello")
    const user = yield* HttpClient.get("/users/7")
    expect(user.status).toBe(200)
    expect(yield* user.json).toEqual({ id: "7" })
    expect((yield* HttpClient.get("/nowhere")).status).toBe(404)
  }).pipe(Effect.provide(layer)))

it.effect.each(
  [
    [
      "NodeHttpServer",
      NodeHttpServer.layerConfig(createServer, { port: Config.integer("PORT"), host: Config.string("HOST") })
    ],
    [
      "TsgiHttpServer",
      TsgiHttpServer.layerConfig({
        port: Config.integer("PORT"),
        host: Config.string("HOST"),
        backlog: Config.succeed(100),
        limits: { body: Config.succeed(1000) }
      })
    ]
  ] as const
)("%s takes its options from Config", ([, layer]) => {
  const given = (entries: ReadonlyArray<readonly [string, string]>) =>
    Layer.build(layer).pipe(
      Effect.map((context) => Context.get(context, HttpServer.HttpServer).address),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(entries))),
      Effect.scoped
    )
  return Effect.gen(function*() {
    expect(yield* given([["PORT", "0"], ["HOST", "127.0.0.1"]])).toMatchObject({
      _tag: "TcpAddress",
      hostname: "127.0.0.1"
    })
    expect(yield* Effect.flip(given([["HOST", "127.0.0.1"]]))).toMatchObject({ _op: "MissingData", path: ["PORT"] })
  })
})

it.effect("fails to be made with a ServeError when its address is taken", () =>
  Effect.gen(function*() {
    const taken = yield* port
    const error = yield* Effect.flip(Layer.build(TsgiHttpServer.layerServer({ port: taken, host: "127.0.0.1" })))
    expect(error._tag).toBe("ServeError")
    expect(error.cause).toMatchObject({ _tag: "BindError", reason: "AddressInUse" })
  }).pipe(Effect.provide(TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1" })), Effect.scoped))

it.effect.each(servers)(
  "%s serves another app when the first is no longer served",
  ([, layer]) =>
    Effect.gen(function*() {
      const listening = yield* port
      for (const name of ["first", "second", "third"]) {
        const scope = yield* Scope.make()
        yield* Scope.extend(HttpServer.serveEffect(HttpServerResponse.text(name)), scope)
        expect(yield* ask(listening)).toMatchObject({ status: "200", body: name })
        yield* Scope.close(scope, Exit.void)
      }
    }).pipe(Effect.provide(layer))
)

it.scoped("answers what came before an app was served", () =>
  Effect.gen(function*() {
    const listening = yield* port
    const client = yield* Effect.promise(() => connect(listening))
    yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
    client.send(requestBytes("GET", "/", {}))
    yield* HttpServer.serveEffect(HttpServerResponse.text("here now"))
    expect(yield* Effect.promise(() => readAnswer(client, "GET"))).toMatchObject({ status: "200", body: "here now" })
  }).pipe(Effect.provide(TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1" }))))

it.scoped("sends the head of a stream that is slow to begin ahead", () =>
  Effect.gen(function*() {
    yield* HttpServer.serveEffect(HttpServerResponse.stream(Stream.never, { contentType: "text/event-stream" }))
    const listening = yield* port
    const client = yield* Effect.promise(() => connect(listening))
    client.send(requestBytes("GET", "/", {}))
    expect((yield* Effect.promise(() => client.head())).get("content-type")).toBe("text/event-stream")
    client.close()
  }).pipe(Effect.provide(TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1" }))))

it.effect("listens on all of the machine's addresses when no host is named, as NodeHttpServer does", () =>
  Effect.gen(function*() {
    expect(yield* HttpServer.addressWith(Effect.succeed)).toMatchObject({ hostname: "0.0.0.0" })
  }).pipe(Effect.provide(TsgiHttpServer.layer({ port: 0 }))))
