/** The defaults, and the errors of a server that cannot start. Servers are made in each way that the door has to make one. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { ListenOptions } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { AccessLog, AccessLogFile, AccessLogFormat, ServerConfig, TsgiHttpServer } from "tsgi/effect"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { turns } from "../utils/Journal.js"
import { hasIpv6 } from "../utils/ports.js"
import { get } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"

/** The answer to a client that closes its sending half while it waits. */
const answeredAfterEnd = (config: Layer.Layer<never>): Promise<string> => {
  // the end has been seen by then
  const app = Effect.as(Effect.promise(() => turns(50)), HttpServerResponse.text("answered"))
  return Effect.gen(function*() {
    const { connect } = yield* MemoryListener.MemoryListener
    const client = yield* connect()
    client.send(get())
    client.end()
    return (yield* Effect.promise(() => client.all())).toString("latin1")
  }).pipe(
    Effect.scoped,
    Effect.provide(
      HttpServer.serve(app).pipe(
        Layer.provide(TsgiHttpServer.layerWith()),
        Layer.provide(TsgiHttpServer.layerServices),
        Layer.provideMerge(MemoryListener.layer()),
        Layer.provide(config)
      )
    ),
    Effect.runPromise
  )
}

it("a server put together from services has this door's settings", async () => {
  expect(await answeredAfterEnd(Layer.empty)).toBe("")
})

it("a ServerConfig that is provided has its own, or this door's where they are spread into it", async () => {
  expect(await answeredAfterEnd(ServerConfig.layer({}))).toMatch(/^HTTP\/1\.1 200 OK\r\n.*answered$/s)
  expect(await answeredAfterEnd(ServerConfig.layer({ ...TsgiHttpServer.defaults, halfClose: "answer" })))
    .toMatch(/^HTTP\/1\.1 200 OK\r\n.*answered$/s)
})

it("a server that cannot listen, or is told what cannot be, says so in its error's message", async () => {
  const failure = (options: TsgiHttpServer.Options) =>
    TsgiHttpServer.make(options).pipe(Effect.scoped, Effect.flip, Effect.runPromise)
  expect(await failure({ host: "192.0.2.1", port: 1 })).toMatchObject({
    _tag: "ServeError",
    message: expect.stringMatching(/^cannot listen on http:\/\/192\.0\.2\.1:1: /) as string,
    cause: { _tag: "BindError" }
  })
  expect(await failure({ timeouts: { grace: -1 } })).toMatchObject({
    _tag: "ServeError",
    message: "timeouts.grace: must be a number of milliseconds, 0 or more, or Infinity; it is -1",
    cause: { _tag: "OptionError", option: "timeouts.grace" }
  })
})

it("invalid values of trustedProxies and forwarded are refused by their names", async () => {
  const wrong: ReadonlyArray<readonly [option: string, given: object]> = [
    ["trustedProxies", { trustedProxies: ["proxy"] }],
    ["trustedProxies", { trustedProxies: "10.0.0.1" }],
    ["forwarded", { forwarded: "proto" }],
    ["forwarded", { forwarded: ["x-real-ip"] }]
  ]
  for (const [option, given] of wrong) {
    expect(await Effect.runPromise(Effect.flip(Effect.scoped(TsgiHttpServer.make({ port: 0, ...given })))))
      .toMatchObject({
        cause: { _tag: "OptionError", option }
      })
  }
  expect(() => ServerConfig.make({ trustedProxies: ["10.0.0.1"] as never })).toThrow(/TrustedProxies.make returns/)
})

it("an invalid option of this door is refused by its name, however the server is made", async () => {
  const wrong: ReadonlyArray<readonly [option: string, given: object]> = [
    ["interruptOnDisconnect", { interruptOnDisconnect: "no" }],
    ["maxBufferedBody", { maxBufferedBody: -1 }],
    ["maxBufferedBody", { maxBufferedBody: "10" }],
    ["maxBufferedBody", { maxBufferedBody: 1.5 }],
    ["maxBufferedBody", { maxBufferedBody: NaN }],
    ["forms.maxFields", { forms: { maxFields: -1 } }],
    ["forms.maxFieldsSize", { forms: { maxFieldsSize: "1" } }],
    ["forms.maxFiles", { forms: { maxFiles: 1.5 } }],
    ["forms.maxTotalSize", { forms: { maxTotalSize: NaN } }],
    ["forms.maxParts", { forms: { maxParts: 5 } }],
    ["websocket.maxPayload", { websocket: { maxPayload: -5 } }],
    ["websocket.maxPayload", { websocket: { maxPayload: 0 } }],
    ["websocket.maxPayload", { websocket: { maxPayload: 2 ** 32 } }],
    ["websocket.perMessageDeflate", { websocket: { perMessageDeflate: 1 } }],
    ["websocket.idle", { websocket: { idle: -1 } }],
    ["websocket.idle", { websocket: { idle: "60s" } }],
    ["websocket.maxPayLoad", { websocket: { maxPayLoad: 5 } }]
  ]
  const memory = Layer.merge(TsgiHttpServer.layerServices, MemoryListener.layer())
  for (const [option, given] of wrong) {
    for (
      const made of [
        TsgiHttpServer.make({ port: 0, ...given }),
        Effect.provide(TsgiHttpServer.makeWith(given), memory)
      ]
    ) {
      expect(await Effect.runPromise(Effect.flip(Effect.scoped(made)))).toMatchObject({
        _tag: "ServeError",
        cause: { _tag: "OptionError", option }
      })
    }
  }
  const fine = { maxBufferedBody: 0, websocket: { maxPayload: Infinity, perMessageDeflate: false, idle: Infinity } }
  await Effect.runPromise(Effect.scoped(TsgiHttpServer.make({ host: "127.0.0.1", port: 0, ...fine })))
})

it("an option that is undefined is one that was not given", async () => {
  const undefineds = {
    halfClose: undefined,
    fieldCase: undefined,
    limits: { requestLine: undefined, connections: undefined }
  }
  const status = await Effect.gen(function*() {
    const address = yield* HttpServer.addressWith(Effect.succeed)
    const port = address._tag === "TcpAddress" ? address.port : 0
    return yield* Effect.promise(async () => {
      await using client = await connect(port)
      client.send(get(`/${"x".repeat(12_000)}`))
      const response = await client.response()
      return [response.status, response.get("x-given-name")]
    })
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        HttpServer.serve(Effect.succeed(HttpServerResponse.empty({ headers: { "x-given-name": "1" } }))),
        TsgiHttpServer.layerServer({ port: 0, ...undefineds })
      )
    ),
    Effect.runPromise
  )
  expect(status).toEqual([204, "1"])
})

it("names of response fields are sent as given, or title-cased", async () => {
  const app = Effect.succeed(HttpServerResponse.text("hello", { headers: { "x-given-name": "1" } }))
  const names = (options: TsgiHttpServer.Options) =>
    Effect.gen(function*() {
      const address = yield* HttpServer.addressWith(Effect.succeed)
      const client = yield* Effect.promise(() => connect(address._tag === "TcpAddress" ? address.port : 0))
      client.send(get())
      const { fields } = yield* Effect.promise(() => client.response())
      client.close()
      return fields.map(([name]) => name).filter((name) => /^(x-|content-t)/i.test(name)).sort()
    }).pipe(
      Effect.provide(Layer.provideMerge(HttpServer.serve(app), TsgiHttpServer.layerServer(options))),
      Effect.runPromise
    )
  expect(await names({})).toEqual(["content-type", "x-given-name"])
  expect(await names({ fieldCase: "title" })).toEqual(["Content-Type", "X-Given-Name"])
})

it("a name that is nearly right is refused with the one that was meant, and all that there are are told", async () => {
  const certificate = await makeCertificate("localhost")
  const wrong: ReadonlyArray<readonly [given: object, message: RegExp]> = [
    [
      { prot: 1 },
      /^prot: there is no such option; did you mean port\? Known options are port, host, .*tls, .*forms.*limits/
    ],
    [{ tsl: {} }, /^tsl: there is no such option; did you mean tls\?/],
    [{ maxPayload: 1 }, /^maxPayload: there is no such option; did you mean websocket\.maxPayload\?/],
    [{ max_buffered_body: 1 }, /^max_buffered_body: there is no such option; did you mean maxBufferedBody\?/],
    [{ grace: 1 }, /^grace: there is no such option; did you mean timeouts\.grace\?/],
    [
      { websocket: { maxPayLoad: 1 } },
      /^websocket\.maxPayLoad: there is no such option; did you mean websocket\.maxPayload\? Known options are /
    ],
    [{ websocket: 5 }, /^websocket: must be an object; it is 5$/],
    [{ forms: { maxFile: 1 } }, /^forms\.maxFile: there is no such option; did you mean forms\.maxFiles\?/],
    [{ limits: { connection: 1 } }, /^limits\.connection: there is no such option; did you mean limits\.connections\?/],
    [{ port: "http" }, /^cannot listen: port: must be a whole number from 0 to 65535; it is "http"$/],
    [
      { tls: { ...certificate, key: "key.pem" } },
      /^cannot listen: key: takes the contents of the file, not its path/
    ],
    [
      { tls: { ...certificate, requestCerts: true } },
      /requestCerts: TLS has no such option; did you mean requestCert\?/
    ],
    [{ path: "/tmp/tsgi.sock", host: "localhost" }, /host applies to a port only, not to path, fd or socket/],
    [{ port: 0, mode: 0o600 }, /mode goes with a path/],
    [{ port: 0, hostname: "a" }, /^hostname: is called host here$/],
    [
      { port: 0, exclusive: true },
      /^exclusive: is no option here: leave it out; only workers of node:cluster share a port/
    ],
    [{ port: 0, signal: AbortSignal.abort() }, /^signal: is no option here: close the layer's scope, which stops/],
    [{ path: "/tmp/tsgi.sock", readableAll: true }, /^readableAll: is a part of mode here, as in mode: 0o666$/],
    [{ path: "/tmp/tsgi.sock", writableAll: true }, /^writableAll: is a part of mode here, as in mode: 0o666$/],
    [{ port: 0, keepAliveTimeout: 5 }, /^keepAliveTimeout: is called timeouts\.idle here$/],
    [{ port: 0, cert: "", key: "" }, /^cert: belongs to tls, as in tls: \{ cert, key \}$/],
    [{ port: 0, host: "127.0.0.1:80" }, /host: must be an address or a name, .*without scheme, brackets and port/],
    [{ port: 0, host: "[::1]" }, /host: must be an address or a name/],
    [{ port: 0, tls: { cert: "", key: "" } }, /^cannot listen: cert: is empty/],
    [{ port: 0, proxyFrom: ["192.0.2.1"] }, /proxyFrom goes with proxy/]
  ]
  for (const [given, message] of wrong) {
    const error = await Effect.runPromise(Effect.flip(Effect.scoped(TsgiHttpServer.make(given))))
    expect(error.message).toMatch(message)
  }
  const door = await Effect.runPromise(
    TsgiHttpServer.makeWith({ websokcet: {} } as never).pipe(
      Effect.provide(Layer.merge(TsgiHttpServer.layerServices, MemoryListener.layer())),
      Effect.scoped,
      Effect.flip
    )
  )
  expect(door.message).toMatch(
    /^websokcet: there is no such option; did you mean websocket\? Known options are interrupt/
  )
})

it.each<readonly [string, () => Layer.Layer<never, unknown>, RegExp]>([
  [
    "a Config",
    () => TsgiHttpServer.layer(Config.succeed({ port: 0 }) as never),
    /^options: is a Config: give it to layerConfig$/
  ],
  ["a log", () => TsgiHttpServer.layer({ log: "a" } as never), /^log: is no option here: provide AccessLogFile\.layer/],
  ["a format", () => TsgiHttpServer.layer({ logFormat: "a" } as never), /^logFormat: is no option here: provide Acc/],
  ["a log with services", () => own({ accessLog: "a" }), /^accessLog: is no option here: provide AccessLogFile\.layer/],
  ["a port with services", () => own({ port: 1 }), /^port: is an option of NodeListener\.layer$/],
  ["TLS with services", () => own({ tls: {} }), /^tls: is the second argument of NodeListener\.layer$/],
  ["limits with services", () => own({ limits: {} }), /^limits: is an option of ServerConfig\.layer$/]
])("what belongs elsewhere is told of with its place: %s", async (_, make, message) => {
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(make()))))
  expect(error).toMatchObject({ _tag: "ServeError", message: expect.stringMatching(message) as string })
})

const own = (options: object): Layer.Layer<never, unknown> =>
  TsgiHttpServer.layerWith(options).pipe(
    Layer.provide(Layer.merge(TsgiHttpServer.layerServices, MemoryListener.layer()))
  )

it("a log is made with a function and a format, and nothing else", async () => {
  const thrown = (act: () => unknown): unknown => {
    try {
      return act()
    } catch (error) {
      return error
    }
  }
  const write = (): void => undefined
  const format = "must be a function of a record, such as AccessLogFormat.json or AccessLogFormat.compile(template)"
  expect(thrown(() => AccessLog.layerLines("x" as never, write)))
    .toMatchObject({ _tag: "OptionError", message: `format: ${format}; it is "x"` })
  expect(thrown(() => AccessLog.lines(AccessLogFormat.json, "a.log" as never)))
    .toMatchObject({ _tag: "OptionError", message: "write: must be a function of a line; it is \"a.log\"" })
  expect(thrown(() => AccessLog.layerFunction(5 as never)))
    .toMatchObject({ _tag: "OptionError", message: "write: must be a function of a record; it is 5" })
  const file = AccessLogFile.layer("/dev/null", "json" as never)
  expect(await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(file)))))
    .toMatchObject({ _tag: "OptionError", message: `format: ${format}; it is "json"` })
})

/** Every option of NodeHttpServer.layer, with a value. */
const nodeOptions: Required<ListenOptions> = {
  port: 0,
  host: "127.0.0.1",
  backlog: 1,
  path: path.join(os.tmpdir(), `tsgi-settings-${process.pid}.sock`),
  exclusive: false,
  readableAll: false,
  writableAll: false,
  ipv6Only: false,
  signal: new AbortController().signal
}

it.each(Object.entries(nodeOptions))(
  "what NodeHttpServer has as option %s is one, or is told of",
  async (name, value) => {
    const options: object = name === "path" ? { path: value } : { port: 0, [name]: value }
    const exit = await Effect.runPromiseExit(Effect.scoped(TsgiHttpServer.make(options)))
    if (Exit.isSuccess(exit)) return
    const text = Cause.pretty(exit.cause)
    expect(text).toContain(`${name}: is `)
    expect(text).not.toContain("there is no such option")
  }
)

it("what NodeHttpServer takes beside its options is refused, and so is a second argument", async () => {
  const refused =
    "options: must be the only argument, such as { port: 8090 }: there is no node server, and TLS is the option tls"
  const makers = { make: TsgiHttpServer.make, layer: TsgiHttpServer.layer, layerServer: TsgiHttpServer.layerServer }
  for (const make of Object.values<unknown>({ ...makers, layerConfig: TsgiHttpServer.layerConfig })) {
    for (const given of [[createServer, { port: 0 }], [{ port: 0 }, { host: "127.0.0.1" }], [createServer]]) {
      const made: unknown = Reflect.apply(make as () => unknown, undefined, given)
      const effect = (Layer.isLayer(made) ? Layer.build(made) : made) as Effect.Effect<unknown, unknown, Scope.Scope>
      expect(await Effect.runPromise(Effect.flip(Effect.scoped(effect)))).toMatchObject({ message: refused })
    }
  }
  const one = Effect.flip(Effect.scoped(TsgiHttpServer.make(8090 as never)))
  expect((await Effect.runPromise(one)).message).toBe("options: must be an object, such as { port: 8090 }; it is 8090")
})

it.each<readonly [string, unknown, RegExp]>([
  ["a value", { port: 8090 }, /^port: must be a Config, such as Config\.succeed\(\.\.\.\); it is 8090$/],
  ["a value within", { limits: { body: 5 } }, /^limits\.body: must be a Config/],
  ["no value", { host: undefined }, /^host: must be a Config/],
  ["a port", 8090, /^options: must be a Config/]
])("options from Config that are none: %s", async (_, given, message) => {
  const layer = TsgiHttpServer.layerConfig(given as never)
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(layer))))
  expect(error._tag).toBe("ServeError")
  expect(error.message).toMatch(message)
})

it("a port may be the text of one", () =>
  Effect.gen(function*() {
    const { address } = yield* TsgiHttpServer.make({ port: "0", host: "127.0.0.1" })
    expect(address._tag === "TcpAddress" && address.port).toBeGreaterThan(0)
  }).pipe(Effect.scoped, Effect.runPromise))

describe("a port without a host", () => {
  const answers = (options: TsgiHttpServer.Options, host: string): Promise<string> =>
    Effect.gen(function*() {
      const server = yield* TsgiHttpServer.make(options)
      yield* server.serve(Effect.succeed(HttpServerResponse.text("here")))
      if (server.address._tag !== "TcpAddress") throw new Error("not on TCP")
      const { hostname, port } = server.address
      const client = yield* Effect.promise(() => connect({ _tag: "Tcp", host, port }).catch(() => undefined))
      if (client === undefined) return "nobody"
      client.send(get())
      const { body } = yield* Effect.promise(() => client.response())
      client.close()
      return `${body.toString()} ${hostname}`
    }).pipe(Effect.scoped, Effect.runPromise)

  it("is on all addresses, as NodeHttpServer has it", async () => {
    expect(await answers({ port: 0 }, "127.0.0.1")).toBe("here 0.0.0.0")
    expect(await answers({ port: 0, host: "127.0.0.1" }, "127.0.0.1")).toBe("here 127.0.0.1")
  })

  it.skipIf(!hasIpv6)("is on those of IPv6, too (skipped without IPv6)", async () => {
    expect(await answers({ port: 0 }, "::1")).toBe("here 0.0.0.0")
    expect(await answers({ port: 0, host: "127.0.0.1" }, "::1")).toBe("nobody")
  })
})
