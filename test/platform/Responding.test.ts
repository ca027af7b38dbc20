/** When and how a response is sent, and when the request's scope closes. */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { empty, raw, text } from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Posthooks } from "tsgi/effect"
import { get } from "../utils/requests.js"
import {
  exitName,
  type Handler,
  kinds,
  named,
  nothingSeen,
  type SceneOptions,
  type Seen,
  serve,
  someKinds
} from "./scene.js"

const talk = (served: Parameters<typeof serve>[0], seen: Seen, options: SceneOptions = {}) =>
  Effect.gen(function*() {
    const scene = yield* serve(served, seen, { memory: true, ...options })
    return yield* Effect.acquireRelease(Effect.promise(scene.connect), (client) => Effect.sync(() => client.close()))
  })

const hooked = (seen: Seen) =>
  Effect.orDie(Posthooks.add((outcome) => Effect.sync(() => seen.events.push(named(outcome)))))
const finalized = (seen: Seen) =>
  Effect.addFinalizer((exit) => Effect.sync(() => seen.events.push(`scope ${exitName(exit).slice(0, 36)}`)))

const impossible: Readonly<Record<string, HttpServerResponse.HttpServerResponse>> = {
  "a length without a body": empty({ status: 200, headers: { "content-length": "10" } }),
  "a length beyond the body": raw("hello", { headers: { "content-length": "10" } }),
  "a length that is none": raw("hello", { headers: { "content-length": "ten" } }),
  "another transfer coding": text("hello", { headers: { "transfer-encoding": "gzip" } })
}

for (const kind of someKinds) {
  describe(kind, () => {
    for (const [what, response] of Object.entries(impossible)) {
      it.scoped(`${what} is answered 500, and ends the scope and the hooks`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const handler: Handler = Effect.zipRight(
            Effect.zipRight(hooked(seen), finalized(seen)),
            Effect.succeed(response)
          )
          const client = yield* talk(kinds[kind](handler), seen)
          client.send(get())
          assert.strictEqual((yield* Effect.promise(() => client.response())).status, 500)
          yield* Effect.promise(() => seen.records.first(1))
          assert.strictEqual(seen.events.entries.length, 3)
          assert.match(seen.events.entries[0], /^scope Failure (ResponseError|Body|Invalid)/)
          assert.deepStrictEqual(seen.events.entries.slice(1), ["Failed 500", "log 500"])
        }))

      it.scoped(`${what}, without hooks and finalizers`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const client = yield* talk(kinds[kind](Effect.succeed(response)), seen)
          client.send(get())
          assert.strictEqual((yield* Effect.promise(() => client.response())).status, 500)
          const [record] = yield* Effect.promise(() => seen.records.first(1))
          assert.deepInclude(record.outcome, { _tag: "Failed", status: 500 })
        }))
    }

    it.scoped("the client does not wait for what the handler has forked; its hooks, and the next request, do", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const go = yield* Deferred.make<void>()
        const cleaned = Effect.zipRight(Deferred.await(go), Effect.sync(() => seen.events.push("child over")))
        const handler: Handler = Effect.gen(function*() {
          yield* hooked(seen)
          yield* Effect.fork(Effect.uninterruptible(Effect.as(cleaned, 1)))
          yield* Effect.fork(Effect.ensuring(Effect.never, cleaned))
          yield* Effect.yieldNow()
          return text("hello")
        })
        const client = yield* talk(kinds[kind](handler), seen)
        client.send(get())
        assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "hello")
        assert.deepStrictEqual(seen.events.entries, [])
        yield* Deferred.succeed(go, undefined)
        yield* Effect.promise(() => seen.records.first(1))
        assert.deepStrictEqual(seen.events.entries, ["child over", "child over", "Sent 200", "log 200"])
      }))

    for (const used of [false, true]) {
      it.scoped(`a scope that the platform was told to leave open stays so, ${used ? "used" : "unused"} before`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const scopes: Array<Scope.Scope> = []
          const handler: Handler = Effect.gen(function*() {
            const scope = yield* Effect.scope
            if (used) yield* finalized(seen)
            HttpApp.ejectDefaultScopeClose(scope)
            scopes.push(scope)
            return text("hello")
          })
          const client = yield* talk(kinds[kind](handler), seen)
          client.send(get())
          yield* Effect.promise(() => client.response())
          yield* Effect.promise(() => seen.records.first(1))
          const [scope] = scopes
          yield* Scope.addFinalizer(scope, Effect.sync(() => seen.events.push("closed")))
          assert.deepStrictEqual(seen.events.entries, ["log 200"])
        }))
    }

    it.scoped("a tracer that samples is asked once for each request", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        let asked = 0
        const sampling = Layer.locally(HttpMiddleware.currentTracerDisabledWhen, () => asked++ % 2 === 1)
        const handler: Handler = Effect.map(Effect.option(Effect.currentSpan), ({ _tag }) => text(_tag))
        const client = yield* talk(sampling(kinds[kind](handler)), seen)
        for (const expected of ["Some", "None", "Some", "None"]) {
          client.send(get())
          const response = yield* Effect.promise(() => client.response())
          assert.deepStrictEqual([response.status, response.body.toString()], [200, expected])
        }
        assert.strictEqual(asked, 4)
      }))
  })
}
