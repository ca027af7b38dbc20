/**
 * A finalizer of a request or of its socket, or a post hook, that does not end holds no place that others wait for, whatever has
 * come of a further request. test/server/Finishing.test.ts has every scene, for the engine.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { type Handler, kinds, nothingSeen, serve, someKinds } from "./scene.js"

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

const left: Readonly<
  Record<
    string,
    (end: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope | HttpServerRequest.HttpServerRequest>
  >
> = {
  "a finalizer of the request": (end) => Effect.addFinalizer(() => end),
  "a finalizer of the socket": (end) =>
    Effect.flatMap(Effect.orDie(TsgiHttpServer.socketScope), (scope) => Scope.addFinalizer(scope, end)),
  "a post hook": (end) => Effect.orDie(Posthooks.add(() => end))
}

const further: Readonly<Record<string, string>> = {
  "nothing": "",
  "half a head": "GET / HTTP/1.1\r\nHost: a\r\nX: ",
  "a whole request": get()
}

const cases = someKinds.flatMap((kind) =>
  Object.keys(left).flatMap((each) => Object.keys(further).map((bytes) => [kind, each, bytes] as const))
)

describe("a request is answered although another connection has the only place, and is left with", () => {
  it.scoped.each(cases)("%s: %s, and %s of a further request", ([kind, each, bytes]) =>
    Effect.gen(function*() {
      const end = yield* Deferred.make<void>()
      const handler: Handler = Effect.gen(function*() {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        if (headers["x-left"] !== undefined) yield* left[each](Deferred.await(end))
        return HttpServerResponse.text("hello")
      })
      const { connect } = yield* serve(kinds[kind](handler), nothingSeen(), {
        memory: true,
        config: { limits: { connections: 1 }, timeouts: { interrupt: 500, place: 60_000 } }
      })
      const [client, next] = [yield* Effect.promise(connect), yield* Effect.promise(connect)]
      // a scene that fails ends, too
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          client.close()
          next.close()
        }).pipe(Effect.zipRight(Deferred.succeed(end, undefined)), Effect.zipRight(settled))
      )
      client.send(get("/", "X-Left: yes"))
      expect((yield* Effect.promise(() => client.response())).status).toBe(200)
      if (further[bytes] !== "") client.send(further[bytes])
      yield* settled
      next.send(get())
      yield* pass(1100)
      yield* pass(600)
      expect(next.received).toBeGreaterThan(0)
      expect((yield* Effect.promise(() => next.response())).status).toBe(200)
      yield* Deferred.succeed(end, undefined)
      yield* settled
      next.close()
      yield* settled
      if (bytes === "a whole request") expect((yield* Effect.promise(() => client.response())).status).toBe(200)
    }))
})
