/** Handlers that run on although their client has left: which ones may, for how long, and what waits for them. */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { TsgiHttpServer } from "tsgi/effect"
import { turns } from "../utils/Journal.js"
import { get, postOf } from "../utils/requests.js"
import {
  type Handler,
  kinds,
  noteEnds,
  nothingSeen,
  type SceneOptions,
  type Seen,
  serve,
  type Served,
  someKinds,
  watch
} from "./scene.js"

interface Work {
  readonly seen: Seen
  /** Done when the handler may go on. */
  readonly go: Deferred.Deferred<void>
}

const work: Effect.Effect<Work> = Effect.map(Deferred.make<void>(), (go) => ({ seen: nothingSeen(), go }))

/** Works until it may go on. */
const until = ({ go, seen }: Work): Effect.Effect<void> =>
  Effect.zipRight(Effect.sync(() => seen.lines.push("at work")), noteEnds(Deferred.await(go), seen))

const answering = (work: Work, doing: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest>): Handler =>
  watch(work.seen).pipe(Effect.zipRight(doing), Effect.as(HttpServerResponse.text("done")))

const seenSoFar = ({ seen }: Work) => Effect.as(Effect.promise(() => turns(50)), seen.events.entries)
const all = ({ seen }: Work) => Effect.as(Effect.promise(() => seen.records.first(1)), seen.events.entries)

const left = (options: SceneOptions, served: Served, work: Work) =>
  Effect.gen(function*() {
    const scene = yield* serve(served, work.seen, { memory: true, ...options })
    const client = yield* Effect.promise(scene.connect)
    client.send(get())
    yield* Effect.promise(() => work.seen.lines.first(1))
    client.reset()
    return client
  })

const ending = ["scope ClientGone", "hook Aborted ClientGone undefined", "second hook", "log 499"]
const hooksOnly = ["hook Aborted ClientGone undefined", "second hook", "log 499"]

/** Runs on for far longer than an interrupted handler may, and then ends as usual. */
const runsOn = (served: (work: Work) => Served, options: SceneOptions = {}) =>
  Effect.gen(function*() {
    const given = yield* work
    yield* left(options, served(given), given)
    yield* TestClock.adjust("15 seconds")
    assert.deepStrictEqual(yield* seenSoFar(given), [])
    yield* Deferred.succeed(given.go, undefined)
    assert.deepStrictEqual(yield* all(given), ["handler over", ...ending])
  })

for (const kind of someKinds) {
  describe(kind, () => {
    it.scoped("a server that interrupts no handler", () =>
      runsOn((work) => kinds[kind](answering(work, until(work))), { door: { interruptOnDisconnect: false } }))

    it.scoped("a handler that is to keep running", () =>
      runsOn((work) => kinds[kind](TsgiHttpServer.keepRunning(answering(work, until(work))))))

    it.scoped("a part that is to keep running: what follows it is interrupted", () =>
      Effect.gen(function*() {
        const given = yield* work
        const handler = answering(
          given,
          Effect.zipRight(TsgiHttpServer.keepRunning(until(given)), Effect.never)
        )
        yield* left({}, kinds[kind](handler), given)
        assert.deepStrictEqual(yield* seenSoFar(given), [])
        yield* Deferred.succeed(given.go, undefined)
        assert.deepStrictEqual(yield* all(given), ["handler over", ...ending])
      }))

    it.scoped("what is uninterruptible runs to its end; the hooks do not wait for ever", () =>
      Effect.gen(function*() {
        const given = yield* work
        yield* left({}, kinds[kind](answering(given, Effect.uninterruptible(until(given)))), given)
        assert.deepStrictEqual(yield* seenSoFar(given), [])
        yield* TestClock.adjust("10 seconds")
        yield* all(given)
        assert.deepStrictEqual(yield* seenSoFar(given), hooksOnly)
        yield* Deferred.succeed(given.go, undefined)
        assert.deepStrictEqual(yield* seenSoFar(given), [...hooksOnly, "handler over", "scope ClientGone"])
      }))

    it.scoped("what is uninterruptible for less than that", () =>
      Effect.gen(function*() {
        const given = yield* work
        yield* left({}, kinds[kind](answering(given, Effect.uninterruptible(until(given)))), given)
        yield* seenSoFar(given)
        yield* Deferred.succeed(given.go, undefined)
        assert.deepStrictEqual(yield* all(given), ["handler over", ...ending])
      }))

    it.scoped("the server's stop awaits it within the grace time", () =>
      Effect.gen(function*() {
        const given = yield* work
        const scope = yield* Scope.make()
        const served = kinds[kind](TsgiHttpServer.keepRunning(answering(given, until(given))))
        yield* Scope.extend(left({}, served, given), scope)
        yield* seenSoFar(given)
        const stopped = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* seenSoFar(given)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(yield* seenSoFar(given), [])
        assert.isNull(yield* Effect.map(Fiber.poll(stopped), (exit) => exit._tag === "None" ? null : exit.value))
        yield* Deferred.succeed(given.go, undefined)
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(given.seen.events.entries, ["handler over", ...ending])
      }))

    it.scoped("and interrupts it when that is over", () =>
      Effect.gen(function*() {
        const given = yield* work
        const scope = yield* Scope.make()
        const served = kinds[kind](TsgiHttpServer.keepRunning(answering(given, until(given))))
        yield* Scope.extend(left({}, served, given), scope)
        yield* seenSoFar(given)
        const stopped = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* seenSoFar(given)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(given.seen.events.entries, ["interrupted", "handler over", ...ending])
      }))

    it.scoped("a stream without a client is not kept", () =>
      Effect.gen(function*() {
        const given = yield* work
        const part = new Uint8Array(65_536)
        const handler = Effect.as(
          watch(given.seen),
          HttpServerResponse.stream(
            Stream.forever(Stream.succeed(part)).pipe(
              Stream.ensuring(Effect.sync(() => given.seen.events.push("stream over")))
            )
          )
        )
        const scene = yield* serve(kinds[kind](handler), given.seen, {
          memory: true,
          door: { interruptOnDisconnect: false }
        })
        const client = yield* Effect.promise(scene.connect)
        client.send(get())
        yield* Effect.promise(() => client.bytes(part.length))
        client.reset()
        assert.deepStrictEqual(yield* all(given), [
          "stream over",
          "scope ClientGone",
          "hook Aborted ClientGone 200",
          "second hook",
          "log 200"
        ])
      }))

    it.scoped("a client that only says its end is answered where the server is told so", () =>
      Effect.gen(function*() {
        const given = yield* work
        const scene = yield* serve(kinds[kind](answering(given, until(given))), given.seen, {
          memory: true,
          config: { halfClose: "answer" }
        })
        const client = yield* Effect.promise(scene.connect)
        client.send(get())
        yield* Effect.promise(() => given.seen.lines.first(1))
        client.end()
        assert.deepStrictEqual(yield* seenSoFar(given), [])
        yield* Deferred.succeed(given.go, undefined)
        const response = yield* Effect.promise(() => client.response())
        assert.strictEqual(response.body.toString(), "done")
        assert.strictEqual(response.get("connection"), "close")
        assert.deepStrictEqual(yield* all(given), [
          "handler over",
          "scope Success",
          "hook Sent 200",
          "second hook",
          "log 200"
        ])
      }))

    it.scoped("and one that stops within the body is told what is wrong", () =>
      Effect.gen(function*() {
        const given = yield* work
        const handler = Effect.gen(function*() {
          yield* watch(given.seen)
          const request = yield* HttpServerRequest.HttpServerRequest
          const failed = yield* Effect.flip(request.text)
          return HttpServerResponse.text(`${failed._tag} ${"reason" in failed ? failed.reason : ""}`, { status: 400 })
        })
        const scene = yield* serve(kinds[kind](Effect.orDie(handler)), given.seen, {
          memory: true,
          config: { halfClose: "answer" }
        })
        const client = yield* Effect.promise(scene.connect)
        client.send(postOf(10, "01234"))
        client.end()
        const response = yield* Effect.promise(() => client.response())
        assert.strictEqual(response.body.toString(), "RequestError Transport")
        assert.strictEqual(response.get("connection"), "close")
      }))
  })
}

describe("a route that routers are told not to interrupt", () => {
  it.scoped("HttpRouter", () =>
    runsOn((work) =>
      HttpServer.serve(
        HttpRouter.empty.pipe(HttpRouter.get("/", answering(work, until(work)), { uninterruptible: true }))
      )
    ))

  it.scoped("HttpRouter, mounted", () =>
    runsOn((work) => {
      const inner = HttpRouter.empty.pipe(HttpRouter.get("/", answering(work, until(work)), { uninterruptible: true }))
      return HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.mount("/", inner)))
    }))

  it.scoped("HttpLayerRouter", () =>
    runsOn((work) =>
      HttpLayerRouter.serve<never, never, HttpLayerRouter.HttpRouter, never, never>(
        HttpLayerRouter.add("GET", "/", answering(work, until(work)), { uninterruptible: true }),
        { disableListenLog: true }
      )
    ))

  it.scoped("the server's stop waits for it, however long it takes", () =>
    Effect.gen(function*() {
      const given = yield* work
      const scope = yield* Scope.make()
      const served = HttpServer.serve(
        HttpRouter.empty.pipe(HttpRouter.get("/", answering(given, until(given)), { uninterruptible: true }))
      )
      yield* Scope.extend(left({}, served, given), scope)
      const stopped = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* seenSoFar(given)
      yield* TestClock.adjust("15 seconds")
      yield* all(given)
      assert.deepStrictEqual(yield* seenSoFar(given), hooksOnly)
      assert.isTrue(yield* Effect.map(Fiber.poll(stopped), (exit) => exit._tag === "None"))
      yield* Deferred.succeed(given.go, undefined)
      yield* Fiber.join(stopped)
      assert.deepStrictEqual(given.seen.events.entries, [...hooksOnly, "handler over", "scope ClientGone"])
    }))
})

for (
  const [how, shared] of Object.entries({
    "computed by a fiber of its own": (load: Effect.Effect<void>) =>
      Effect.map(Effect.cached(Effect.forkDaemon(load)), Effect.flatMap(Fiber.join)),
    "asked for by handlers that run on": (load: Effect.Effect<void>) =>
      Effect.map(Effect.cached(load), TsgiHttpServer.keepRunning)
  })
) {
  it.scoped(`what handlers share, ${how}: the client that asked first and leaves takes it from no other`, () =>
    Effect.gen(function*() {
      const { go, seen } = yield* work
      const load = yield* shared(
        Effect.zipRight(Effect.sync(() => seen.lines.push("at work")), Deferred.await(go))
      )
      const handler = Effect.zipRight(
        Effect.sync(() => seen.lines.push("asked")),
        Effect.as(load, HttpServerResponse.text("done"))
      )
      const scene = yield* serve(kinds.HttpApp(handler), seen, { memory: true })
      const [first, second] = yield* Effect.promise(() => Promise.all([scene.connect(), scene.connect()]))
      first.send(get())
      yield* Effect.promise(() => seen.lines.first(2))
      second.send(get())
      yield* Effect.promise(() => seen.lines.first(3))
      first.reset()
      yield* Effect.promise(() => turns(50))
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* Effect.promise(() => second.response())).status, 200)
      const third = yield* Effect.promise(scene.connect)
      third.send(get())
      assert.strictEqual((yield* Effect.promise(() => third.response())).status, 200)
      for (const client of [second, third]) client.close()
    }))
}
