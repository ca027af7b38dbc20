/**
 * WebSockets never end by themselves, but a stop does not wait its whole grace time for them: the server closes them, and their
 * peers get the answers to their messages. doors/Stop.test.ts has event streams.
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
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Journal } from "../utils/Journal.js"
import { dial } from "../utils/webSockets.js"
import { nothingSeen, open, type Served } from "./scene.js"

/** The stop never waits for this grace time. */
const timeouts = { grace: 60_000, farewell: 50 }

const serve = (served: Served, own: object = {}) =>
  open(served, nothingSeen(), { config: { timeouts: { ...timeouts, ...own } } })

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
    const { address, stop } = await serve(HttpServer.serve(Effect.orDie(handler)))
    const { client, heard } = await dial(address)
    const quiet = await dial(address)
    client.send("one")
    client.send("two")
    await asked.first(2)
    const stopped = stop()
    expect(await quiet.heard.first(1)).toEqual(["closed 1001"])
    expect(heard.entries).toEqual([])
    await Effect.runPromise(Deferred.succeed(go, undefined))
    expect(await heard.first(3)).toEqual(["one", "two", "closed 1001"])
    await stopped
    // the server's goodbye is not a failure of the handler
    expect(ends.entries).toEqual(["Success", "Success"])
  })

  it("whose handler is interrupted before the farewell, because the grace is over, is closed with 1001 too", async () => {
    const handler = HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap((request) => request.upgrade),
      Effect.flatMap((socket) => socket.runRaw(() => Effect.never)),
      Effect.as(HttpServerResponse.empty())
    )
    const { address, stop } = await serve(HttpServer.serve(Effect.orDie(handler)), { grace: 50, farewell: 60_000 })
    const { client, heard } = await dial(address)
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
    const { address, stop } = await serve(HttpRouter.Default.serve().pipe(Layer.provide(rpc)))
    const { client, heard } = await dial(address)
    const quiet = await dial(address)
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
