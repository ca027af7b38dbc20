/**
 * WebSockets end like every other exchange: by a goodbye, with their client or with the server, once, and with a true outcome.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Socket from "@effect/platform/Socket"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { TsgiHttpServer } from "tsgi/effect"
import type { WebSocket } from "ws"
import { expectReleased, holdings } from "../utils/holdings.js"
import { turns } from "../utils/Journal.js"
import { dial } from "../utils/webSockets.js"
import { type Handler, kinds, noteEnds, nothingSeen, type Seen, serve, type Served, someKinds, watch } from "./scene.js"

const echo = (seen: Seen): Handler =>
  Effect.gen(function*() {
    yield* watch(seen)
    const request = yield* HttpServerRequest.HttpServerRequest
    const socket = yield* request.upgrade
    const write = yield* socket.writer
    yield* TsgiHttpServer.stopping.pipe(
      Effect.zipRight(write("bye")),
      Effect.zipRight(write(new Socket.CloseEvent(1001, "the server stops"))),
      Effect.forkScoped
    )
    yield* Effect.catchTag(socket.run((message) => write(message)), "SocketError", () => Effect.void)
    seen.events.push("handler over")
    return HttpServerResponse.empty()
  }).pipe(Effect.scoped, Effect.orDie)

/** A handler that reads nothing, and does not learn that its client has left. */
const deaf = (seen: Seen): Handler =>
  Effect.gen(function*() {
    yield* watch(seen)
    const request = yield* HttpServerRequest.HttpServerRequest
    const socket = yield* request.upgrade
    yield* Effect.forkScoped(
      Effect.ensuring(Effect.exit(socket.run(() => Effect.void)), Effect.sync(() => seen.lines.push("socket over")))
    )
    const write = yield* socket.writer
    yield* write("hello")
    return yield* noteEnds(Effect.never, seen)
  }).pipe(Effect.orDie)

/** A client with the messages that it has received. */
const dialServed = (served: Served, seen: Seen) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const scene = yield* Scope.extend(serve(served, seen), scope)
    const { client, heard } = yield* Effect.promise(() => dial(scene.address))
    return { client, heard, stop: Effect.fork(Scope.close(scope, Exit.void)) }
  })

const over = (seen: Seen) => Effect.as(Effect.promise(() => seen.records.first(1)), seen.events.entries)

for (const kind of someKinds) {
  describe(kind, () => {
    it.scoped("the server stops: it says goodbye, and no client is cut", () =>
      Effect.gen(function*() {
        const before = holdings()
        const seen = nothingSeen()
        const { client, heard, stop } = yield* dialServed(kinds[kind](echo(seen)), seen)
        client.send("hello")
        yield* Effect.promise(() => heard.first(1))
        yield* Fiber.join(yield* stop)
        assert.deepStrictEqual(yield* Effect.promise(() => heard.first(3)), ["hello", "bye", "closed 1001"])
        assert.deepStrictEqual(seen.events.entries, [
          "handler over",
          "scope Success",
          "hook Sent undefined",
          "second hook",
          "log 101"
        ])
        yield* Effect.promise(() => expectReleased(before))
      }))

    for (
      const [how, leave] of [
        ["says goodbye", (client: WebSocket) => client.close(1000)],
        ["drops the connection", (client: WebSocket) => client.terminate()]
      ] as const
    ) {
      it.scoped(`the client ${how}`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const { client, heard, stop } = yield* dialServed(kinds[kind](echo(seen)), seen)
          client.send("hello")
          yield* Effect.promise(() => heard.first(1))
          leave(client)
          const events = yield* over(seen)
          assert.strictEqual(events[0], "handler over")
          assert.deepStrictEqual(events.slice(2), ["hook Sent undefined", "second hook", "log 101"])
          yield* Fiber.join(yield* stop)
        }))
    }

    it.scoped("the client of a handler that hears nothing leaves", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { client, heard, stop } = yield* dialServed(kinds[kind](deaf(seen)), seen)
        yield* Effect.promise(() => heard.first(1))
        client.terminate()
        // it may end by itself, within the time for an interrupted one
        yield* Effect.promise(() => seen.lines.first(1))
        yield* Effect.promise(() => turns(20))
        assert.deepStrictEqual(seen.events.entries, [])
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(yield* over(seen), [
          "interrupted",
          "handler over",
          "scope ClientGone",
          "hook Sent undefined",
          "second hook",
          "log 101"
        ])
        yield* Fiber.join(yield* stop)
      }))

    it.scoped("a handler that ignores the stop is interrupted when the grace time is over", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { heard, stop } = yield* dialServed(kinds[kind](deaf(seen)), seen)
        yield* Effect.promise(() => heard.first(1))
        const stopped = yield* stop
        yield* Effect.promise(() => turns(50))
        assert.deepStrictEqual(seen.events.entries, [])
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(stopped)
        assert.deepStrictEqual(seen.events.entries, [
          "interrupted",
          "handler over",
          "scope Stopped",
          "hook Sent undefined",
          "second hook",
          "log 101"
        ])
        yield* Effect.promise(() => heard.first(2))
      }))
  })
}
