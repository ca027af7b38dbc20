/** Every service of the engine can be another: a layer replaces it, and the server is as before in all else. */
import * as HttpServer from "@effect/platform/HttpServer"
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
  TsgiHttpServer
} from "tsgi/effect"
import { RequestReader } from "tsgi/protocol"
import { MemoryListener, type WireClient } from "tsgi/testing"
import { expect, it } from "vitest"
import { get, type Handler, post } from "./scene.js"

type Service =
  | Listener.Listener
  | RequestParser.RequestParser
  | InterimResponses.InterimResponses
  | Posthooks.Posthooks
  | AccessLog.AccessLog

/** Talks to a server in memory whose usual services some others replace. */
const talk = <A>(
  replaced: Layer.Layer<Service> | Layer.Layer<never>,
  handler: Handler,
  say: (client: WireClient) => Promise<A>
): Promise<A> => {
  const memory = MemoryListener.make()
  return HttpServer.serve(handler).pipe(
    Layer.provide(TsgiHttpServer.layerWith()),
    Layer.provide(replaced),
    Layer.provide(TsgiHttpServer.layerServices),
    Layer.provide(Layer.succeed(Listener.Listener, memory.listener)),
    Layer.build,
    Effect.zipRight(Effect.promise(async () => {
      await using client = memory.connect()
      return await say(client)
    })),
    Effect.scoped,
    Effect.runPromise
  )
}

const hello: Handler = Effect.succeed(HttpServerResponse.text("hello"))

/** The usual service of a layer, for one that is built around it. */
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
  const answer = HttpServer.serve(hello).pipe(
    Layer.provide(TsgiHttpServer.layerWith()),
    Layer.provide([TsgiHttpServer.layerServices, counting]),
    Layer.build,
    Effect.zipRight(Effect.promise(async () => {
      await using client = memory.connect()
      client.send(get)
      return (await client.response()).body.toString()
    })),
    Effect.scoped
  )
  expect(await Effect.runPromise(answer)).toBe("hello")
  expect(remotes).toEqual(["Tcp"])
})

it("Listener: one that cannot be bound fails the layer with its reason", async () => {
  const deaf = Layer.succeed(Listener.Listener, {
    bind: () => Effect.fail(new ServerError.BindError({ reason: "Other", address: "nowhere", cause: "no reason" }))
  })
  const error = HttpServer.serve(hello).pipe(
    Layer.provide(TsgiHttpServer.layerWith()),
    Layer.provide([TsgiHttpServer.layerServices, deaf]),
    Layer.build,
    Effect.scoped,
    Effect.flip
  )
  expect(await Effect.runPromise(error)).toMatchObject({
    _tag: "ServeError",
    cause: { _tag: "BindError", reason: "Other", address: "nowhere", cause: "no reason" }
  })
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
  const long = `GET /${"x".repeat(30)} HTTP/1.1\r\nHost: a\r\n\r\n`
  const statuses = await talk(strict, hello, async (client) => {
    client.send(get + long)
    return [(await client.response()).status, (await client.response()).status]
  })
  expect(statuses).toEqual([200, 414])
  expect(heard).toBe(get.length + long.length)
})

it("InterimResponses: one that signs them, and sends no hints", async () => {
  const signing = Layer.effect(
    InterimResponses.InterimResponses,
    Effect.map(usual(InterimResponses.InterimResponses, InterimResponses.layer), ({ prepare }) => ({
      prepare: (request, status, fields, fieldCase) =>
        status === 103
          ? new InterimResponses.InterimError({ reason: "Unsupported", description: "no hints here" })
          : prepare(request, status, [...fields, ["X-Signed", "yes"]], fieldCase)
    }))
  )
  const handler: Handler = Effect.gen(function*() {
    const refused = yield* Effect.flip(InterimResponses.earlyHints({ Link: "</a>" }))
    yield* InterimResponses.continue()
    return HttpServerResponse.text(refused.message)
  }).pipe(Effect.orDie)
  const response = await talk(signing, handler, (client) => {
    client.send(post(1, "a", "Expect: 100-continue\r\n"))
    return client.response()
  })
  expect(response.body.toString()).toBe("Unsupported: no hints here")
  expect(response.interim.map((head) => [head.status, head.get("x-signed")])).toEqual([[100, "yes"]])
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
    client.send(get)
    await client.response()
    client.end()
    await client.whenEnded()
  })
  expect(kept).toEqual(["Sent failed"])
})

it("AccessLog: one that writes lines", async () => {
  const lines: Array<string> = []
  const log = AccessLog.layerLines(
    AccessLogFormat.compile("%(request_line)s %(status_code)s %(body_length)s"),
    (line) => lines.push(line)
  )
  await talk(log, hello, async (client) => {
    client.send(`${get}nonsense\r\n\r\n`)
    await client.all()
  })
  expect(lines).toEqual(["GET / HTTP/1.1 200 5", "nonsense 400 58"])
})

it("ServerConfig: limits for the parser and for connections alike", async () => {
  const config = ServerConfig.layer({
    ...TsgiHttpServer.defaults,
    limits: { fieldCount: 2, requestsPerConnection: 2 }
  })
  const memory = MemoryListener.make()
  const answers = HttpServer.serve(hello).pipe(
    Layer.provide(TsgiHttpServer.layerWith()),
    Layer.provide([TsgiHttpServer.layerServices, Layer.succeed(Listener.Listener, memory.listener)]),
    Layer.provide(config),
    Layer.build,
    Effect.zipRight(Effect.promise(async () => {
      await using client = memory.connect()
      await using other = memory.connect()
      client.send(get + get)
      other.send("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n")
      const responses = [await client.response(), await client.response(), await other.response()]
      return responses.map((response) => [response.status, response.get("connection")])
    })),
    Effect.scoped
  )
  expect(await Effect.runPromise(answers)).toEqual([[200, undefined], [200, "close"], [431, "close"]])
})
