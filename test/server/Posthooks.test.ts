/** Post hooks at the engine: they may be plain, an Effect or a promise. */
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Logger from "effect/Logger"
import * as Ref from "effect/Ref"
import * as TestClock from "effect/TestClock"
import { Posthooks } from "tsgi/effect"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { named, sent, serve } from "./engine.js"

class Name extends Context.Reference<Name>()("Name", { defaultValue: () => "none" }) {}

class Failure extends Data.TaggedError("Failure") {}

const wait = Effect.promise(() => turns(20))

it.scoped("run in order, whether plain, an Effect or a promise", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect } = yield* serve((exchange) => {
      exchange.postHook((outcome) => void journal.push(`plain ${named(outcome)}`))
      exchange.postHook((outcome) =>
        Effect.sync(() => journal.push(`effect ${named(outcome)}`)).pipe(Effect.delay("1 seconds"))
      )
      exchange.postHook((outcome) => turns(2).then(() => journal.push(`promise ${named(outcome)}`)))
      exchange.postHook(() => void journal.push("last"))
      exchange.respond({ status: 200, fields: [] }, "ok")
    }, journal)
    const client = connect()
    client.send(get())
    assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
    yield* wait
    assert.deepStrictEqual(journal.entries, ["plain Sent"])
    yield* TestClock.adjust("1 seconds")
    assert.deepStrictEqual(yield* Effect.promise(() => journal.first(5)), [
      "plain Sent",
      "effect Sent",
      "promise Sent",
      "last",
      "access Sent"
    ])
  }))

it.scoped("are isolated: what fails, dies, rejects, throws or is interrupted takes no other with it", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const failures: Array<string> = []
    const logger = Logger.make(({ cause, message }) => void failures.push(`${String(message)} ${Cause.pretty(cause)}`))
    const { connect } = yield* serve((exchange) => {
      exchange.postHook(() => Effect.fail("failed"))
      exchange.postHook(() => Effect.die("died"))
      exchange.postHook(() => Effect.interrupt)
      exchange.postHook(() => Effect.zipRight(Effect.void, Effect.fail("failed later")))
      exchange.postHook(() =>
        Effect.sync(() => {
          throw new Error("thrown in a step")
        })
      )
      exchange.postHook(() => Promise.reject(new Error("rejected")))
      exchange.postHook(() => {
        throw new Error("thrown")
      })
      exchange.postHook(function*() {
        yield Effect.void
      } as never)
      exchange.postHook(() => void journal.push("last"))
      exchange.respond({ status: 200, fields: [] }, "ok")
    }, journal).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    const client = connect()
    client.send(get())
    assert.deepStrictEqual(yield* Effect.promise(() => journal.first(2)), ["last", "access Sent"])
    assert.lengthOf(failures.filter((line) => line.includes("a post hook failed")), 8)
    assert.include(
      failures.join("\n"),
      "the hook returned a generator, which is not run: give a function that returns an Effect"
    )
  }))

it.scoped("are not interrupted with the request, nor by the stop", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect, running } = yield* serve((exchange) => {
      exchange.postHook(() =>
        Effect.sync(() => journal.push("begins")).pipe(
          Effect.zipRight(Effect.sleep("3 seconds")),
          Effect.zipRight(Effect.sync(() => journal.push("ends"))),
          Effect.onInterrupt(() => Effect.sync(() => journal.push("interrupted")))
        )
      )
      exchange.respond({ status: 200, fields: [] }, "ok")
    }, journal)
    const client = connect()
    client.send(get())
    yield* Effect.promise(() => journal.first(1))
    client.reset()
    const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
    yield* wait
    yield* TestClock.adjust("3 seconds")
    const report = yield* stopping
    assert.deepInclude(report, { connections: 1, cut: 0 })
    assert.deepStrictEqual(journal.entries, ["begins", "ends", "access Sent", "socket closed"])
  }))

it.scoped("run late, at once, when the others have run; and beside the connection when detached", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect, running } = yield* serve((exchange) => {
      exchange.postHook(() => Effect.sync(() => journal.push("detached")).pipe(Effect.delay("5 seconds")), {
        detached: true
      })
      exchange.respond({ status: 200, fields: [] }, "ok")
      void journal.find((entry) => entry.startsWith("access")).then(() => {
        exchange.postHook((outcome) => Effect.sync(() => journal.push(`late ${named(outcome)}`)))
        journal.push("after late")
      })
    }, journal)
    const client = connect()
    client.send(get())
    assert.deepStrictEqual(yield* Effect.promise(() => journal.first(3)), ["access Sent", "late Sent", "after late"])
    const stopping = yield* Effect.fork(running.stop())
    yield* wait
    yield* TestClock.adjust("4 seconds")
    assert.lengthOf(journal.entries.filter((entry) => entry === "detached"), 0)
    yield* TestClock.adjust("1 seconds")
    yield* stopping
    assert.lengthOf(journal.entries.filter((entry) => entry === "detached"), 1)
  }))

it.scoped("tell the door when they have run, also those that came when the answer was complete", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const { connect } = yield* serve((exchange) => {
      const { target } = exchange.request
      const hook = () => {
        exchange.postHook(() => void journal.push(`${target} hook`))
        exchange.whenHooksRun({ onHooksRun: () => journal.push(`${target} over ${exchange.hooksRun}`) })
      }
      if (target === "/before") hook()
      exchange.respond({ status: 200, fields: [] }, "ok")
      if (target === "/behind") hook()
    }, journal)
    const client = connect()
    for (const target of ["/before", "/behind"]) {
      client.send(get(target))
      assert.deepStrictEqual(yield* Effect.promise(() => journal.first(3)), [
        `${target} hook`,
        `${target} over true`,
        "access Sent"
      ])
      journal.entries.splice(0)
    }
  }))

it.scoped("begin with the settings they were added with, whenever that was, attached or not", () =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const setting = yield* FiberRef.make("server's")
    const fiberRefs = yield* Effect.locally(Effect.getFiberRefs, setting, "handler's")
    const { connect } = yield* serve((exchange) => {
      const { target } = exchange.request
      const hook = (detached = false) =>
        exchange.postHook(
          () =>
            Effect.zipRight(
              Effect.promise(() => turns(2)),
              Effect.map(FiberRef.get(setting), (value) => journal.push(`${target} ${value}`))
            ),
          { detached, fiberRefs }
        )
      if (target === "/before") hook()
      if (target === "/detached") hook(true)
      exchange.respond({ status: 200, fields: [] }, "ok")
      if (target === "/behind") hook()
      if (target === "/late") void journal.find((entry) => entry.startsWith("access")).then(() => hook())
    }, journal)
    const client = connect()
    for (const target of ["/before", "/detached", "/behind", "/late"]) {
      client.send(get(target))
      yield* Effect.promise(() => journal.first(2))
      assert.sameMembers(journal.entries.splice(0), [`${target} handler's`, "access Sent"])
    }
  }))

it.effect("are done when they return what is over or a single step, and need a fiber otherwise", () =>
  Effect.gen(function*() {
    const journal: Array<string> = []
    const failures: Array<Cause.Cause<unknown>> = []
    const posthooks = yield* Posthooks.Posthooks
    const run = (hook: Posthooks.PostHook) => posthooks.run(hook, sent, (cause) => void failures.push(cause))
    const step = Effect.sync(() => journal.push("step"))
    const ref = yield* Ref.make(0)
    assert.isUndefined(run(() => step))
    assert.isUndefined(run(() => Ref.update(ref, (n) => n + journal.push("ref"))))
    assert.isUndefined(run(() => Effect.succeed(1)))
    assert.isUndefined(run(() => Effect.fail("failed")))
    assert.deepStrictEqual(journal, ["step", "ref"])
    assert.deepStrictEqual(failures, [Cause.fail("failed")])
    assert.isDefined(run(() => Effect.asVoid(step)))
    assert.isDefined(run(() => new Failure()))
    assert.lengthOf(failures, 1)
    assert.isDefined(run(() => Name))
    assert.isDefined(run(() => Promise.resolve()))
    assert.lengthOf(journal, 2)
    // the value that a function of type `() => void` returns is ignored
    const values: ReadonlyArray<unknown> = [1, "", null, {}, () => step]
    for (const value of values) {
      const plain: () => void = () => value
      assert.isUndefined(run(plain))
    }
    assert.lengthOf(failures, 1)
  }).pipe(Effect.provide(Posthooks.layer)))
