/**
 * A request has one meaning: a fact that stands in two places is derived from one of them.
 *
 * The family: the host and the scheme of an absolute target, beside Host and beside the connection; the answer to HEAD without a
 * call of an application; iterables that are needed more than once.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { once } from "node:events"
import * as Tls from "node:tls"
import { type App, fetchApp, listen, wrapTls } from "tsgi"
import { InterimResponses } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { nothingSeen, serve } from "../platform/scene.js"
import { makeCertificate } from "../utils/certificate.js"
import { get, request } from "../utils/requests.js"
import { withServer } from "../utils/serving.js"

const served = async (
  app: App,
  use: (client: WireClient, log: ReadonlyArray<string>) => Promise<void>,
  secured = false
): Promise<void> => {
  const options = secured ? { listener: wrapTls(listen(0), await makeCertificate("a")) } : {}
  await withServer(app, options, async ({ connect, connectTls, log }) => {
    await use(await (secured ? connectTls() : connect()), log.lines)
  })
}

const facts: App = (env, startResponse) => {
  startResponse("200 OK", [])
  return JSON.stringify({
    host: env.HTTP_HOST,
    raw: env.headers_raw.filter(([name]) => name.toLowerCase() === "host").map(([, value]) => value),
    path: env.PATH_INFO
  })
}

interface Answer {
  readonly host: string
  readonly raw: ReadonlyArray<string>
}

const urls = fetchApp((request) => new Response(`${request.url} ${request.headers.get("host") ?? "none"}`))

/** Serves an app at the Effect door in memory, and connects a client. */
const clientOf = (
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, HttpServerRequest.HttpServerRequest>
) =>
  Effect.flatMap(
    serve(HttpServer.serve(Effect.orDie(app)), nothingSeen(), { memory: true, config: { timeouts: { grace: 0 } } }),
    ({ connect }) => Effect.promise(connect)
  )

describe("an absolute target", () => {
  for (const fields of ["Host: other\r\n", "hOsT: other\r\n"]) {
    it(`says the host, beside ${fields.trim()}`, () =>
      served(facts, async (client) => {
        client.send(`GET http://real.example:81/p?q HTTP/1.1\r\n${fields}X: 1\r\n\r\n`)
        assert.deepStrictEqual(JSON.parse((await client.response()).body.toString()), {
          host: "real.example:81",
          raw: ["real.example:81"],
          path: "/p"
        })
      }))
  }

  it("says the host where there is no Host field", () =>
    served(facts, async (client) => {
      client.send("GET http://real.example/p HTTP/1.0\r\n\r\n")
      assert.deepStrictEqual(JSON.parse((await client.response()).body.toString()), {
        host: "real.example",
        raw: ["real.example"],
        path: "/p"
      })
    }))

  it("says it in each request of a connection, and not in the next one", () =>
    served(facts, async (client) => {
      for (const [target, host] of [["http://real.example/", "real.example"], ["/", "other"], ["http://b/", "b"]]) {
        client.send(`GET ${target} HTTP/1.1\r\nHost: other\r\n\r\n`)
        const { host: said, raw } = JSON.parse((await client.response()).body.toString()) as Answer
        assert.deepStrictEqual([said, ...raw], [host, host])
      }
    }))

  it("is the URL of a fetch handler, and its Host", () =>
    served(urls, async (client) => {
      client.send("GET http://real.example/p HTTP/1.1\r\nHost: other\r\n\r\n")
      assert.strictEqual((await client.response()).body.toString(), "http://real.example/p real.example")
    }))

  it.scoped("is the URL at the Effect door, and its Host", () =>
    Effect.gen(function*() {
      const app = Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
        HttpServerResponse.text(
          `${Option.match(HttpServerRequest.toURL(request), { onNone: () => "none", onSome: String })} ` +
            `${request.headers.host}`
        ))
      const client = yield* clientOf(app)
      client.send("GET http://real.example/p HTTP/1.1\r\nHost: other\r\n\r\n")
      const { body } = yield* Effect.promise(() => client.response())
      assert.strictEqual(body.toString(), "http://real.example/p real.example")
    }))

  for (
    const [scheme, secured] of [["https", false], ["http", true], ["ftp", false], ["wss", true], [
      "HTTPS",
      false
    ]] as const
  ) {
    it(`with the scheme ${scheme} is refused ${secured ? "with" : "without"} TLS`, () =>
      served(facts, async (client, log) => {
        client.send(`GET ${scheme}://real.example/p HTTP/1.1\r\nHost: real.example\r\n\r\n`)
        const response = await client.response()
        assert.deepStrictEqual([response.status, response.get("connection")], [421, "close"])
        await client.all()
        assert.match(log.join("\n"), new RegExp(`"GET ${scheme}://real.example/p HTTP/1.1" 421`))
      }, secured))
  }

  it("with the scheme of the connection is answered", () =>
    served(urls, async (client) => {
      client.send("GET HTTPS://real.example/p HTTP/1.1\r\nHost: other\r\n\r\n")
      assert.strictEqual((await client.response()).body.toString(), "https://real.example/p real.example")
    }, true))
})

describe("a refused HEAD is answered without content", () => {
  const heads: Record<string, string> = {
    "a malformed field": "HEAD / HTTP/1.1\r\nHost: a\r\nbad name: 1\r\n\r\n",
    "no Host": "HEAD / HTTP/1.1\r\n\r\n",
    "a malformed target": "HEAD nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
    "a version that is not spoken": "HEAD / HTTP/2.0\r\nHost: a\r\n\r\n",
    "a target that is too long": `HEAD /${"a".repeat(10_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    "another scheme": "HEAD https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a body that is too long":
      "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\nTransfer-Encoding: x\r\n\r\n"
  }
  for (const [what, head] of Object.entries(heads)) {
    it(what, () =>
      served(facts, async (client) => {
        client.send(head)
        const { body, head: text } = split((await client.all()).toString("latin1"))
        assert.match(text, /^HTTP\/1\.1 [45]\d\d /)
        assert.match(text, /Content-Length: [1-9]/)
        assert.strictEqual(body, "")
      }))
  }

  it("but one of another method has the reason as its content", () =>
    served(facts, async (client) => {
      client.send("HEADS / HTTP/1.1\r\n\r\n")
      assert.match(split((await client.all()).toString("latin1")).body, /^MissingHost/)
    }))
})

const split = (text: string): { readonly head: string; readonly body: string } => {
  const end = text.indexOf("\r\n\r\n")
  return { head: text.slice(0, end), body: text.slice(end + 4) }
}

describe("a client of a TLS server that asks for certificates", () => {
  const authorized: App = (env, startResponse) => {
    startResponse("200 OK", [])
    return JSON.stringify([env["tsgi.tls"]?.authorized, env["tsgi.tls"]?.peerCertificate !== undefined])
  }

  /** Sends two requests, the second one in the session of the first. */
  const askTwice = async (port: number, options: Tls.ConnectionOptions): Promise<ReadonlyArray<unknown>> => {
    const answers: Array<unknown> = []
    let session: Buffer | undefined
    for (let i = 0; i < 2; i++) {
      const socket = Tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options, session })
      // TLS 1.3 sends tickets after the handshake
      socket.once("session", (made: Buffer) => {
        session = made
      })
      await once(socket, "secureConnect")
      const reused = socket.isSessionReused()
      socket.write(get("/", "Connection: close"))
      let text = ""
      for await (const piece of socket) text += String(piece)
      answers.push([reused, ...(JSON.parse(split(text).body) as ReadonlyArray<unknown>)])
    }
    return answers
  }

  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const shows of [true, false]) {
      it(`${maxVersion}, ${shows ? "with" : "without"} a certificate, and again in the same session`, async () => {
        const own = await makeCertificate("client")
        const tls = { ...await makeCertificate("a"), requestCert: true, rejectUnauthorized: false, ca: own.cert }
        await withServer(authorized, { listener: wrapTls(listen(), tls) }, async ({ address }) => {
          assert.deepStrictEqual(
            await askTwice(address._tag === "Tcp" ? address.port : 0, { maxVersion, ...(shows ? own : {}) }),
            [[false, shows, shows], [true, shows, shows]]
          )
        })
      })
    }
  }
})

describe("what is taken as an iterable is read once", () => {
  const post = request("POST", "/", ["Expect: 100-continue", "Content-Length: 2"])
  const fields = function*(): Generator<[string, string]> {
    yield ["X-Quota", "1"]
    yield ["X-Other", "2"]
  }

  it("the fields of a 100, and each 100 has them", () =>
    served(async (env, startResponse) => {
      const pairs: Array<[string, string]> = [["X-Quota", "1"], ["X-Other", "2"]]
      env["wsgi.input"].setHundredContinueResponseHeaders(env.REQUEST_METHOD === "POST" ? fields() : pairs)
      env["wsgi.input"].sendHundredContinueResponse()
      env["wsgi.input"].sendHundredContinueResponse()
      await env["wsgi.input"].read()
      startResponse("200 OK", fields())
      return ""
    }, async (client) => {
      client.send(post)
      for (let i = 0; i < 2; i++) {
        const interim = await client.head()
        assert.deepStrictEqual([interim.status, interim.get("x-quota"), interim.get("x-other")], [100, "1", "2"])
      }
      client.send("ab")
      assert.strictEqual((await client.response()).get("x-quota"), "1")
    }))

  it("an array that is changed afterwards says what it said", () =>
    served(async (env, startResponse) => {
      const pairs: Array<[string, string]> = [["X-Quota", "1"]]
      env["wsgi.input"].setHundredContinueResponseHeaders(pairs)
      pairs[0][1] = "2\r\nX-Injected: 1"
      await env["wsgi.input"].read()
      startResponse("200 OK", [])
      return ""
    }, async (client) => {
      client.send(post)
      assert.strictEqual((await client.head()).get("x-quota"), "1")
      client.send("ab")
      assert.strictEqual((await client.response()).status, 200)
    }))

  it.scoped("the fields of an Effect that is run twice", () =>
    Effect.gen(function*() {
      const app = Effect.gen(function*() {
        const hints = InterimResponses.send(103, fields())
        yield* hints
        yield* hints
        return HttpServerResponse.text("")
      })
      const client = yield* clientOf(app)
      client.send(get())
      for (let i = 0; i < 2; i++) {
        assert.strictEqual((yield* Effect.promise(() => client.head())).get("x-quota"), "1")
      }
    }))
})
