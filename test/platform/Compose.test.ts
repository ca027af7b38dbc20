/**
 * Every service of the engine can be replaced: a layer gives a plain object of the type that its tag says, and everything else
 * stays as before.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  AccessLog,
  AccessLogFormat,
  InterimResponses,
  Listener,
  Posthooks,
  RequestParser,
  ServerConfig,
  ServerError,
  type Transport
} from "tsgi/effect"
import { RequestReader } from "tsgi/protocol"
import { MemoryListener, type WireClient } from "tsgi/testing"
import { expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, postOf } from "../utils/requests.js"
import { type Handler, nothingSeen, open, type SceneOptions, serve } from "./scene.js"

/** Talks to a server in memory, some of whose services are replaced. */
const talk = async <A>(
  replaced: NonNullable<SceneOptions["services"]>,
  handler: Handler,
  say: (client: WireClient) => Promise<A>
): Promise<A> => {
  await using scene = await open(HttpServer.serve(handler), nothingSeen(), { memory: true, services: replaced })
  await using client = await scene.connect()
  return await say(client)
}

const hello: Handler = Effect.succeed(HttpServerResponse.text("hello"))

/** The default service of a layer, for one that is built around it. */
const usual = <I, S>(tag: Context.Tag<I, S>, layer: Layer.Layer<I>): Effect.Effect<S> =>
  Effect.scoped(Effect.map(Layer.build(layer), (context) => Context.get(context, tag)))

it("Listener: one that counts what it lets in, around another", async () => {
  const memory = MemoryListener.make()
  const remotes: Array<string> = []
  const counting = Layer.succeed(Listener.Listener, {
    bind: (acceptor, options) =>
      memory.listener.bind({
        ...acceptor,
        accepted: (transport) => {
          remotes.push(transport.remote._tag)
          acceptor.accepted(transport)
        }
      }, options)
  })
  await using _ = await open(HttpServer.serve(hello), nothingSeen(), { services: counting })
  await using client = memory.connect()
  client.send(get())
  expect((await client.response()).body.toString()).toBe("hello")
  expect(remotes).toEqual(["Tcp"])
})

it("Listener: one that cannot be bound fails the layer with its reason", async () => {
  const deaf = Layer.succeed(Listener.Listener, {
    bind: () => Effect.fail(new ServerError.BindError({ reason: "Other", address: "nowhere", cause: "no reason" }))
  })
  const error = Effect.flip(Effect.scoped(serve(HttpServer.serve(hello), nothingSeen(), { services: deaf })))
  expect(await Effect.runPromise(error)).toMatchObject({
    _tag: "ServeError",
    cause: { _tag: "BindError", reason: "Other", address: "nowhere", cause: "no reason" }
  })
})

it("Listener: one whose connections are objects of the program", async () => {
  const sent: Array<string> = []
  const script: Transport.Transport = {
    local: { _tag: "Unix", path: "here" },
    remote: { _tag: "Unix", path: "" },
    tls: undefined,
    pending: 0,
    get handed() {
      return sent.join("").length
    },
    open: ({ closed, data, end }) =>
      setImmediate(() => {
        data(new TextEncoder().encode(get("/", "Connection: close")))
        end()
        closed(undefined)
        ended.open()
      }),
    write: (bytes) => void sent.push(typeof bytes === "string" ? bytes : new TextDecoder("latin1").decode(bytes)),
    cork: () => undefined,
    uncork: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    end: () => undefined,
    destroy: () => undefined,
    run: (callback, first, second) => callback(first, second),
    detach: () => undefined
  }
  const ended = gate()
  const scripted = Layer.succeed(Listener.Listener, {
    bind: ({ accepted }) =>
      Effect.sync(() => {
        accepted(script)
        return { address: script.local, scheme: "http" }
      })
  })
  {
    await using _ = await open(HttpServer.serve(hello), nothingSeen(), { services: scripted })
    await ended.opened
  }
  expect(sent.join("")).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhello$/)
})

it("RequestParser: one with limits of its own, that hears every byte", async () => {
  let heard = 0
  class Listening extends RequestReader {
    override receive(bytes: Uint8Array): void {
      heard += bytes.length
      super.receive(bytes)
    }
  }
  const strict = Layer.effect(
    RequestParser.RequestParser,
    Effect.map(ServerConfig.ServerConfig, ({ limits }) => ({
      make: () => new Listening({ ...limits, requestLine: 30 })
    }))
  )
  const long = get(`/${"x".repeat(30)}`)
  const statuses = await talk(strict, hello, async (client) => {
    client.send(get() + long)
    return [(await client.response()).status, (await client.response()).status]
  })
  expect(statuses).toEqual([200, 414])
  expect(heard).toBe(get().length + long.length)
})

/** Reads another language: a line with a path is a request. */
const lineReader = ({ endsBodies }: { readonly endsBodies: boolean }): Layer.Layer<RequestParser.RequestParser> =>
  Layer.succeed(RequestParser.RequestParser, {
    make: () => {
      let text = ""
      let inBody = false
      return {
        get buffered() {
          return text.length
        },
        get inHead() {
          return text.length > 0
        },
        requestLine: "",
        receive: (bytes) => void (text += new TextDecoder().decode(bytes)),
        next: () => {
          if (inBody) {
            inBody = false
            return { _tag: "BodyEnd", trailers: [] }
          }
          const end = text.indexOf("\n")
          if (end < 0) return undefined
          const path = text.slice(0, end)
          text = text.slice(end + 1)
          inBody = endsBodies
          return {
            _tag: "RequestStart",
            head: {
              _tag: "RequestHead",
              line: path,
              method: "GET",
              target: path,
              form: { _tag: "Origin", path, query: undefined },
              minorVersion: 1,
              version: "HTTP/1.1",
              fields: []
            },
            demands: {
              _tag: "Demands",
              framing: endsBodies ? { _tag: "None" } : { _tag: "Length", length: 5 },
              persistent: true,
              asksClose: false,
              asksKeepAlive: false,
              expectsContinue: false,
              upgrade: ""
            }
          }
        },
        expectAnotherBody: () => undefined,
        takeRest: () => new Uint8Array(0)
      }
    }
  })

it("RequestParser: one that reads another language", async () => {
  const handler = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => HttpServerResponse.text(url))
  const bodies = await talk(lineReader({ endsBodies: true }), handler, async (client) => {
    client.send("/one\n/two\n/th")
    const before = [await client.response(), await client.response()]
    client.send("ree\n")
    return [...before, await client.response()].map(({ body }) => body.toString())
  })
  expect(bodies).toEqual(["/one", "/two", "/three"])
})

it("InterimResponses: one that signs them, and sends no hints", async () => {
  const asked: Array<string> = []
  const signing = Layer.succeed(InterimResponses.InterimResponses, {
    prepare: (request, status, fields) => {
      asked.push(`${request.target} ${status}`)
      return status === 103
        ? new InterimResponses.InterimError({ reason: "Unsupported", description: "no hints here" })
        : [...fields, ["X-Signed", "yes"]]
    }
  })
  const handler: Handler = Effect.gen(function*() {
    const refused = yield* Effect.flip(InterimResponses.earlyHints({ Link: "</a>" }))
    yield* InterimResponses.send(102)
    yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text)
    return HttpServerResponse.text(refused.message)
  }).pipe(Effect.orDie)
  const response = await talk(signing, handler, (client) => {
    client.send(postOf(1, "a", "Expect: 100-continue"))
    return client.response()
  })
  expect(response.body.toString()).toBe("Unsupported: no hints here")
  // the 100 that the read of a body sends is among them too
  expect(response.interim.map((head) => [head.status, head.get("x-signed")])).toEqual([[102, "yes"], [100, "yes"]])
  expect(asked).toEqual(["/ 103", "/ 102", "/ 100"])
})

it("InterimResponses: what no client may be sent is not sent, whatever the service says", async () => {
  const lenient = Layer.succeed(InterimResponses.InterimResponses, {
    prepare: (_request, status): ReadonlyArray<readonly [string, string]> => status === 103 ? [["Bad name", "a"]] : []
  })
  const handler: Handler = Effect.gen(function*() {
    const refused = [102, 103, 101, 200].map((status) => Effect.either(InterimResponses.send(status)))
    const reasons = (yield* Effect.all(refused)).map((sent) => sent._tag === "Left" ? sent.left.reason : "sent")
    return HttpServerResponse.text(reasons.join())
  })
  const bodies = await talk(lenient, handler, async (client) => {
    client.send(get())
    client.send("GET / HTTP/1.0\r\n\r\n")
    return [(await client.response()).body.toString(), (await client.response()).body.toString()]
  })
  expect(bodies).toEqual([
    "sent,InvalidHeader,InvalidHeader,InvalidHeader",
    "Unsupported,Unsupported,Unsupported,Unsupported"
  ])
})

it("Posthooks: one that keeps their failures for itself", async () => {
  const kept: Array<string> = []
  const keeping = Layer.effect(
    Posthooks.Posthooks,
    Effect.map(usual(Posthooks.Posthooks, Posthooks.layer), ({ run }) => ({
      run: (hook, outcome) => run(hook, outcome, (cause) => kept.push(`${outcome._tag} ${String(Cause.squash(cause))}`))
    }))
  )
  const handler = Effect.zipRight(Effect.orDie(Posthooks.add(() => Effect.fail("failed"))), hello)
  await talk(keeping, handler, async (client) => {
    client.send(get())
    await client.response()
    client.end()
    await client.whenEnded()
  })
  expect(kept).toEqual(["Sent failed"])
})

it("Posthooks: one that gives each hook a moment, whatever it returns", async () => {
  const ends: Array<string> = []
  const limited = Layer.succeed(Posthooks.Posthooks, {
    run: (hook, outcome) =>
      Effect.exit(Effect.timeout(Effect.interruptible(Posthooks.toEffect(hook, outcome)), "1 millis")).pipe(
        Effect.tap((exit) => Effect.sync(() => ends.push(`${outcome._tag} ${exit._tag}`)))
      )
  })
  const handler = Effect.all([
    Posthooks.add(() => Effect.never),
    Posthooks.add(() => Effect.fail("failed")),
    Posthooks.add(() => Effect.void)
  ]).pipe(Effect.orDie, Effect.zipRight(hello))
  await talk(limited, handler, async (client) => {
    client.send(get())
    await client.response()
    client.end()
    await client.whenEnded()
  })
  expect(ends).toEqual(["Sent Failure", "Sent Failure", "Sent Success"])
})

it("Posthooks: one that throws keeps no other hook from running, nor the next request from its answer", async () => {
  const seen: Array<string> = []
  const throwing = Layer.succeed(Posthooks.Posthooks, {
    run: () => {
      seen.push("run")
      throw new Error("a broken service")
    }
  })
  const handler = Effect.all([Posthooks.add(() => Effect.void), Posthooks.add(() => Effect.void)]).pipe(
    Effect.orDie,
    Effect.zipRight(hello)
  )
  const statuses = await talk(throwing, handler, async (client) => {
    client.send(get())
    const before = await client.response()
    client.send(get())
    return [before.status, (await client.response()).status]
  })
  expect(statuses).toEqual([200, 200])
  expect(seen).toHaveLength(4)
})

it("AccessLog: an object that takes records", async () => {
  const records: Array<readonly [number, string | undefined]> = []
  const log = Layer.succeed(AccessLog.AccessLog, {
    write: ({ outcome, status }) => void records.push([status, outcome?._tag])
  })
  await talk(log, hello, async (client) => {
    client.send(`${get()}nonsense\r\n\r\n`)
    await client.all()
  })
  expect(records).toEqual([[200, "Sent"], [400, undefined]])
})

it("AccessLog: one that writes lines", async () => {
  const lines: Array<string> = []
  const log = AccessLog.layerLines(
    AccessLogFormat.compile("%(request_line)s %(status_code)s %(body_length)s"),
    (line) => lines.push(line)
  )
  await talk(log, hello, async (client) => {
    client.send(`${get()}nonsense\r\n\r\n`)
    await client.all()
  })
  expect(lines).toEqual(["GET / HTTP/1.1 200 5", "nonsense 400 58"])
})

it("ServerConfig: limits for the parser and for connections alike", async () => {
  await using scene = await open(HttpServer.serve(hello), nothingSeen(), {
    memory: true,
    config: { limits: { fieldCount: 2, requestsPerConnection: 2 } }
  })
  await using client = await scene.connect()
  await using other = await scene.connect()
  client.send(get() + get())
  other.send(get("/", "A: 1", "B: 2"))
  const responses = [await client.response(), await client.response(), await other.response()]
  expect(responses.map((response) => [response.status, response.get("connection")]))
    .toEqual([[200, undefined], [200, "close"], [431, "close"]])
})

// A fault of a parser ends the connection that it reads: an application that answers later is no longer in its call.
it.each(
  [
    ["answered at once", hello, 200],
    ["answered later", Effect.zipRight(Effect.sleep(20), hello), 200],
    [
      "read",
      Effect.zipRight(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => Effect.orDie(text)), hello),
      400
    ]
  ] satisfies ReadonlyArray<readonly [string, Handler, number]>
)(
  "RequestParser: one that gives a request before the end of a body that is %s",
  async (_, handler, status) => {
    const found = await talk(lineReader({ endsBodies: false }), handler, async (client) => {
      client.send("/one\n/two\n/three\n")
      const response = await client.response()
      await client.whenEnded()
      return response.status
    })
    expect(found).toBe(status)
  }
)
