/**
 * Forwarded fields at both doors. If the option names them and the peer is a trusted proxy, they are believed, and the same
 * everywhere: in environ, URL, headers, log and span. Otherwise they are fields like any other.
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Address, type App, fetchApp, listen, type ServerOptions, wrapTls } from "tsgi"
import { AccessLog, NodeListener, ServerConfig, TrustedProxies, TsgiHttpServer } from "tsgi/effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Spans } from "../platform/spans.js"
import { makeCertificate } from "../utils/certificate.js"
import { head } from "../utils/requests.js"
import { type Options, withServer } from "../utils/serving.js"
import { connect, connectTls } from "../utils/sockets.js"

let certificate: { readonly key: string; readonly cert: string }
beforeAll(async () => {
  certificate = await makeCertificate("localhost")
})

interface Trust {
  readonly trustedProxies?: ReadonlyArray<string>
  readonly forwarded?: ServerOptions["forwarded"]
}

const nobody: Trust = {}
const home: Trust = { trustedProxies: ["127.0.0.1", "10.0.0.0/8"], forwarded: "x-forwarded" }
const standard: Trust = { ...home, forwarded: "forwarded" }
const strangers: Trust = { ...home, trustedProxies: ["10.0.0.0/8"] }
const unnamed: Trust = { trustedProxies: ["127.0.0.1"] }

const get = (...fields: ReadonlyArray<string>): string => head("GET /a?b HTTP/1.1", "Host: inner:8080", ...fields)

const claims = [
  "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: Example.org",
  "X-Forwarded-Port: 8443"
]
const standardClaims = [
  "Forwarded: for=6.6.6.6, for=\"1.2.3.4:99\";proto=https;host=\"example.org:8443\", for=10.0.0.2"
]

const text = (response: { readonly body: Buffer }): unknown => JSON.parse(response.body.toString())

// ---------------------------------------------------------------------------------------------------------------------

const facts: App = (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]])
  return JSON.stringify({
    peer: [env.REMOTE_ADDR, env.REMOTE_PORT],
    scheme: `${env["wsgi.url_scheme"]} ${env.HTTPS ?? "-"}`,
    place: `${env.HTTP_HOST} ${env.SERVER_NAME} ${env.SERVER_PORT}`,
    data: env.HTTP_X_FORWARDED_PROTO ?? "-"
  })
}

interface Facts {
  readonly peer: readonly [host: string, port: string]
  readonly scheme: string
  readonly place: string
  readonly data: string
}

describe("environ", () => {
  /**
   * Returns client, scheme, HTTPS, host, name, port and data, with the server's own port as `own`. The log must name the same
   * client.
   */
  const at = async (trust: Options, ...fields: ReadonlyArray<string>): Promise<string> => {
    let told = ""
    await withServer(facts, { logFormat: "client %(client_ip)s %(client_port)s", ...trust }, async (served) => {
      const { data, peer, place, scheme } = text(await served.ask(get(...fields))) as Facts
      expect(await served.log.until(/^client/)).toBe(`client ${peer.join(" ")}`)
      const listening = served.address._tag === "Tcp" ? ` ${served.address.port}` : ""
      told = [peer[0], scheme, place.replace(listening, " own"), data].join(" ")
    })
    return told
  }

  const own = (proto: string): string => `127.0.0.1 http - inner:8080 127.0.0.1 own ${proto}`

  it.each([["no proxy is trusted", strangers], ["no field is named", unnamed], ["no option is given", nobody]])(
    "where %s the fields are data",
    async (_, trust) => {
      // otherwise the log has the addresses from the trusted proxy before the peer's
      const withoutLog = { ...trust, logXForwardedFor: false }
      expect(await at(withoutLog, ...claims, ...standardClaims)).toBe(own("https"))
      expect(await at(withoutLog, "Forwarded: for=10.0.0.1")).toBe(own("-"))
    }
  )

  it("X-Forwarded", async () => {
    expect(await at(home, ...claims)).toBe("1.2.3.4 https on Example.org:8443 Example.org 8443 https")
    expect(await at(home, ...standardClaims)).toBe(own("-"))
    expect(await at(home)).toBe(own("-"))
  })

  it("Forwarded", async () => {
    expect(await at(standard, ...standardClaims)).toBe("1.2.3.4 https on example.org:8443 example.org 8443 -")
    expect(await at(standard, ...claims)).toBe(own("https"))
  })

  it.each<readonly [fields: ReadonlyArray<string>, scheme: string, place: string]>([
    [["X-Forwarded-Proto: https"], "https on", "inner:8080 127.0.0.1 own"],
    [["X-Forwarded-Proto: https", "X-Forwarded-Host: a"], "https on", "a a 443"],
    [["X-Forwarded-Proto: https", "X-Forwarded-Host: a:443"], "https on", "a a 443"],
    [["X-Forwarded-Proto: http", "X-Forwarded-Host: a:443"], "http -", "a:443 a 443"],
    [["X-Forwarded-Proto: https", "X-Forwarded-Port: 443"], "https on", "inner inner 443"],
    [["X-Forwarded-Port: 80"], "http -", "inner inner 80"],
    [["X-Forwarded-Host: [2001:db8::1]:81"], "http -", "[2001:db8::1]:81 2001:db8::1 81"],
    [["X-Forwarded-Host: a:"], "http -", "a a 80"],
    [["X-Forwarded-Host: a/b", "X-Forwarded-Proto: gopher"], "http -", "inner:8080 127.0.0.1 own"]
  ])("%j", async (fields, scheme, place) => {
    expect((await at(home, ...fields)).replace(/ \S*$/, "")).toBe(`127.0.0.1 ${scheme} ${place}`)
  })

  it("a proxy on a unix socket", async () => {
    const path = join(tmpdir(), `tsgi-forwarded-${process.pid}.sock`)
    const trust = { ...home, trustedProxies: ["unix", "10.0.0.0/8"], logFormat: "%(client_ip)s." }
    await withServer(facts, { ...trust, listener: listen({ path }) }, async ({ ask, log }) => {
      expect(text(await ask(get(...claims)))).toMatchObject({ peer: ["1.2.3.4", ""], scheme: "https on" })
      expect(await log.until(/^\S*\.$/)).toBe("1.2.3.4.")
      expect(text(await ask(get("X-Forwarded-Proto: https")))).toMatchObject({ peer: ["unix", ""], scheme: "https on" })
    })
    rmSync(path, { force: true })
  })

  it("a proxy that speaks TLS here, to a client that does not", async () => {
    const listener = wrapTls(listen(), certificate)
    await withServer(facts, { ...home, listener }, async ({ connectTls }) => {
      await using client = await connectTls()
      client.send(get("X-Forwarded-Proto: http"))
      expect(text(await client.response())).toMatchObject({ scheme: "http -" })
      client.send(get())
      expect(text(await client.response())).toMatchObject({ scheme: "https on" })
    })
  })

  it("trustedProxies is asked once for each connection, and the fields are read for each request", async () => {
    await withServer(facts, home, async ({ connect }) => {
      await using client = await connect()
      client.send(get("X-Forwarded-For: 1.2.3.4") + get("X-Forwarded-For: 5.6.7.8") + get())
      for (const host of ["1.2.3.4", "5.6.7.8", "127.0.0.1"]) {
        expect(text(await client.response())).toMatchObject({ peer: { 0: host } })
      }
    })
  })

  it("the Request of a web-standard handler", async () => {
    const app = fetchApp((request) => Response.json([request.url, request.headers.get("host")]))
    await withServer(app, home, async ({ ask }) => {
      expect(text(await ask(get(...claims)))).toEqual(["https://example.org:8443/a?b", "Example.org:8443"])
      const absolute = get(...claims).replace("/a?b", "http://inner:8080/a?b")
      expect(text(await ask(absolute))).toEqual(["https://example.org:8443/a?b", "Example.org:8443"])
      expect(text(await ask(get()))).toEqual(["http://inner:8080/a?b", "inner:8080"])
    })
  })
})

// ---------------------------------------------------------------------------------------------------------------------

const seen = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  const raw = yield* TsgiHttpServer.rawHeaders
  return yield* HttpServerResponse.json([
    Option.getOrNull(request.remoteAddress),
    String(Option.getOrNull(HttpServerRequest.toURL(request))),
    request.headers["x-forwarded-for"] ?? "-",
    request.headers["x-forwarded-host"] ?? "-",
    raw.length
  ])
}).pipe(Effect.orDie)

const served = (
  options: Omit<TsgiHttpServer.Options, "host" | "port">,
  visit: (address: Address) => Promise<unknown>,
  around: Layer.Layer<never> = Layer.empty,
  app = seen
): Promise<unknown> =>
  Effect.runPromise(
    Effect.gen(function*() {
      const { address } = yield* HttpServer.HttpServer
      const port = address._tag === "TcpAddress" ? address.port : 0
      return yield* Effect.promise(() => visit({ _tag: "Tcp", host: "127.0.0.1", port }))
    }).pipe(
      Effect.provide(
        HttpServer.serve(app).pipe(
          Layer.provideMerge(TsgiHttpServer.layer({ host: "127.0.0.1", port: 0, ...options })),
          Layer.provide(around)
        )
      )
    )
  )

const asked = (
  options: Omit<TsgiHttpServer.Options, "host" | "port">,
  fields: ReadonlyArray<string>,
  around?: Layer.Layer<never>,
  app = seen
): Promise<unknown> =>
  served(
    options,
    async (address) => {
      await using client = await (options.tls === undefined ? connect : connectTls)(address)
      client.send(get(...fields))
      return text(await client.response())
    },
    around,
    app
  )

describe("HttpServerRequest", () => {
  it.each([["no proxy is trusted", strangers], ["no field is named", unnamed], ["no option is given", nobody]])(
    "where %s the fields are data",
    async (_, trust) => {
      const [host, url, , , raw] = await asked(trust, [...claims, ...standardClaims]) as ReadonlyArray<unknown>
      expect([host, url, raw]).toEqual(["127.0.0.1", "http://inner:8080/a?b", 6])
    }
  )

  it("without the option X-Forwarded-For and -Host stay where they are", async () => {
    expect(await asked(nobody, claims)).toMatchObject({ 2: "6.6.6.6, 1.2.3.4, 10.0.0.2", 3: "Example.org" })
  })

  it("X-Forwarded", async () => {
    expect(await asked(home, claims)).toEqual([
      "1.2.3.4",
      "https://example.org:8443/a?b",
      "1.2.3.4",
      "Example.org:8443",
      5
    ])
    expect(await asked(home, [])).toEqual(["127.0.0.1", "http://inner:8080/a?b", "-", "-", 1])
  })

  it("Forwarded", async () => {
    expect(await asked(standard, [...standardClaims, ...claims])).toEqual([
      "1.2.3.4",
      "https://example.org:8443/a?b",
      "1.2.3.4",
      "example.org:8443",
      6
    ])
  })

  it.each([["its own scheme", "http"], ["its client's", "https"]])("an absolute target by %s", async (_, scheme) => {
    await served(home, async (address) => {
      await using client = await connect(address)
      client.send(get(...claims).replace("/a?b", `${scheme}://inner:8080/a?b`))
      expect(text(await client.response())).toMatchObject({ 0: "1.2.3.4", 1: "https://example.org:8443/a?b" })
      client.send(get(...claims).replace("/a?b", "ftp://inner:8080/a?b"))
      expect((await client.response()).status).toBe(421)
    })
    await served(strangers, async (address) => {
      await using client = await connect(address)
      client.send(get(...claims).replace("/a?b", "https://inner:8080/a?b"))
      expect((await client.response()).status).toBe(421)
    })
  })

  it.each(["https", "HTTPS", "https, http", "http", "nonsense"])("no client can claim that it is %s", async (proto) => {
    expect(await asked(nobody, [`X-Forwarded-Proto: ${proto}`])).toMatchObject({ 1: "http://inner:8080/a?b" })
    expect(await asked({ tls: certificate }, [`X-Forwarded-Proto: ${proto}`])).toMatchObject({
      1: "https://inner:8080/a?b"
    })
  })

  it("over TLS the URL says so, also behind middleware that changes headers, and no field is made up", async () => {
    const fields = Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
      HttpServerResponse.unsafeJson([
        Object.keys(request.headers),
        ...[request, request.modify({ headers: { ...request.headers } }), request.modify({ url: "/other" })].map((
          one
        ) => String(Option.getOrNull(HttpServerRequest.toURL(one))))
      ]))
    expect(await asked({ tls: certificate }, [], Layer.empty, fields)).toEqual([
      ["host"],
      "https://inner:8080/a?b",
      "https://inner:8080/a?b",
      "https://inner:8080/other"
    ])
  })

  it.each([["https", "TCP"], ["http", "TLS"]])(
    "what middleware says of the scheme itself holds: %s over %s",
    async (scheme, carrier) => {
      const decided = Effect.map(
        HttpServerRequest.HttpServerRequest,
        (request) =>
          HttpServerResponse.unsafeJson(String(Option.getOrNull(HttpServerRequest.toURL(
            request.modify({ headers: { ...request.headers, "x-forwarded-proto": scheme } })
          ))))
      )
      const own = carrier === "TLS" ? { tls: certificate } : nobody
      expect(await asked(own, [], Layer.empty, decided)).toBe(`${scheme}://inner:8080/a?b`)
    }
  )

  it("with the option HttpMiddleware.xForwardedHeaders believes no other peer", async () => {
    const believing = HttpMiddleware.xForwardedHeaders(seen)
    expect(await asked(home, claims, Layer.empty, believing)).toMatchObject({
      0: "1.2.3.4",
      1: "https://example.org:8443/a?b"
    })
    expect(await asked(strangers, claims, Layer.empty, believing)).toMatchObject({
      0: "127.0.0.1",
      1: "http://inner:8080/a?b"
    })
  })

  const own = ["127.0.0.1", "http://inner:8080/a?b"]
  const { xForwardedHeaders } = HttpMiddleware
  const quiet = Logger.remove(Logger.defaultLogger)

  it("without the option HttpMiddleware.xForwardedHeaders believes no peer, and the fields are there to read", async () => {
    const app = xForwardedHeaders(seen)
    for (const trust of [nobody, unnamed]) {
      expect(await asked(trust, claims, quiet, app)).toEqual([
        ...own,
        "6.6.6.6, 1.2.3.4, 10.0.0.2",
        "Example.org",
        5
      ])
    }
    for (
      const fields of [[claims[0]], [claims[2]], ["X-Forwarded-For:"], ["X-Forwarded-Host:"], [claims[0], claims[0]]]
    ) {
      expect(await asked(nobody, fields, quiet, app)).toMatchObject({ ...own })
    }
    expect(await asked(nobody, claims, quiet, xForwardedHeaders(app))).toMatchObject({ ...own })
    expect(await asked({ tls: certificate }, claims, quiet, app)).toMatchObject({ 1: "https://inner:8080/a?b" })
  })

  it("which a line of the log says once", async () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel._tag} ${String(message)}`))
    await served(
      nobody,
      async (address) => {
        await using client = await connect(address)
        client.send(get())
        await client.response()
        expect(lines.filter((line) => line.startsWith("Warning"))).toEqual([])
        for (let i = 0; i < 3; i++) {
          client.send(get(...claims))
          await client.response()
        }
      },
      Logger.replace(Logger.defaultLogger, logger),
      xForwardedHeaders(seen)
    )
    const warnings = lines.filter((line) => line.startsWith("Warning"))
    expect(warnings.length).toBe(1)
    expect(warnings[0]).toMatch(/xForwardedHeaders.*trustedProxies.*forwarded/)
  })

  it("what middleware decides itself about address and host holds", async () => {
    type Change = Parameters<HttpServerRequest.HttpServerRequest["modify"]>[0]
    const changed = (changes: (request: HttpServerRequest.HttpServerRequest) => Change) =>
      Effect.updateService(seen, HttpServerRequest.HttpServerRequest, (request) => request.modify(changes(request)))
    const of = (app: typeof seen) => asked(nobody, claims, Layer.empty, app)
    const last = changed(({ headers }) => ({ remoteAddress: headers["x-forwarded-for"]?.split(", ").at(-1) ?? "" }))
    expect(await of(last)).toMatchObject({ 0: "10.0.0.2", 1: own[1] })
    const first = changed(({ headers }) => ({ remoteAddress: headers["x-forwarded-for"]?.split(", ")[0] ?? "" }))
    expect(await of(first)).toMatchObject({ 0: "6.6.6.6", 1: own[1] })
    const both = changed(({ headers }) => ({ remoteAddress: "9.9.9.9", headers: { ...headers, host: "other" } }))
    expect(await of(both)).toMatchObject({ 0: "9.9.9.9", 1: "http://other/a?b" })
    const host = changed(({ headers }) => ({ headers: { ...headers, host: headers["x-forwarded-host"] ?? "" } }))
    expect(await of(host)).toMatchObject({ 0: own[0], 1: "http://example.org/a?b" })
    // middleware has checked this field and replaced it
    const checked = Effect.updateService(
      xForwardedHeaders(seen),
      HttpServerRequest.HttpServerRequest,
      (request) => request.modify({ headers: { ...request.headers, "x-forwarded-for": "7.7.7.7" } })
    )
    expect(await of(checked)).toMatchObject({ 0: "7.7.7.7", 1: own[1] })
  })

  it("its span", async () => {
    const span = async (trust: Trust) => {
      const spans = new Spans()
      await asked(trust, claims, spans.layer)
      const { attributes } = spans.all[0]
      return ["client.address", "url.full", "url.scheme"].map((name) => attributes.get(name))
    }
    expect(await span(home)).toEqual(["1.2.3.4", "https://example.org:8443/a?b", "https"])
    expect(await span(nobody)).toEqual(["127.0.0.1", "http://inner:8080/a?b", "http"])
  })

  it("its record in the log, and a ServerConfig of one's own", async () => {
    const records: Array<AccessLog.AccessRecord> = []
    const config = ServerConfig.make({
      trustedProxies: TrustedProxies.make(["127.0.0.1", "10.0.0.0/8"]),
      forwarded: ["x-forwarded-for"]
    })
    const engine = Layer.mergeAll(
      TsgiHttpServer.layerServices,
      AccessLog.layerFunction((record) => {
        records.push(record)
      })
    )
    const scene = Effect.gen(function*() {
      const { address } = yield* HttpServer.HttpServer
      const port = address._tag === "TcpAddress" ? address.port : 0
      yield* Effect.promise(async () => {
        await using client = await connect(port)
        client.send(get(...claims))
        expect(text(await client.response())).toEqual(["1.2.3.4", "http://inner:8080/a?b", "1.2.3.4", "-", 5])
        client.send("\0\r\n\r\n")
        await client.all()
      })
    })
    await Effect.runPromise(
      scene.pipe(
        Effect.provide(
          HttpServer.serve(seen).pipe(
            Layer.provideMerge(TsgiHttpServer.layerWith()),
            Layer.provide(engine),
            Layer.provide(NodeListener.layer({})),
            Layer.provide(Layer.succeed(ServerConfig.ServerConfig, config))
          )
        )
      )
    )
    expect(records.map(({ client, refused }) => [client, refused?.status])).toEqual([
      [{ _tag: "Tcp", host: "1.2.3.4", port: 0 }, undefined],
      [undefined, 400]
    ])
  })
})
