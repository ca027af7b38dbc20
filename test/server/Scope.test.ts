/**
 * Every accepted socket lives in a scope: whatever closes it, the application ends, then the post hooks run, then the socket
 * closes, each once. Further tests have all scopes of a server end together.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { Listener } from "../../src/server/Listener.js"
import * as Server from "../../src/server/Server.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { named, serve } from "./engine.js"
import { servePeers, told } from "./Peer.js"

const wait = (turnsToWait = 20): Effect.Effect<void> => Effect.promise(() => turns(turnsToWait))
const first = (journal: Journal<string>, count: number) => Effect.promise(() => journal.first(count))

const addHooks = (exchange: Exchange, journal: Journal<string>): void => {
  exchange.postHook((outcome) => void journal.push(`hook ${named(outcome)}`))
  exchange.postHook(() => Effect.sync(() => journal.push("another hook")))
}

/** An application that runs until it is told to end, and takes a few turns to do so. */
const endless = (exchange: Exchange, journal: Journal<string>): void => {
  addHooks(exchange, journal)
  exchange.running((reason, ended) => {
    journal.push(`told ${reason}`)
    void turns(3).then(() => {
      journal.push("application ended")
      ended()
    })
  })
  journal.push("application")
}

/** An application that never ends. */
const deaf = (exchange: Exchange, journal: Journal<string>): void => {
  addHooks(exchange, journal)
  exchange.running(() => void journal.push("told"))
  journal.push("application")
}

/** An application that reads the body, and ends when a read fails. */
const reader = (exchange: Exchange, journal: Journal<string>): void => {
  addHooks(exchange, journal)
  exchange.running((_, ended) => ended())
  journal.push("application")
  const pull = (): void => {
    const taken = exchange.body.take()
    if (taken === undefined) return void exchange.body.wait(pull)
    if (taken instanceof Uint8Array) return pull()
    journal.push("application ended")
    exchange.ended()
    if (taken instanceof Error) exchange.fail(taken)
    else exchange.respond({ status: 200, fields: [] }, "ok")
  }
  pull()
}

const ordered = (reason: string): ReadonlyArray<string> => [
  "application",
  `told ${reason}`,
  "application ended",
  `hook Aborted ${reason}`,
  "another hook",
  `access Aborted ${reason}`,
  "socket closed"
]

describe("the scope of a socket ends the application, runs the hooks and closes the socket, in that order, when", () => {
  it.scoped("all is done", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve((exchange) => {
        addHooks(exchange, journal)
        journal.push("application ended")
        exchange.respond({ status: 200, fields: [["Connection", "close"]] }, "ok")
      }, journal)
      const client = connect()
      client.send(get())
      assert.strictEqual((yield* Effect.promise(() => client.response())).body.toString(), "ok")
      yield* Effect.promise(() => client.whenEnded())
      client.close()
      assert.deepStrictEqual(yield* first(journal, 5), [
        "application ended",
        "hook Sent",
        "another hook",
        "access Sent",
        "socket closed"
      ])
      yield* wait()
      assert.lengthOf(journal.entries, 5)
    }))

  it.scoped("the client is gone", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(endless, journal)
      const client = connect()
      client.send(get())
      yield* first(journal, 1)
      client.reset()
      assert.deepStrictEqual(yield* first(journal, 7), ordered("ClientGone"))
      yield* wait()
      assert.lengthOf(journal.entries, 7)
    }))

  it.scoped("the client does not read", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(
        (exchange) => {
          addHooks(exchange, journal)
          journal.push("application ended")
          exchange.respond({ status: 200, fields: [] }, new Uint8Array(1_000_000))
        },
        journal,
        { timeouts: { write: 2_000 } }
      )
      const client = connect()
      client.pause()
      client.send(get())
      yield* first(journal, 1)
      yield* wait()
      yield* TestClock.adjust("1900 millis")
      yield* wait()
      assert.lengthOf(journal.entries, 1)
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* first(journal, 5), [
        "application ended",
        "hook Aborted WriteTimeout",
        "another hook",
        "access Aborted WriteTimeout",
        "socket closed"
      ])
      yield* wait()
      assert.lengthOf(journal.entries, 5)
    }))

  it.scoped("the client does not read what is written as it runs", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(
        (exchange) => {
          endless(exchange, journal)
          exchange.start({ status: 200, fields: [] })
          exchange.addPart(new Uint8Array(1_000_000))
          exchange.flush()
        },
        journal,
        { timeouts: { write: 2_000 } }
      )
      const client = connect()
      client.pause()
      client.send(get())
      yield* first(journal, 1)
      yield* wait()
      yield* TestClock.adjust("2500 millis")
      assert.deepStrictEqual(yield* first(journal, 7), ordered("WriteTimeout"))
      yield* wait()
      assert.lengthOf(journal.entries, 7)
    }))

  it.scoped("the body does not come", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(reader, journal, { timeouts: { body: 2_000 } })
      const client = connect()
      client.send(request("POST", "/", ["Content-Length: 5"], "12"))
      yield* first(journal, 1)
      yield* wait()
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual((yield* Effect.promise(() => client.response())).status, 408)
      yield* Effect.promise(() => client.whenEnded())
      client.close()
      assert.deepStrictEqual(yield* first(journal, 6), [
        "application",
        "application ended",
        "hook Aborted ReadTimeout",
        "another hook",
        "access Aborted ReadTimeout",
        "socket closed"
      ])
      yield* wait()
      assert.lengthOf(journal.entries, 6)
    }))

  it.scoped("the server stops", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect, running } = yield* serve(endless, journal)
      connect().send(get())
      yield* first(journal, 1)
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* wait()
      yield* TestClock.adjust(0)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(journal.entries, ordered("Stopped"))
    }))

  it.effect("the server's scope is closed", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const scope = yield* Scope.make()
      const { connect } = yield* Scope.extend(serve(endless, journal, { timeouts: { grace: 5_000 } }), scope)
      connect().send(get())
      yield* first(journal, 1)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* wait()
      assert.lengthOf(journal.entries, 1)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(journal.entries, ordered("Stopped"))
    }))

  it.effect("the fiber that serves is interrupted", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const client = yield* Deferred.make<WireClient>()
      const serving = yield* Effect.fork(Effect.scoped(
        Effect.gen(function*() {
          const { connect } = yield* serve(endless, journal, { timeouts: { grace: 5_000 } })
          yield* Deferred.succeed(client, connect())
          return yield* Effect.never
        })
      ))
      ;(yield* Deferred.await(client)).send(get())
      yield* first(journal, 1)
      const interrupting = yield* Effect.fork(Fiber.interrupt(serving))
      yield* wait()
      assert.lengthOf(journal.entries, 1)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(journal.entries, ordered("Stopped"))
    }))

  it.scoped("the application does not end, without it and after a moment", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve(deaf, journal)
      const client = connect()
      client.send(get())
      yield* first(journal, 1)
      client.reset()
      yield* wait()
      assert.deepStrictEqual(journal.entries, ["application", "told"])
      yield* TestClock.adjust("1500 millis")
      yield* wait()
      assert.deepStrictEqual(
        journal.entries.filter((entry) => entry !== "socket closed"),
        ["application", "told", "hook Aborted ClientGone", "another hook", "access Aborted ClientGone"]
      )
    }))

  it.scoped("the first of two reasons is told", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect, running } = yield* serve(endless, journal)
      const client = connect()
      client.send(get())
      yield* first(journal, 1)
      client.reset()
      yield* Effect.promise(() => journal.find((entry) => entry === "told ClientGone"))
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* wait()
      yield* TestClock.adjust(0)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(journal.entries, ordered("ClientGone"))
    }))
})

describe("stop", () => {
  it.scoped("has one deadline, and reports what became of each connection", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const finishing: Array<Exchange> = []
      const { connect, running } = yield* serve((exchange) => {
        switch (exchange.request.target) {
          case "/idle":
            return void exchange.respond({ status: 200, fields: [] }, "")
          case "/finishes":
            exchange.running((_, ended) => ended())
            return void finishing.push(exchange)
          case "/ends":
            return endless(exchange, journal)
          default:
            return deaf(exchange, journal)
        }
      }, journal)
      const clients = ["/idle", "/finishes", "/ends", "/deaf"].map((path) => {
        const client = connect()
        client.send(get(path))
        return client
      })
      connect()
      yield* Effect.promise(() => clients[0].response())
      yield* wait()
      assert.deepStrictEqual(yield* running.connections, { open: 5, waiting: 0 })

      const stopping = yield* Effect.fork(running.stop({ grace: 3_000 }))
      const again = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* Effect.promise(() => clients[0].whenEnded())
      yield* TestClock.adjust("2 seconds")
      yield* wait()
      assert.notInclude(journal.entries, "told Stopped")

      for (const exchange of finishing) {
        exchange.ended()
        exchange.respond({ status: 200, fields: [] }, "finished")
      }
      const answer = yield* Effect.promise(() => clients[1].response())
      assert.strictEqual(answer.get("connection"), "close")
      yield* Effect.promise(() => clients[1].whenEnded())
      clients[1].close()
      yield* wait()
      assert.deepStrictEqual(yield* running.connections, { open: 2, waiting: 0 })

      yield* TestClock.adjust("1 seconds")
      yield* wait()
      assert.include(journal.entries, "told Stopped")
      assert.include(journal.entries, "application ended")
      assert.deepStrictEqual(yield* running.connections, { open: 1, waiting: 0 })

      yield* TestClock.adjust("2 seconds")
      const report = yield* Fiber.join(stopping)
      assert.deepInclude(report, { connections: 5, idle: 2, finished: 1, interrupted: 2, cut: 1 })
      assert.isAtLeast(report.duration, 4_000)
      assert.isAtMost(report.duration, 4_500)
      assert.strictEqual(yield* Fiber.join(again), report)
      assert.strictEqual(yield* running.stop(), report)
      assert.strictEqual(yield* running.stopped, report)
      // the hooks of the cut exchanges have run
      assert.lengthOf(journal.entries.filter((entry) => entry === "hook Aborted Stopped"), 2)
    }))

  it.scoped("ends before the deadline when there is nothing to wait for", () =>
    Effect.gen(function*() {
      const { connect, running } = yield* serve(endless)
      connect()
      yield* wait()
      const report = yield* running.stop({ grace: Infinity })
      assert.deepStrictEqual(report, {
        connections: 1,
        idle: 1,
        finished: 0,
        interrupted: 0,
        cut: 0,
        left: 0,
        duration: 0
      })
    }))

  it.scoped("does not call a connection interrupted that only waits for its client to close", () =>
    Effect.gen(function*() {
      const { connect, running } = yield* serve((exchange) => {
        exchange.respond({ status: 200, fields: [["Connection", "close"]] }, "")
      })
      const client = connect()
      client.send(get())
      yield* Effect.promise(() => client.whenEnded())
      yield* wait()
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* wait()
      yield* TestClock.adjust(0)
      assert.deepInclude(yield* Fiber.join(stopping), { connections: 1, finished: 1, interrupted: 0, cut: 0 })
    }))

  it.scoped("accepts nothing any more", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect, running } = yield* serve(endless, journal)
      connect().send(get())
      yield* first(journal, 1)
      const onItsWay = connect()
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* Effect.yieldNow()
      assert.throws(() => connect(), "no server listens")
      // the waiting client was accepted, and has sent nothing
      yield* Effect.promise(() => onItsWay.whenEnded())
      yield* TestClock.adjust(0)
      yield* wait()
      assert.deepInclude(yield* Fiber.join(stopping), { connections: 2, idle: 1, interrupted: 1 })
      assert.throws(() => connect(), "no server listens")
    }))

  it.scoped("waits for hooks, and no longer than they may take", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { connect, running } = yield* serve((exchange) => {
        exchange.postHook(() => Deferred.await(gate))
        exchange.respond({ status: 200, fields: [] }, "")
      })
      const client = connect()
      client.send(get())
      yield* Effect.promise(() => client.response())
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* wait()
      yield* TestClock.adjust("4 seconds")
      yield* wait()
      assert.isTrue(Option.isNone(yield* Fiber.poll(stopping)))
      yield* Deferred.succeed(gate, undefined)
      assert.deepInclude(yield* Fiber.join(stopping), { connections: 1, interrupted: 0, cut: 0, left: 0 })
    }))
})

describe("binding", () => {
  it.effect("that is interrupted closes what was bound", () =>
    Effect.gen(function*() {
      const binding = yield* Deferred.make<void>()
      const bound = yield* Deferred.make<void>()
      const events: Array<string> = []
      const listener = Layer.succeed(Listener, {
        bind: () =>
          Effect.acquireRelease(
            Deferred.succeed(binding, undefined).pipe(
              Effect.zipRight(Deferred.await(bound)),
              Effect.as({ address: { _tag: "Tcp", host: "127.0.0.1", port: 80 }, scheme: "http" } as const),
              Effect.tap(() => Effect.sync(() => events.push("bound")))
            ),
            () => Effect.sync(() => events.push("closed"))
          )
      })
      const serving = yield* Server.serve(() => undefined).pipe(
        Effect.provide(Layer.merge(listener, Server.layerServices)),
        Effect.zipRight(Effect.sync(() => events.push("serving"))),
        Effect.zipRight(Effect.never),
        Effect.scoped,
        Effect.fork
      )
      yield* Deferred.await(binding)
      const interrupting = yield* Effect.fork(Fiber.interrupt(serving))
      yield* Effect.yieldNow()
      assert.deepStrictEqual(events, [])
      yield* Deferred.succeed(bound, undefined)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(events, ["bound", "closed"])
    }))

  it.effect("that fails fails the serving, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const roots = new Set(Fiber.unsafeRoots())
      const exit = yield* Effect.exit(Effect.scoped(
        Effect.gen(function*() {
          const listener = Layer.succeed(Listener, { bind: () => Effect.dieMessage("the listener is broken") })
          return yield* Server.serve(() => journal.push("served")).pipe(
            Effect.provide(Layer.merge(listener, Server.layerServices))
          )
        })
      ))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(Fiber.unsafeRoots().filter((fiber) => !roots.has(fiber)), [])
    }))
})

it.scoped("a connection that is taken over has as long for what the client has not taken before", () =>
  Effect.gen(function*() {
    const { connect } = yield* servePeers((exchange) => {
      if (exchange.request.target === "/upgrade") exchange.takeOver()
      else exchange.respond({ status: 200, fields: [] }, "ok")
    }, { timeouts: { write: 1000 } })
    const peer = connect()
    peer.stalled = true
    peer.events.data(told(get("/before") + get("/upgrade")))
    assert.include(peer.written, "ok")
    yield* TestClock.adjust(900)
    assert.isFalse(peer.destroyed)
    yield* TestClock.adjust(1000)
    assert.isTrue(peer.destroyed)
  }))
