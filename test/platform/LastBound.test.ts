/**
 * A stop waits for a handler that cannot be interrupted, even if its connection was the last. An app that ends beside another
 * waits no longer than its bounds for what never ends of it. doors/Stop.test.ts has the hooks and finalizers of a stop, and
 * wsgi/LastBound.test.ts logs that cannot be written.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import assert from "node:assert"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { expect, it } from "vitest"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { nothingSeen, open } from "./scene.js"

const timeouts = { grace: 50, interrupt: 50, hooks: 100 }

it("an app that ends beside another leaves behind what never ends of it", async () => {
  const lines = new Journal<string>()
  const program = Effect.gen(function*() {
    const http = yield* HttpServer.HttpServer
    if (http.address._tag !== "TcpAddress") throw new Error("not TCP")
    const { port } = http.address
    const scope = yield* Scope.make()
    const hung = Effect.gen(function*() {
      yield* Posthooks.add(() => Effect.never)
      yield* Effect.addFinalizer(() => Effect.never)
      return HttpServerResponse.text("hung")
    })
    yield* HttpServer.serveEffect(Effect.orDie(hung)).pipe(Scope.extend(scope))
    const client = yield* Effect.promise(() => connect(port))
    client.send(get("/"))
    assert((yield* Effect.promise(() => client.response())).body.toString() === "hung")
    yield* HttpServer.serveEffect(HttpServerResponse.text("other"))
    yield* Scope.close(scope, Exit.void)
    const other = yield* Effect.promise(() => connect(port))
    other.send(get("/"))
    assert((yield* Effect.promise(() => other.response())).body.toString() === "other")
    client.close()
    other.close()
  })
  await program.pipe(
    Effect.scoped,
    Effect.provide(TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1", timeouts })),
    Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(String(message))))),
    Effect.runPromise
  )
  expect(lines.entries).toContain("an app has ended, and 1 of its requests had post hooks or finalizers that did not")
})

it("the last handler that cannot be interrupted ends before what it uses is released", async () => {
  const events = new Journal<string>()
  const go = Effect.runSync(Deferred.make<void>())
  const resource = Layer.scopedDiscard(
    Effect.addFinalizer(() => Effect.sync(() => events.push("released")))
  )
  const atWork = Effect.sync(() => events.push("at work")).pipe(
    Effect.zipRight(Effect.uninterruptible(Deferred.await(go))),
    Effect.ensuring(Effect.sync(() => events.push("ended")))
  )
  const app = Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    ({ url }) =>
      Effect.as(
        url === "/" ? atWork : Effect.orDie(Posthooks.add(() => Effect.never)),
        HttpServerResponse.text("hello")
      )
  )
  const served = HttpServer.serve(app).pipe(Layer.provide(resource))
  const seen = nothingSeen()
  const { connect, stop } = await open(served, seen, { config: { timeouts } })
  const [client, other] = [await connect(), await connect()]
  other.send(get("/hooked"))
  await other.response()
  client.send(get("/"))
  await events.first(1)
  client.reset()
  const stopped = stop()
  // all bounds of the stop have passed when it gives up what has the last one
  await seen.lines.find((line) => line.includes("did not end within"))
  await turns(50)
  expect(events.entries).toEqual(["at work"])
  await Effect.runPromise(Deferred.succeed(go, undefined))
  await stopped
  expect(events.entries).toEqual(["at work", "ended", "released"])
  other.close()
})
