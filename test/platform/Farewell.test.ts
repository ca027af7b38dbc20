/**
 * Connections that have no end of their own hold no stop for its whole grace: the server says goodbye to WebSockets, whose
 * peers get what they had asked, and ends event streams.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type App, listen, server } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { Journal } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"

/** The grace is never waited for here. */
const timeouts = { grace: 60_000, farewell: 50 }

const open = async (served: Layer.Layer<never, never, HttpServer.HttpServer>, own: object = {}) => {
  const scope = Effect.runSync(Scope.make())
  const context = await Effect.runPromise(
    Layer.provideMerge(
      served,
      TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1", timeouts: { ...timeouts, ...own } })
    ).pipe(
      Layer.buildWithScope(scope),
      Effect.orDie
    )
  )
  const { address } = await Effect.runPromise(Effect.provide(HttpServer.HttpServer, context))
  if (address._tag !== "TcpAddress") throw new Error("not TCP")
  return { port: address.port, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const dial = async (port: number) => {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  const heard = new Journal<string>()
  client.on("message", (data: Buffer) => heard.push(data.toString()))
  client.on("close", (code) => heard.push(`closed ${code}`))
  await new Promise((resolve, reject) => {
    client.once("open", resolve)
    client.once("error", reject)
  })
  return { client, heard }
}

describe("a WebSocket", () => {
  it("whose handler hears nothing of the stop is closed with 1001, when its peer has its answers", async () => {
    const go = Effect.runSync(Deferred.make<void>())
    const asked = new Journal<string>()
    const ends = new Journal<string>()
    const handler = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const socket = yield* request.upgrade
      const write = yield* socket.writer
      yield* socket.runRaw((message) => {
        asked.push(message.toString())
        return Effect.zipRight(Deferred.await(go), write(message))
      })
      return HttpServerResponse.empty()
    }).pipe(Effect.onExit((exit) => Effect.sync(() => ends.push(exit._tag))))
    const { port, stop } = await open(HttpServer.serve(Effect.orDie(handler)))
    const { client, heard } = await dial(port)
    const quiet = await dial(port)
    client.send("one")
    client.send("two")
    await asked.first(2)
    const stopped = stop()
    expect(await quiet.heard.first(1)).toEqual(["closed 1001"])
    expect(heard.entries).toEqual([])
    await Effect.runPromise(Deferred.succeed(go, undefined))
    expect(await heard.first(3)).toEqual(["one", "two", "closed 1001"])
    await stopped
    // the server's own goodbye is no failure of its handler
    expect(ends.entries).toEqual(["Success", "Success"])
  })

  it("whose handler is interrupted before the farewell, because the grace is over, is closed with 1001 too", async () => {
    const handler = HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap((request) => request.upgrade),
      Effect.flatMap((socket) => socket.runRaw(() => Effect.never)),
      Effect.as(HttpServerResponse.empty())
    )
    const { port, stop } = await open(HttpServer.serve(Effect.orDie(handler)), { grace: 50, farewell: 60_000 })
    const { client, heard } = await dial(port)
    client.send("one")
    const stopped = stop()
    expect(await heard.first(1)).toEqual(["closed 1001"])
    await stopped
  })

  it("of RpcServer is closed so, and what was called is answered", async () => {
    class Calls extends RpcGroup.make(Rpc.make("Wait", { success: Schema.String })) {}
    const go = Effect.runSync(Deferred.make<void>())
    const called = new Journal<string>()
    const rpc = RpcServer.layer(Calls).pipe(
      Layer.provide(
        Calls.toLayer({
          Wait: () =>
            Effect.sync(() => called.push("called")).pipe(
              Effect.zipRight(Deferred.await(go)),
              Effect.as("done")
            )
        })
      ),
      Layer.provideMerge(RpcServer.layerProtocolWebsocket({ path: "/" })),
      Layer.provide(RpcSerialization.layerJson)
    )
    const { port, stop } = await open(HttpRouter.Default.serve().pipe(Layer.provide(rpc)))
    const { client, heard } = await dial(port)
    const quiet = await dial(port)
    client.send(JSON.stringify({ _tag: "Request", id: "1", tag: "Wait", payload: null, headers: [] }))
    await called.first(1)
    const stopped = stop()
    expect(await quiet.heard.first(1)).toEqual(["closed 1001"])
    await Effect.runPromise(Deferred.succeed(go, undefined))
    const [answer, end] = await heard.first(2)
    expect(answer).toContain("done")
    expect(end).toBe("closed 1001")
    await stopped
  })
})

describe("an event stream", () => {
  it("of the Effect door is ended", async () => {
    const events = Stream.concat(Stream.succeed(new TextEncoder().encode("data: 1\n\n")), Stream.never)
    const handler = Effect.succeed(HttpServerResponse.stream(events, { contentType: "text/event-stream" }))
    const { port, stop } = await open(HttpServer.serve(handler))
    const client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.send(get("/"))
    await client.until("data: 1\n\n")
    await Promise.all([stop(), client.whenEnded()])
    client.close()
  })

  it("of the facade is ended, and what is another kind of answer is awaited", async () => {
    const lengths = new Journal<string>()
    let finish = (): void => undefined
    const app: App = async function*(env, startResponse) {
      const isStream = env.PATH_INFO === "/events"
      startResponse("200 OK", [["content-type", isStream ? "text/event-stream; charset=utf-8" : "text/plain"]])
      yield "first"
      lengths.push(env.PATH_INFO)
      await new Promise<void>((resolve) => {
        env["tsgi.signal"].addEventListener("abort", () => resolve())
        if (!isStream) finish = resolve
      })
      yield "last"
    }
    const running = server(listen(), app, { logOutput: false, timeouts })
    const address = await running.ready
    const [events, plain] = [await connect(address), await connect(address)]
    events.send(get("/events"))
    plain.send(get("/plain"))
    await lengths.first(2)
    const stopped = running.stop()
    await events.whenEnded()
    expect(events.unread.toString()).not.toContain("last")
    finish()
    expect((await plain.response()).body.toString()).toBe("firstlast")
    for (const client of [events, plain]) client.close()
    expect(await stopped).toMatchObject({ connections: 2, interrupted: 0, finished: 2 })
  })
})

it("an application of the facade that took a connection over is told by the signal, and then has the grace time", async () => {
  const told = new Journal<string>()
  const running = server(listen(), (env) => {
    const socket = env["wsgi.input"].getSocket()
    env["tsgi.signal"].addEventListener("abort", () => {
      told.push("told")
      socket.end("bye")
    })
    socket.write("hello")
    return ""
  }, { logOutput: false, timeouts })
  const client = await connect(await running.ready)
  client.send(get("/"))
  await client.until("hello")
  const stopped = running.stop()
  await client.until("bye")
  client.close()
  expect(await stopped).toMatchObject({ connections: 1, interrupted: 0 })
  expect(told.entries).toEqual(["told"])
})
