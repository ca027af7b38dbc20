/**
 * Stops at the Effect door: when the scope of an app closes, its handlers end, with a grace time of Effect's clock, before
 * anything that they use is released. doors/Stop.test.ts has what a stop does over every door.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { NodeListener, TsgiHttpServer } from "tsgi/effect"
import { turns } from "../utils/Journal.js"
import { get, postOf } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { Database, using } from "./database.js"
import { type Handler, kinds, noteEnds, nothingSeen, type Seen, serve, type Served, someKinds, watch } from "./scene.js"

const pass = (count = 50): Effect.Effect<void> => Effect.promise(() => turns(count))

/** A server with the effect that ends it, in a fiber. */
const opened = (served: Served, seen: Seen, memory = true) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const scene = yield* Scope.extend(serve(served, seen, { memory }), scope)
    return {
      client: Effect.promise(scene.connect),
      stop: Effect.zipLeft(Effect.fork(Scope.close(scope, Exit.void)), pass())
    }
  })

const atWork = (seen: Seen): Effect.Effect<void> => Effect.sync(() => seen.lines.push("at work"))
const works = (seen: Seen, count = 1) => Effect.promise(() => seen.lines.first(count))
const isOver = <A>(fiber: Fiber.RuntimeFiber<A>) => Effect.map(Fiber.poll(fiber), (exit) => exit._tag === "Some")

for (const kind of someKinds) {
  describe(kind, () => {
    it.scoped("the grace time is 3 seconds of Effect's clock: a handler that runs then is interrupted, and knows why", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const handler = watch(seen).pipe(
          Effect.zipRight(atWork(seen)),
          Effect.zipRight(noteEnds(Effect.never, seen))
        )
        const { client, stop } = yield* opened(kinds[kind](handler), seen)
        const busy = yield* client
        busy.send(get())
        yield* works(seen)
        const stopped = yield* stop
        yield* TestClock.adjust("2 seconds")
        yield* pass()
        assert.deepStrictEqual(seen.events.entries, [])
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(seen.events.entries, [
          "interrupted",
          "handler over",
          "scope Stopped",
          "hook Aborted Stopped undefined",
          "second hook",
          "log 503"
        ])
        yield* Effect.promise(() => busy.whenEnded())
        assert.strictEqual(busy.received, 0)
      }))

    it.scoped("the rest of an answer leaves when its request is being ended: that is as it was", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const go = yield* Deferred.make<void>()
        const handler = watch(seen).pipe(
          Effect.zipRight(Effect.addFinalizer(() => Effect.zipRight(atWork(seen), Deferred.await(go)))),
          Effect.as(HttpServerResponse.uint8Array(new Uint8Array(1_000_000)))
        )
        const { client, stop } = yield* opened(kinds[kind](handler), seen)
        const busy = yield* client
        busy.send(get())
        yield* Effect.promise(() => busy.some())
        busy.pause()
        yield* pass()
        const stopped = yield* stop
        yield* TestClock.adjust("3 seconds")
        yield* works(seen)
        busy.resume()
        yield* pass(100)
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(seen.events.entries, [
          "scope Stopped",
          "hook Aborted Stopped 200",
          "second hook",
          "log 200"
        ])
      }))

    it.scoped("event streams are told when it begins, and say goodbye", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const encoder = new TextEncoder()
        const handler = Effect.map(Effect.context<HttpServerRequest.HttpServerRequest>(), (context) =>
          HttpServerResponse.stream(
            Stream.concat(
              Stream.succeed("data: hello\n\n"),
              Stream.fromEffect(Effect.as(TsgiHttpServer.stopping, "event: bye\ndata: bye\n\n"))
            ).pipe(
              Stream.map((text) =>
                encoder.encode(text)
              ),
              Stream.provideContext(context)
            ),
            { contentType: "text/event-stream" }
          )).pipe(Effect.zipLeft(watch(seen)))
        const { client, stop } = yield* opened(kinds[kind](handler), seen)
        const busy = yield* client
        busy.send(get())
        yield* Effect.promise(() => busy.until("hello"))
        const stopped = yield* stop
        const rest = (yield* Effect.promise(() => busy.all())).toString()
        assert.include(rest, "event: bye")
        assert.isTrue(rest.endsWith("0\r\n\r\n"))
        busy.close()
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(seen.events.entries, ["scope Success", "hook Sent 200", "second hook", "log 200"])
      }))

    it.scoped("no handler, whatever it does, takes a step when what it uses is released", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const database = new Database()
        const latest = yield* Deferred.make<void>()
        const handler: Handler = Effect.gen(function*() {
          yield* watch(seen)
          yield* Effect.addFinalizer(() => Effect.zipRight(pass(1), database.query))
          const request = yield* HttpServerRequest.HttpServerRequest
          yield* atWork(seen)
          const step = Effect.zipRight(database.query, pass(1))
          const longest = Effect.zipRight(Deferred.await(latest), Effect.repeatN(step, 20))
          switch (request.headers["x-way"]) {
            case "quick":
              yield* step
              return HttpServerResponse.text("quick")
            case "looping":
              return yield* Effect.forever(step)
            case "uninterruptible":
              yield* Effect.uninterruptible(longest)
              return HttpServerResponse.text("at last")
            case "clinging":
              return yield* Effect.onInterrupt(Effect.never, () => longest)
            case "streaming":
              return HttpServerResponse.stream(
                Stream.ensuring(Stream.repeatEffect(Effect.as(step, new Uint8Array(1024))), database.query)
              )
            case "reading":
              yield* Stream.runForEach(request.stream, () => step)
              return HttpServerResponse.empty()
            default:
              return HttpServerResponse.uint8Array(new Uint8Array(10_000_000))
          }
        }).pipe(Effect.orDie)
        const { client, stop } = yield* opened(using(database, kinds[kind](handler)), seen)
        const ways = ["quick", "looping", "uninterruptible", "clinging", "streaming", "reading", "unread"]
        const times = 8
        for (let i = 0; i < times; i++) {
          for (const way of ways) {
            const busy = yield* client
            busy.send(postOf(100, "some", `X-Way: ${way}`))
            if (way === "unread") busy.pause()
          }
        }
        yield* works(seen, times * ways.length)
        const stopped = yield* stop
        assert.isTrue(database.isOpen)
        // this is the grace time, then the time for interrupted handlers, in steps, while handlers run
        for (let i = 0; i < 14; i++) {
          yield* TestClock.adjust("1 second")
          yield* pass(5)
        }
        assert.deepStrictEqual([yield* isOver(stopped), database.isOpen], [false, true])
        yield* Deferred.succeed(latest, undefined)
        // the handlers that could not be interrupted have answered, and their clients stay
        while (!(yield* isOver(stopped))) {
          yield* pass(5)
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual([database.isOpen, database.late], [false, 0])
        yield* pass(100)
        assert.strictEqual(database.late, 0)
        const count = (start: string) => seen.events.entries.filter((event) => event.startsWith(start)).length
        assert.deepStrictEqual(
          [count("scope "), count("hook "), count("second hook"), count("log ")],
          Array(4).fill(times * ways.length)
        )
      }))
  })
}

it.scoped("a server that serves again: no request reaches an app that is gone", () =>
  Effect.gen(function*() {
    const server = yield* Layer.build(
      TsgiHttpServer.layerWith().pipe(
        Layer.provide([TsgiHttpServer.layerServices, NodeListener.layer({})])
      )
    )
    const text = (text: string) =>
      HttpServer.serveEffect(Effect.succeed(HttpServerResponse.text(text))).pipe(Effect.provide(server))
    const { address } = yield* Effect.provide(HttpServer.HttpServer, server)
    assert.strictEqual(address._tag, "TcpAddress")
    const where = address._tag === "TcpAddress" ? address : undefined
    const ask = Effect.promise(async () => {
      await using client = await connect(where?.port ?? 0)
      client.send(get())
      return (await client.response()).body.toString()
    })
    for (const name of ["first", "second"]) {
      const scope = yield* Scope.make()
      yield* Scope.extend(text(name), scope)
      assert.strictEqual(yield* ask, name)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ask)))
    }
    // handlers can be interrupted even if the fiber that serves cannot
    const seen = nothingSeen()
    const scope = yield* Scope.make()
    yield* Effect.uninterruptible(
      HttpServer.serveEffect(Effect.zipRight(atWork(seen), noteEnds(Effect.never, seen))).pipe(
        Effect.provide(server),
        Scope.extend(scope)
      )
    )
    const client = yield* Effect.promise(() => connect(where?.port ?? 0))
    client.send(get())
    yield* works(seen)
    client.reset()
    yield* Effect.promise(() => seen.events.first(2))
    assert.deepStrictEqual(seen.events.entries, ["interrupted", "handler over"])
    yield* Scope.close(scope, Exit.void)
  }))
