/**
 * A stop has a last bound: it does not wait for finalizers that never end, nor for a log that cannot be written. It waits for a
 * handler that cannot be interrupted, even if its connection was the last. doors/Stop.test.ts has hooks that never end.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
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
import { server } from "tsgi"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { MemoryListener } from "tsgi/testing"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { longestFlush } from "../../src/node/LogFile.js"
import { load } from "../../src/node/sonicBoom.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { nothingSeen, open } from "../platform/scene.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { hello } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"
import { unreadPipe } from "../utils/unreadPipe.js"

const timeouts = { grace: 50, interrupt: 50, hooks: 100 }

/** Serves at the Effect door, answers one request, and stops. The stop must end. */
const answerAndStop = async (app: HttpApp.Default<never, Scope.Scope>): Promise<void> => {
  const { connect, stop } = await open(HttpServer.serve(app), nothingSeen(), { config: { timeouts } })
  const client = await connect()
  client.send(get("/"))
  await client.response()
  await stop()
  client.close()
}

it("by default a stop is over before Docker kills a container, 10 s after SIGTERM", () => {
  const { grace, hooks, interrupt, settle } = ServerConfig.defaults.timeouts
  expect(settle + grace + interrupt + hooks + longestFlush).toBeLessThanOrEqual(9500)
})

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

it("a finalizer of a request that never ends does not hold the stop", () =>
  answerAndStop(Effect.as(Effect.addFinalizer(() => Effect.never), HttpServerResponse.text("hello"))))

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

describe.each(["one", "two"])("%s", (how) => {
  // what writes logs is loaded once, which would take real time while the clock is the test's
  beforeAll(() => load())

  it("a log that is a pipe without a reader does not hold the stop", async () => {
    const pipes = [unreadPipe(), unreadPipe()]
    const [log, errorLog] = how === "one" ? [pipes[0].fd, undefined] : [pipes[0].fd, pipes[1].fd]
    const memory = MemoryListener.make()
    const running = server(
      memory.listener,
      (env, startResponse) => {
        env["wsgi.errors"].write("x".repeat(1_000_000))
        return hello(env, startResponse)
      },
      { log, errorLog, logFormat: () => "x".repeat(1_000_000) }
    )
    for (let i = 0; i < 3; i++) {
      await running.ready
      const client = memory.connect()
      client.send(get("/"))
      await client.response()
      client.close()
    }
    // the time for which the server waits for a log, which passes here when the test says so; all other timers are real,
    // as Effect's scheduler would not go on without its own
    const real = globalThis.setTimeout
    const flushes: Array<() => void> = []
    const timers = vi.spyOn(globalThis, "setTimeout").mockImplementation((callback, milliseconds, ...given) => {
      if (milliseconds !== longestFlush) return real(callback, milliseconds, ...given)
      flushes.push(callback)
      return real(() => undefined, 0)
    })
    try {
      let isOver = false
      const stopped = running.stop().then(() => {
        isOver = true
      })
      // two logs are written at the same time
      while (flushes.length < (how === "one" ? 1 : 2)) await turns(1)
      await turns(50)
      expect(isOver).toBe(false)
      for (const flushIsLate of flushes) flushIsLate()
      await stopped
    } finally {
      timers.mockRestore()
      for (const { close } of pipes) await close()
    }
  })
})
