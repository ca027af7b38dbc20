/** Several apps on one server, one after the other and side by side: the end of one does not release what another uses. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Net from "node:net"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { type Handler, nothingSeen, serve } from "./scene.js"

/** A server without an app, for which the test serves some. */
const testServer = Effect.gen(function*() {
  const { address, connect, server } = yield* serve(Layer.empty, nothingSeen())
  const dial = Effect.promise(connect)
  const ask = Effect.flatMap(dial, (client) =>
    Effect.promise(async () => {
      client.send(get("/", "Connection: close"))
      const { body } = await client.response()
      client.close()
      return body.toString()
    }))
  const serveApp = (handler: Handler) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* HttpServer.serveEffect(handler).pipe(
        Effect.provideService(HttpServer.HttpServer, server),
        Scope.extend(scope)
      )
      return { end: Scope.close(scope, Exit.void) }
    })
  return { port: address._tag === "Tcp" ? address.port : 0, dial, ask, serve: serveApp }
})

const text = (text: string): Handler => Effect.succeed(HttpServerResponse.text(text))
const pass = Effect.promise(() => turns(50))
const isOver = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.map(Fiber.poll(fiber), (exit) => exit._tag === "Some")

it.scoped("a second app served while the first drains", () =>
  Effect.gen(function*() {
    const { ask, dial, serve } = yield* testServer
    const works = new Journal<string>()
    const go = yield* Deferred.make<void>()
    const first = yield* serve(
      Effect.zipRight(Effect.sync(() => works.push("at work")), Effect.zipRight(Deferred.await(go), text("first")))
    )
    const client = yield* dial
    client.send(get())
    yield* Effect.promise(() => works.first(1))
    const ended = yield* Effect.fork(first.end)
    yield* pass
    const second = yield* serve(text("second"))
    assert.strictEqual(yield* ask, "second")
    assert.isFalse(yield* isOver(ended))
    yield* Deferred.succeed(go, undefined)
    assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "first")
    client.close()
    yield* Fiber.join(ended)
    assert.strictEqual(yield* ask, "second")
    yield* second.end
    assert.isTrue(Exit.isFailure(yield* Effect.exit(ask)))
  }))

it.scoped("the latest app that is served has the requests, and the server stops with the last", () =>
  Effect.gen(function*() {
    const { ask, serve } = yield* testServer
    const first = yield* serve(text("first"))
    const second = yield* serve(text("second"))
    const third = yield* serve(text("third"))
    assert.strictEqual(yield* ask, "third")
    yield* third.end
    assert.strictEqual(yield* ask, "second")
    yield* first.end
    assert.strictEqual(yield* ask, "second")
    yield* second.end
    assert.isTrue(Exit.isFailure(yield* Effect.exit(ask)))
  }))

it.scoped("an app that ends beside another tells its handlers, and waits for them, their scopes and their hooks", () =>
  Effect.gen(function*() {
    const { ask, dial, serve } = yield* testServer
    const events = new Journal<string>()
    const note = (event: string) => Effect.sync(() => events.push(event))
    const go = yield* Deferred.make<void>()
    const first = yield* serve(
      Effect.gen(function*() {
        yield* Posthooks.add(() => Effect.zipRight(pass, note("hook")))
        yield* Effect.addFinalizer(() => Effect.zipRight(pass, note("scope")))
        yield* note("at work")
        yield* TsgiHttpServer.stopping
        yield* note("told")
        yield* Deferred.await(go)
        return HttpServerResponse.text("first")
      }).pipe(Effect.orDie)
    )
    const client = yield* dial
    client.send(get())
    yield* Effect.promise(() => events.first(1))
    const second = yield* serve(text("second"))
    const ended = yield* Effect.fork(Effect.zipRight(first.end, note("released")))
    yield* Effect.promise(() => events.first(2))
    assert.strictEqual(yield* ask, "second")
    yield* Deferred.succeed(go, undefined)
    assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "first")
    yield* Fiber.join(ended)
    assert.deepStrictEqual(events.entries, ["at work", "told", "scope", "hook", "released"])
    // the connection belongs to the server
    client.send(get())
    assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "second")
    client.close()
    yield* second.end
  }))

it.scoped("an app that ends beside another waits for hooks of requests that were answered before", () =>
  Effect.gen(function*() {
    const { dial, serve } = yield* testServer
    const hooks = new Journal<string>()
    const go = yield* Deferred.make<void>()
    const first = yield* serve(
      Posthooks.add(() => Effect.zipRight(Effect.sync(() => hooks.push("begun")), Deferred.await(go))).pipe(
        Effect.orDie,
        Effect.zipRight(text("first"))
      )
    )
    const client = yield* dial
    client.send(get())
    yield* Effect.promise(() => client.response())
    yield* Effect.promise(() => hooks.first(1))
    const second = yield* serve(text("second"))
    const ended = yield* Effect.fork(first.end)
    yield* pass
    assert.isFalse(yield* isOver(ended))
    yield* Deferred.succeed(go, undefined)
    yield* Fiber.join(ended)
    client.close()
    yield* second.end
  }))

it.scoped("and interrupts them when the grace time is over", () =>
  Effect.gen(function*() {
    const { ask, dial, serve } = yield* testServer
    const events = new Journal<string>()
    const first = yield* serve(
      Effect.zipRight(Effect.sync(() => events.push("at work")), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.zipRight(pass, Effect.sync(() => events.push("interrupted"))))
      )
    )
    const client = yield* dial
    client.send(get())
    yield* Effect.promise(() => events.first(1))
    const second = yield* serve(text("second"))
    const ended = yield* Effect.fork(first.end)
    yield* pass
    yield* TestClock.adjust("2 seconds")
    yield* pass
    assert.deepStrictEqual([yield* isOver(ended), events.entries.length], [false, 1])
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(ended)
    assert.deepStrictEqual(events.entries, ["at work", "interrupted"])
    assert.strictEqual((yield* Effect.promise(() => client.response())).status, 503)
    assert.strictEqual(yield* ask, "second")
    client.close()
    yield* second.end
  }))

it.scoped("an app whose address was taken meanwhile dies with the ServeError", () =>
  Effect.gen(function*() {
    const { port, serve } = yield* testServer
    const first = yield* serve(text("first"))
    yield* first.end
    yield* Effect.acquireRelease(
      Effect.async<Net.Server>((resume) => {
        const server = Net.createServer().listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    )
    const exit = yield* Effect.exit(serve(text("second")))
    assert.deepInclude(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, { _tag: "ServeError" })
  }))
