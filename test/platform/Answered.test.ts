/**
 * A handler that cannot be interrupted answers, and can read what has arrived.
 *
 * The family: every way to be uninterruptible (a route, the whole handler, a part that answers after it) against everything that
 * interrupts (the handler itself, a stop whose grace is over); and every way to run on after the client has left, with a body
 * that has arrived whole or not.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { type NotingApp, withServer } from "../utils/serving.js"
import * as scene from "./scene.js"

type Served = scene.Served

type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>

const settled = Effect.promise(() => turns(20))

/** Lets time pass, and what is under way before and after it. */
const pass = (milliseconds: number): Effect.Effect<void> =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

/** Serves in memory, and stops when it is told to. */
const serve = (served: Served, door: TsgiHttpServer.DoorOptions = {}) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const { connect } = yield* scene.serve(served, scene.nothingSeen(), {
      memory: true,
      door,
      config: { timeouts: { grace: 0, linger: 50, interrupt: 20 } }
    }).pipe(Scope.extend(scope))
    return { connect: () => Effect.promise(connect), stop: Scope.close(scope, Exit.void) }
  })

const kinds: Record<
  string,
  (handler: Handler, uninterruptible: boolean) => Served
> = {
  HttpApp: (handler) => HttpServer.serve(handler),
  "HttpApp in middleware": (handler) => HttpServer.serve(handler, HttpMiddleware.make((app) => app)),
  HttpRouter: (handler, uninterruptible) =>
    HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.all("/", handler, { uninterruptible }))),
  "HttpRouter in middleware": (handler, uninterruptible) => {
    const router: HttpApp.Default<unknown> = HttpRouter.empty.pipe(HttpRouter.all("/", handler, { uninterruptible }))
    return HttpServer.serve(router, HttpMiddleware.make((app) => app))
  },
  "HttpRouter, mounted": (handler, uninterruptible) =>
    HttpServer.serve(
      HttpRouter.empty.pipe(
        HttpRouter.mount("/in", HttpRouter.empty.pipe(HttpRouter.all("/", handler, { uninterruptible }))),
        HttpRouter.all("/", handler, { uninterruptible })
      )
    )
}

const done = HttpServerResponse.text("done")

describe("a handler that interrupts itself", () => {
  for (const kind of ["HttpRouter", "HttpRouter in middleware"]) {
    it.scoped(`${kind}, in a route that is not to be interrupted: it is answered`, () =>
      Effect.gen(function*() {
        const handler: Handler = Effect.gen(function*() {
          const fiber = Option.getOrThrow(Fiber.getCurrentFiber())
          fiber.unsafeInterruptAsFork(fiber.id())
          yield* settled
          return yield* HttpServerResponse.empty()
        })
        const { connect, stop } = yield* serve(kinds[kind](handler, true))
        const client = yield* connect()
        client.send(get())
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 204)
        client.close()
        yield* stop
      }))
  }
})

describe("a stop whose grace is over", () => {
  const ways: Record<string, (begun: Effect.Effect<unknown>, go: Effect.Effect<void>) => Handler> = {
    "a handler that is uninterruptible": (begun, go) =>
      Effect.uninterruptible(Effect.zipRight(begun, Effect.as(go, done))),
    "a part that is uninterruptible, with an answer behind it": (begun, go) =>
      Effect.as(Effect.uninterruptible(Effect.zipRight(begun, go)), done)
  }
  for (const kind of Object.keys(kinds)) {
    for (
      const [way, handler] of [...Object.entries(ways), ["a route that is not to be interrupted", undefined] as const]
    ) {
      if (handler === undefined && !kind.startsWith("HttpRouter")) continue
      it.scoped(`${kind}: ${way} is answered`, () =>
        Effect.gen(function*() {
          const outcomes = new Journal<string>()
          const begun = yield* Deferred.make<void>()
          const go = yield* Deferred.make<void>()
          const make = handler ?? ((begun: Effect.Effect<unknown>, go) => Effect.zipRight(begun, Effect.as(go, done)))
          const app = Posthooks.add(({ _tag }) => Effect.sync(() => outcomes.push(_tag))).pipe(
            Effect.orDie,
            Effect.zipRight(make(Deferred.succeed(begun, undefined), Deferred.await(go)))
          )
          const { connect, stop } = yield* serve(kinds[kind](app, handler === undefined))
          const client = yield* connect()
          client.send(get())
          yield* Deferred.await(begun)
          const stopped = yield* Effect.fork(stop)
          // this is longer than an interrupted handler may take to end
          yield* pass(60)
          yield* Deferred.succeed(go, undefined)
          const response = yield* Effect.promise(() => client.response())
          assert.deepStrictEqual(
            [response.status, response.get("connection"), response.body.toString()],
            [200, "close", "done"]
          )
          client.close()
          yield* Fiber.join(stopped)
          assert.deepStrictEqual(outcomes.entries, ["Sent"])
        }))
    }

    it.scoped(`${kind}: what waits behind a part that is uninterruptible is interrupted there`, () =>
      Effect.gen(function*() {
        const begun = yield* Deferred.make<void>()
        const go = yield* Deferred.make<void>()
        const app: Handler = Effect.zipRight(
          Effect.uninterruptible(Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(go))),
          Effect.never
        )
        const { connect, stop } = yield* serve(kinds[kind](app, false))
        const client = yield* connect()
        client.send(get())
        yield* Deferred.await(begun)
        const stopped = yield* Effect.fork(stop)
        yield* pass(30)
        assert.isTrue(Option.isNone(yield* Fiber.poll(stopped)))
        yield* Deferred.succeed(go, undefined)
        client.close()
        yield* Fiber.join(stopped)
      }))
  }
})

describe("the client has left behind a body that had come whole", () => {
  const post = request("POST", "/", ["Content-Length: 11"])

  const runsOn: Record<
    string,
    (work: Handler) => readonly [Served, TsgiHttpServer.DoorOptions]
  > = {
    "keepRunning": (work) => [kinds.HttpApp(TsgiHttpServer.keepRunning(work), false), {}],
    "interruptOnDisconnect: false": (work) => [kinds.HttpApp(work, false), { interruptOnDisconnect: false }],
    "a route that is not to be interrupted": (work) => [kinds.HttpRouter(work, true), {}]
  }
  for (const [way, make] of Object.entries(runsOn)) {
    for (const [sent, read] of [["Hello World", "Hello World"], ["Hello", "Disconnected"]] as const) {
      it.scoped(`${way}: of ${sent} it reads ${read}`, () =>
        Effect.gen(function*() {
          const seen = new Journal<string>()
          const begun = yield* Deferred.make<void>()
          const go = yield* Deferred.make<void>()
          const work: Handler = Effect.gen(function*() {
            const request = yield* HttpServerRequest.HttpServerRequest
            yield* Deferred.succeed(begun, undefined)
            yield* Deferred.await(go)
            const { source } = request
            seen.push(Predicate.hasProperty(source, "answerEnded") && source.answerEnded === true ? "left" : "there")
            seen.push(yield* Effect.catchAll(request.text, ({ cause }) => Effect.succeed(String(cause))))
            return done
          })
          const { connect, stop } = yield* serve(...make(work))
          const client = yield* connect()
          client.send(`${post}${sent}`)
          yield* Deferred.await(begun)
          client.reset()
          yield* settled
          yield* Deferred.succeed(go, undefined)
          const [gone, text] = yield* Effect.promise(() => seen.first(2))
          assert.strictEqual(gone, "left")
          assert.include(text, read)
          yield* stop
        }))
    }
  }

  for (const [sent, read] of [["Hello World", "Hello World"], ["Hello", "Disconnected"]] as const) {
    it(`plain TypeScript: of ${sent} it reads ${read}, also when the hooks have run without it`, async () => {
      const hooks = new Journal<string>()
      const app: NotingApp = async (env, startResponse, journal) => {
        journal.push("called")
        env["eventlet.posthooks"].push([() => hooks.push("hook")])
        await hooks.first(1)
        journal.push(await env["wsgi.input"].read().then(String, String))
        startResponse("200 OK", [])
        return "done"
      }
      await withServer(app, { memory: true, timeouts: { interrupt: 10 } }, async ({ connect, journal }) => {
        const client = await connect()
        client.send(`${post}${sent}`)
        await journal.first(1)
        client.reset()
        assert.include((await journal.first(2))[1], read)
      })
    })
  }
})
