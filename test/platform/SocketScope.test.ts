/**
 * The scope of a socket for handlers: a resource of a connection outlives requests, and is released once, after the last request
 * and its hooks and before the socket is closed, whatever ends the connection. To close the scope ends the connection.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as fc from "fast-check"
import { Posthooks, SocketScope, TsgiHttpServer } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { expect } from "vitest"
import { atRest, turns } from "../utils/Journal.js"
import { get, postOf } from "../utils/requests.js"
import { runs } from "../utils/runs.js"
import { dial } from "../utils/webSockets.js"
import {
  type Handler,
  kinds,
  noteEnds,
  nothingSeen,
  open,
  type SceneOptions,
  type Seen,
  serve,
  watch
} from "./scene.js"

const first = ({ events }: Seen, count: number) => Effect.promise(() => events.first(count))
const found = ({ events }: Seen, event: string) => Effect.promise(() => events.find((other) => other === event))
const response = (client: WireClient) => Effect.promise(() => client.response())
const wait = Effect.promise(() => turns(20))

/** A resource of the connection, which its first request makes and later ones find. */
const session = (seen: Seen) => {
  const sessions = new WeakMap<Scope.Scope, { requests: number }>()
  return Effect.gen(function*() {
    const scope = yield* Effect.orDie(TsgiHttpServer.socketScope)
    const before = sessions.get(scope)
    if (before !== undefined) {
      before.requests++
      return before
    }
    const made = { requests: 1 }
    sessions.set(scope, made)
    yield* Scope.addFinalizerExit(scope, ({ _tag }) =>
      Effect.zipRight(
        Effect.yieldNow(),
        Effect.sync(() => seen.events.push(`released ${_tag} after ${made.requests}`))
      ))
    seen.events.push("acquired")
    return made
  })
}

/** A handler with a session, a finalizer and hooks, which goes on with `rest`. */
const using = (seen: Seen, rest: Handler): Handler => {
  const own = session(seen)
  return Effect.zipRight(Effect.zipRight(own, watch(seen)), noteEnds(rest, seen))
}

const hello: Handler = Effect.succeed(HttpServerResponse.text("hello"))
const reading: Handler = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ text }) => Effect.map(Effect.orDie(text), HttpServerResponse.text)
)

/** A handler that gives its socket's scope to the test. */
const giving = (given: Deferred.Deferred<Scope.CloseableScope>): Effect.Effect<
  void,
  never,
  HttpServerRequest.HttpServerRequest
> => Effect.flatMap(Effect.orDie(TsgiHttpServer.socketScope), (scope) => Deferred.succeed(given, scope))

const ending = (how: string, status: number | undefined, logged: number, exit = "Failure"): ReadonlyArray<string> => [
  "acquired",
  "interrupted",
  "handler over",
  `scope ${how === "ClientGone" ? how : "Stopped"}`,
  `hook Aborted ${how} ${status}`,
  "second hook",
  `log ${logged}`,
  `released ${exit} after 1`,
  "socket closed"
]

/** The events, each once, because a socket may be dropped before all has ended, and is closed again at the end. */
const atEnd = (events: ReadonlyArray<string>): ReadonlyArray<string> => {
  const last = events.lastIndexOf("socket closed")
  return events.filter((event, i) => event !== "socket closed" || i === last)
}

for (const [where, memory] of [["in memory", true], ["on a socket", false]] as const) {
  const scene = (seen: Seen, handler: Handler, options: SceneOptions = {}) =>
    serve(kinds.HttpRouter(handler), seen, { memory, sockets: true, ...options })

  describe(`what is tied to a connection ${where} is released once, after the request and before the socket, when`, () => {
    it.scoped("all is done", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { connect } = yield* scene(seen, using(seen, hello))
        const client = yield* Effect.promise(connect)
        for (const fields of ["", "Connection: close\r\n"]) {
          client.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
          yield* response(client)
        }
        yield* Effect.promise(() => client.whenEnded())
        client.close()
        yield* found(seen, "socket closed")
        const request = ["handler over", "scope Success", "hook Sent 200", "second hook", "log 200"]
        assert.deepStrictEqual(seen.events.entries, [
          "acquired",
          ...request,
          ...request,
          "released Success after 2",
          "socket closed"
        ])
      }))

    it.scoped("the client leaves between two requests", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { connect } = yield* scene(seen, using(seen, hello))
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* response(client)
        yield* found(seen, "log 200")
        client.close()
        yield* found(seen, "socket closed")
        assert.deepStrictEqual(seen.events.entries.slice(-3), ["log 200", "released Success after 1", "socket closed"])
      }))

    it.scoped("the client is gone", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { connect } = yield* scene(seen, using(seen, Effect.never))
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* first(seen, 1)
        client.reset()
        yield* found(seen, "released Failure after 1")
        yield* wait
        assert.deepStrictEqual(atEnd(seen.events.entries), ending("ClientGone", undefined, 499))
      }))

    it.scoped("a deadline is over", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { connect } = yield* scene(seen, using(seen, reading), { config: { timeouts: { body: 2_000 } } })
        const client = yield* Effect.promise(connect)
        client.send(postOf(5, "12", "Expect: 100-continue"))
        yield* Effect.promise(() => client.head())
        yield* TestClock.adjust("2500 millis")
        assert.strictEqual((yield* response(client)).status, 408)
        yield* Effect.promise(() => client.whenEnded())
        client.close()
        yield* found(seen, "socket closed")
        assert.deepStrictEqual(seen.events.entries, [
          "acquired",
          "handler over",
          "scope Failure RequestError: Transport: Timeout: the body did not come in time (timeouts.body) (POST /)",
          "hook Aborted ReadTimeout 408",
          "second hook",
          "log 408",
          "released Success after 1",
          "socket closed"
        ])
      }))

    it.scoped("the handler is late", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { connect } = yield* scene(seen, using(seen, Effect.never), { config: { timeouts: { handler: 2_000 } } })
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* first(seen, 1)
        yield* wait
        yield* TestClock.adjust("2500 millis")
        assert.strictEqual((yield* response(client)).status, 503)
        yield* Effect.promise(() => client.whenEnded())
        client.close()
        yield* found(seen, "socket closed")
        assert.deepStrictEqual(seen.events.entries, [
          "acquired",
          "interrupted",
          "handler over",
          "scope Stopped",
          "hook Failed 503",
          "second hook",
          "log 503",
          "released Success after 1",
          "socket closed"
        ])
      }))

    it.scoped("the client takes nothing", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        let taken = 0
        const parts = Stream.repeatEffect(Effect.sync(() => {
          taken++
          return new Uint8Array(64 * 1024)
        }))
        const { connect } = yield* scene(
          seen,
          using(seen, Effect.succeed(HttpServerResponse.stream(parts))),
          { config: { timeouts: { write: 2_000 } } }
        )
        const client = yield* Effect.promise(connect)
        client.pause()
        client.send(get())
        yield* found(seen, "handler over")
        // the kernels take as much as they can hold before
        yield* Effect.promise(() => atRest(() => taken))
        yield* TestClock.adjust("10 seconds")
        yield* found(seen, "released Failure after 1")
        yield* wait
        assert.deepStrictEqual(atEnd(seen.events.entries).slice(-5), [
          "hook Aborted WriteTimeout 200",
          "second hook",
          "log 200",
          "released Failure after 1",
          "socket closed"
        ])
      }))

    it.scoped("nothing comes any more", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const { connect } = yield* scene(seen, using(seen, hello), { config: { timeouts: { idle: 5_000 } } })
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* response(client)
        yield* found(seen, "log 200")
        yield* wait
        yield* TestClock.adjust("5500 millis")
        yield* Effect.promise(() => client.whenEnded())
        yield* found(seen, "socket closed")
        assert.deepStrictEqual(seen.events.entries.slice(-2), ["released Success after 1", "socket closed"])
      }))

    it.effect("the server stops", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const serving = yield* Scope.make()
        const { connect } = yield* Scope.extend(
          scene(seen, using(seen, Effect.never), { config: { timeouts: { grace: 3_000 } } }),
          serving
        )
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* first(seen, 1)
        const stopping = yield* Effect.fork(Scope.close(serving, Exit.void))
        yield* wait
        assert.lengthOf(seen.events.entries, 1)
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(stopping)
        assert.deepStrictEqual(atEnd(seen.events.entries), ending("Stopped", undefined, 503))
      }))

    it.scoped("the scope is closed from outside", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const given = yield* Deferred.make<Scope.CloseableScope>()
        const { connect } = yield* scene(seen, Effect.zipRight(giving(given), using(seen, Effect.never)))
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* first(seen, 1)
        yield* Scope.close(yield* Deferred.await(given), Exit.fail("enough"))
        // all of this has happened when the close has ended
        assert.deepStrictEqual(atEnd(seen.events.entries), ending("Closed", undefined, 503))
        assert.lengthOf(yield* Effect.promise(() => client.all()), 0)
      }))

    it.scoped("the scope is closed while nothing runs", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const given = yield* Deferred.make<Scope.CloseableScope>()
        const { connect } = yield* scene(seen, Effect.zipRight(giving(given), using(seen, hello)))
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* response(client)
        yield* found(seen, "log 200")
        yield* Scope.close(yield* Deferred.await(given), Exit.void)
        assert.deepStrictEqual(seen.events.entries.slice(-3), ["log 200", "released Success after 1", "socket closed"])
        yield* Effect.promise(() => client.whenEnded())
      }))

    it.scoped("the scope is closed within an answer", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const given = yield* Deferred.make<Scope.CloseableScope>()
        const { connect } = yield* scene(
          seen,
          Effect.zipRight(
            giving(given),
            using(
              seen,
              Effect.succeed(HttpServerResponse.stream(
                Stream.concat(Stream.succeed(new Uint8Array(3)), Stream.never).pipe(
                  Stream.ensuring(Effect.sync(() => seen.events.push("stream over")))
                )
              ))
            )
          )
        )
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* Effect.promise(() => client.head())
        yield* Scope.close(yield* Deferred.await(given), Exit.void)
        assert.deepStrictEqual(atEnd(seen.events.entries), [
          "acquired",
          "handler over",
          "stream over",
          "scope Stopped",
          "hook Aborted Closed 200",
          "second hook",
          "log 200",
          "released Success after 1",
          "socket closed"
        ])
        // a client can tell that the body is cut
        const bytes = yield* Effect.promise(() => client.all())
        assert.notMatch(bytes.toString("latin1"), /0\r\n\r\n$/)
      }))
  })
}

describe("closing the scope from within", () => {
  const closing = Effect.flatMap(Effect.orDie(TsgiHttpServer.socketScope), (scope) => Scope.close(scope, Exit.void))

  it.scoped("ends a handler, which does not wait for itself, interruptible or not", () =>
    Effect.gen(function*() {
      for (
        const rest of [Effect.zipRight(closing, Effect.never), Effect.uninterruptible(Effect.zipRight(closing, hello))]
      ) {
        const seen = nothingSeen()
        const { connect } = yield* serve(kinds.HttpApp(using(seen, rest)), seen, { memory: true, sockets: true })
        const client = yield* Effect.promise(connect)
        client.send(get())
        yield* found(seen, "released Success after 1")
        assert.includeMembers([...seen.events.entries], ["hook Aborted Closed undefined", "second hook", "log 503"])
        assert.lengthOf(yield* Effect.promise(() => client.all()), 0)
      }
    }))

  it.scoped("ends the connection after the answer: a hook and finalizers do not wait for themselves", () =>
    Effect.gen(function*() {
      for (const by of ["hook", "finalizer"]) {
        const seen = nothingSeen()
        const handler = Effect.gen(function*() {
          const scope = yield* TsgiHttpServer.socketScope
          const close = Effect.zipRight(
            Scope.close(scope, Exit.void),
            Effect.sync(() => seen.events.push(`${by} over`))
          )
          if (by === "hook") yield* Posthooks.add(() => close)
          else yield* Effect.addFinalizer(() => close)
          return yield* using(seen, hello)
        }).pipe(Effect.orDie)
        const { connect } = yield* serve(kinds.HttpApp(handler), seen, { memory: true, sockets: true })
        const client = yield* Effect.promise(connect)
        client.send(get() + get())
        assert.strictEqual((yield* response(client)).status, 200)
        yield* Effect.promise(() => client.whenEnded())
        yield* found(seen, "socket closed")
        assert.include(seen.events.entries, `${by} over`)
        assert.deepStrictEqual(seen.events.entries.slice(-2), ["released Success after 1", "socket closed"])
      }
    }))

  it.scoped("waits where it is another connection's", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const given = yield* Deferred.make<Scope.CloseableScope>()
      const handler: Handler = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) =>
        method === "GET"
          ? Effect.zipRight(giving(given), using(seen, Effect.never))
          : Deferred.await(given).pipe(
            Effect.flatMap((scope) => Scope.close(scope, Exit.void)),
            Effect.map(() => HttpServerResponse.text(seen.events.entries.at(-2) ?? ""))
          ))
      const { connect } = yield* serve(kinds.HttpApp(handler), seen, { memory: true, sockets: true })
      const [one, other] = yield* Effect.promise(() => Promise.all([connect(), connect()]))
      one.send(get())
      yield* first(seen, 1)
      other.send(postOf(0, ""))
      assert.strictEqual((yield* response(other)).body.toString(), "released Success after 1")
    }))

  it.scoped("interrupts what was to outlive its client, and lets a route end that is not to be interrupted", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const given = yield* Deferred.make<Scope.CloseableScope>()
      const { connect } = yield* serve(
        kinds.HttpApp(Effect.zipRight(giving(given), using(seen, TsgiHttpServer.keepRunning(Effect.never)))),
        seen,
        { memory: true, sockets: true, door: { interruptOnDisconnect: false } }
      )
      const client = yield* Effect.promise(connect)
      client.send(get())
      yield* first(seen, 1)
      yield* Scope.close(yield* Deferred.await(given), Exit.void)
      assert.deepStrictEqual(atEnd(seen.events.entries), ending("Closed", undefined, 503, "Success"))
    }))
})

describe("the scope of a socket", () => {
  it.scoped("is given to handlers and middleware of every kind, and is one for all requests of a connection", () =>
    Effect.gen(function*() {
      for (const kind of Object.values(kinds)) {
        const seen = nothingSeen()
        const scopes: Array<Scope.Scope> = []
        const noting = Effect.flatMap(
          Effect.orDie(TsgiHttpServer.socketScope),
          (scope) => Effect.sync(() => scopes.push(scope))
        )
        const handler: Handler = Effect.contextWithEffect((context: Context.Context<never>) =>
          Effect.as(
            noting,
            HttpServerResponse.text(String(Context.unsafeGet(context, SocketScope.SocketScope) === scopes[0]))
          )
        )
        const { connect } = yield* serve(
          kind(handler, (app) => Effect.zipRight(noting, app)),
          seen,
          { memory: true }
        )
        const [one, other] = yield* Effect.promise(() => Promise.all([connect(), connect()]))
        one.send(get() + get())
        assert.strictEqual((yield* response(one)).body.toString(), "true")
        assert.strictEqual((yield* response(one)).body.toString(), "true")
        assert.strictEqual(new Set(scopes).size, 1)
        other.send(get())
        assert.strictEqual((yield* response(other)).body.toString(), "false")
        assert.strictEqual(new Set(scopes).size, 2)
      }
    }))

  it.scoped("is a service that the compiler knows of, where an app is given it", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const app = Effect.gen(function*() {
        const scope = yield* SocketScope.SocketScope
        return HttpServerResponse.text(String(scope === (yield* TsgiHttpServer.socketScope)))
      })
      const { connect } = yield* serve(HttpServer.serve(SocketScope.provide(app)), seen, { memory: true })
      const client = yield* Effect.promise(connect)
      client.send(get())
      assert.strictEqual((yield* response(client)).body.toString(), "true")
    }))

  it.effect("is unsupported on another HttpServer", () =>
    Effect.gen(function*() {
      const request = HttpServerRequest.fromWeb(new Request("http://a/"))
      for (
        const asked of [
          Effect.asVoid(TsgiHttpServer.socketScope),
          Effect.asVoid(SocketScope.provide(Effect.flatMap(SocketScope.SocketScope, () => hello)))
        ]
      ) {
        const error = yield* Effect.flip(Effect.scoped(
          Effect.provideService(asked, HttpServerRequest.HttpServerRequest, request)
        ))
        assert.deepInclude(error, { _tag: "SocketScopeError", reason: "Unsupported" })
        assert.match(error.message, /^Unsupported: this HttpServer has no scope of the socket/)
      }
    }))

  it.scoped("interrupts what is forked in it, which outlives the request", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const handler: Handler = Effect.gen(function*() {
        const scope = yield* Effect.orDie(TsgiHttpServer.socketScope)
        yield* Effect.never.pipe(
          Effect.onInterrupt(() => Effect.sync(() => seen.events.push("fiber interrupted"))),
          Effect.forkIn(scope)
        )
        return HttpServerResponse.text("hello")
      })
      const { connect } = yield* serve(kinds.HttpRouter(handler), seen, { memory: true, sockets: true })
      const client = yield* Effect.promise(connect)
      client.send(get())
      yield* response(client)
      yield* wait
      assert.deepStrictEqual(seen.events.entries, ["log 200"])
      client.close()
      yield* found(seen, "socket closed")
      assert.deepStrictEqual(seen.events.entries, ["log 200", "fiber interrupted", "socket closed"])
    }))

  it.scoped("logs a finalizer that fails, and closes the socket all the same", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const handler: Handler = Effect.gen(function*() {
        const scope = yield* Effect.orDie(TsgiHttpServer.socketScope)
        yield* Scope.addFinalizer(scope, Effect.sync(() => seen.events.push("other")))
        yield* Scope.addFinalizer(scope, Effect.die("failed"))
        return HttpServerResponse.text("hello")
      })
      const { connect } = yield* serve(kinds.HttpRouter(handler), seen, { memory: true, sockets: true })
      const client = yield* Effect.promise(connect)
      client.send(get())
      yield* response(client)
      client.close()
      yield* found(seen, "socket closed")
      assert.deepStrictEqual(seen.events.entries, ["log 200", "other", "socket closed"])
      assert.deepStrictEqual(
        seen.lines.entries.filter((line) => line.startsWith("Error")).map((line) => line.replace(/:\d+/, "")),
        ["Error a finalizer of the socket's scope failed (127.0.0.1)"]
      )
    }))
})

describe("of a WebSocket", () => {
  const echoing = (seen: Seen, given: Deferred.Deferred<Scope.CloseableScope>): Handler =>
    using(
      seen,
      Effect.gen(function*() {
        yield* giving(given)
        const socket = yield* (yield* HttpServerRequest.HttpServerRequest).upgrade
        const write = yield* socket.writer
        yield* Effect.exit(socket.runRaw((message) => write(message.toString())))
        return HttpServerResponse.empty()
      }).pipe(Effect.scoped, Effect.orDie)
    )

  const opened = (seen: Seen) =>
    Effect.gen(function*() {
      const given = yield* Deferred.make<Scope.CloseableScope>()
      const { address } = yield* serve(kinds.HttpApp(echoing(seen, given)), seen, { sockets: true })
      const { client, heard } = yield* Effect.promise(() => dial(address))
      client.send("a")
      assert.deepStrictEqual(yield* Effect.promise(() => heard.first(1)), ["a"])
      return { client, heard, scope: yield* Deferred.await(given) }
    })

  const order = (event: string): number =>
    ["acquired", "interrupted", "handler over", "scope", "hook", "second hook", "log", "released", "socket closed"]
      .findIndex((begin) => event.startsWith(begin))

  const inOrder = (seen: Seen): void => {
    const events = atEnd(seen.events.entries)
    assert.deepStrictEqual([...events].sort((one, other) => order(one) - order(other)), events)
    for (const event of ["released", "hook", "socket closed"]) {
      assert.lengthOf(events.filter((other) => other.startsWith(event)), 1, event)
    }
  }

  it.scoped("it is released when the peer closes it", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const { client } = yield* opened(seen)
      client.close(1000)
      yield* found(seen, "released Success after 1")
      yield* wait
      inOrder(seen)
    }))

  it.scoped("it is released when the peer is gone", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const { client } = yield* opened(seen)
      client.terminate()
      yield* found(seen, "released Success after 1")
      yield* wait
      inOrder(seen)
    }))

  it.scoped("it can be closed from outside", () =>
    Effect.gen(function*() {
      const seen = nothingSeen()
      const { heard, scope } = yield* opened(seen)
      yield* Scope.close(scope, Exit.void)
      inOrder(seen)
      assert.include(seen.events.entries, "interrupted")
      assert.match((yield* Effect.promise(() => heard.first(2)))[1], /^closed /)
    }))
})

const ends = ["leave", "reset", "ask for the end", "close the scope", "stop"] as const
const requests = ["hello", "never", "fails"] as const

const anyConnections = fc.array(
  fc.record({
    requests: fc.array(fc.constantFrom(...requests), { minLength: 1, maxLength: 3 }),
    end: fc.constantFrom(...ends)
  }),
  { minLength: 1, maxLength: 4 }
)

it.live("whatever is asked on connections and however they end, each resource is released once, after its request and its hook", () =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(anyConnections, async (connections) => {
        const seen = nothingSeen()
        let made = 0
        const journal: Array<string> = []
        const scopes = new Map<string, Scope.CloseableScope>()
        const handler: Handler = Effect.gen(function*() {
          const { headers, url } = yield* HttpServerRequest.HttpServerRequest
          const scope = yield* Effect.orDie(TsgiHttpServer.socketScope)
          const id = ++made
          scopes.set(headers.connection_id ?? "", scope)
          yield* Scope.addFinalizer(scope, Effect.sync(() => journal.push(`resource ${id}`)))
          yield* Effect.addFinalizer(() => Effect.sync(() => journal.push(`request ${id}`)))
          yield* Effect.orDie(Posthooks.add(() => Effect.sync(() => journal.push(`hook ${id}`))))
          seen.events.push(`begun ${headers.connection_id}`)
          if (url.endsWith("never")) return yield* Effect.never
          return url.endsWith("fails") ? yield* Effect.die("failed") : HttpServerResponse.text("hello")
        })
        const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, () => handler)
        const scene = await open(HttpServer.serve(app), seen, {
          memory: true,
          config: { timeouts: { grace: 0 }, halfClose: "abort" }
        })
        await Promise.all(connections.map(async ({ end, requests }, at) => {
          const client = await scene.connect()
          for (const path of requests) {
            client.send(get(`/${path}`, `Connection_id: ${at}`))
          }
          await seen.events.find((event) => event === `begun ${at}`)
          if (end === "leave") client.close()
          else if (end === "reset") client.reset()
          else if (end === "ask for the end") client.end()
          else if (end === "close the scope") {
            const scope = scopes.get(String(at))
            if (scope !== undefined) await Effect.runPromise(Scope.close(scope, Exit.void))
          }
        }))
        await scene.stop()
        const ids = Array.from({ length: made }, (_, i) => i + 1)
        for (const id of ids) {
          const own = journal.filter((entry) => entry.endsWith(` ${id}`))
          expect(own, journal.join()).toEqual([`request ${id}`, `hook ${id}`, `resource ${id}`])
        }
        expect(journal).toHaveLength(3 * made)
      }),
      runs(5)
    )
  ))
