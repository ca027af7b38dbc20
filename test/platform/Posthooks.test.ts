/**
 * Post hooks of Effect handlers: with which services, when and in which order they run, and that nothing keeps one from running.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import { type Outcome, Posthooks } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { expectReleased, holdings } from "../utils/holdings.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import {
  type Handler,
  kinds,
  type Middleware,
  named,
  noteEnds,
  nothingSeen,
  open,
  type Seen,
  someKinds
} from "./scene.js"
import { Spans } from "./spans.js"

class Name extends Context.Tag("Name")<Name, string>() {}

const ok = HttpServerResponse.text("ok")

const note = (seen: Seen, event: string): Effect.Effect<void> => Effect.sync(() => seen.events.push(event))

const later = (seen: Seen, event: string): Effect.Effect<void> =>
  Effect.zipRight(Effect.promise(() => turns(3)), note(seen, event))

/** Adds hooks that only note their names. */
const add = (
  hook: (outcome: Outcome.Outcome) => Effect.Effect<unknown, unknown>,
  options?: { readonly detached: boolean }
): Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> => Effect.orDie(Posthooks.add(hook, options))

const exchange = async (
  kind: string,
  seen: Seen,
  handler: Handler,
  options: { readonly middleware?: Middleware; readonly talk?: (client: WireClient) => Promise<unknown> } = {}
): Promise<void> => {
  await using scene = await open(kinds[kind](handler, options.middleware), seen, { memory: true })
  await using client = await scene.connect()
  client.send(get())
  await (options.talk ?? (() => client.response()))(client)
  await seen.records.first(1)
}

for (const kind of someKinds) {
  describe(kind, () => {
    it("they run in order of registration, after the finalizers and before the log line", async () => {
      const seen = nothingSeen()
      await exchange(
        kind,
        seen,
        Effect.gen(function*() {
          yield* add((outcome) => later(seen, `first ${named(outcome)}`))
          yield* Effect.addFinalizer(() => later(seen, "finalizer"))
          yield* add(() => note(seen, "second"))
          yield* Effect.addFinalizer(() => later(seen, "earlier finalizer"))
          yield* add(() => later(seen, "third"))
          return ok
        })
      )
      expect(seen.events.entries).toEqual([
        "earlier finalizer",
        "finalizer",
        "first Sent 200",
        "second",
        "third",
        "log 200"
      ])
    })

    it("they have the services and the settings of the handler", async () => {
      const seen = nothingSeen()
      const setting = FiberRef.unsafeMake("nothing")
      await exchange(
        kind,
        seen,
        Posthooks.add(() =>
          Effect.gen(function*() {
            yield* note(seen, `${yield* Name} ${yield* FiberRef.get(setting)}`)
            yield* Effect.log("from a hook")
          })
        ).pipe(
          Effect.annotateLogs("http.status", "annotated"),
          Effect.locally(setting, "something"),
          Effect.provideService(Name, "a name"),
          Effect.orDie,
          Effect.as(ok)
        )
      )
      expect(seen.events.entries).toEqual(["a name something", "log 200"])
      expect(seen.lines.entries).toEqual(["Info from a hook annotated"])
    })

    it("what the handler sets after one was added is not seen by it", async () => {
      const seen = nothingSeen()
      const [changed, added] = [FiberRef.unsafeMake("nothing"), FiberRef.unsafeMake("nothing")]
      const tell = Effect.suspend(() =>
        Effect.flatMap(
          Effect.all([FiberRef.get(changed), FiberRef.get(added)]),
          (values) => later(seen, values.join(" "))
        )
      )
      await exchange(
        kind,
        seen,
        Effect.gen(function*() {
          yield* add(() => tell)
          yield* FiberRef.set(changed, "before")
          yield* add(() => tell)
          yield* FiberRef.set(changed, "after")
          yield* add(() => tell)
          yield* FiberRef.set(added, "new")
          yield* add(() => tell)
          return ok
        })
      )
      expect(seen.events.entries).toEqual([
        "nothing nothing",
        "before nothing",
        "after nothing",
        "after new",
        "log 200"
      ])
    })

    it("what one sets is not seen by the next", async () => {
      const seen = nothingSeen()
      const setting = FiberRef.unsafeMake("handler's")
      const handler = Effect.gen(function*() {
        yield* FiberRef.set(setting, "set")
        yield* add(() => FiberRef.set(setting, "first hook's"))
        yield* add(() => Effect.flatMap(FiberRef.get(setting), (value) => note(seen, value)))
        return ok
      })
      await exchange(kind, seen, handler)
      expect(seen.events.entries).toEqual(["set", "log 200"])
    })

    it("one that fails, dies or throws keeps no other from running, and is logged", async () => {
      const seen = nothingSeen()
      await exchange(
        kind,
        seen,
        Effect.gen(function*() {
          yield* add(() => Effect.fail("expected"))
          yield* add(() => Effect.die(new Error("unexpected")))
          yield* add(() => {
            throw new Error("thrown")
          })
          yield* add(() => Effect.zipRight(Effect.promise(() => turns(2)), Effect.fail("late")))
          yield* add(() => Effect.interrupt)
          yield* add(() => note(seen, "last"))
          return ok
        })
      )
      expect(seen.events.entries).toEqual(["last", "log 200"])
      expect(seen.lines.entries.map((line) => line.slice(0, 25))).toEqual(Array(5).fill("Error a post hook failed "))
    })

    it("middleware adds them too, before the handler's", async () => {
      const seen = nothingSeen()
      await exchange(kind, seen, Effect.as(add(() => note(seen, "handler's")), ok), {
        middleware: (app) => Effect.zipRight(add(() => note(seen, "middleware's")), app)
      })
      expect(seen.events.entries).toEqual(["middleware's", "handler's", "log 200"])
    })

    it("an interruption of the handler's fiber does not keep them from running", async () => {
      const seen = nothingSeen()
      const begun = new Journal<() => void>()
      const go = Effect.runSync(Deferred.make<void>())
      const handler = Effect.withFiberRuntime<
        HttpServerResponse.HttpServerResponse,
        never,
        HttpServerRequest.HttpServerRequest
      >(
        (fiber) =>
          Effect.as(
            Effect.zipRight(
              add(() =>
                Effect.sync(() => begun.push(() => fiber.unsafeInterruptAsFork(FiberId.none))).pipe(
                  Effect.zipRight(Deferred.await(go)),
                  Effect.zipRight(note(seen, "first"))
                )
              ),
              add(() => Effect.zipRight(Fiber.interruptFork(fiber), later(seen, "second")))
            ),
            ok
          )
      )
      await using scene = await open(kinds[kind](handler), seen, { memory: true })
      await using client = await scene.connect()
      client.send(get())
      await client.response()
      const [interrupt] = await begun.first(1)
      interrupt()
      await turns(20)
      Effect.runSync(Deferred.succeed(go, undefined))
      await seen.records.first(1)
      await scene.stop()
      expect(seen.events.entries).toEqual(["first", "second", "log 200"])
    })

    const places = [["in the handler", 1], ["by one of several that run at once", "unbounded"]] as const
    for (const [where, concurrency] of places) {
      it(`what one forks is over before the next, also where it was added ${where}`, async () => {
        const seen = nothingSeen()
        await exchange(
          kind,
          seen,
          Effect.gen(function*() {
            const first = add(() => Effect.fork(later(seen, "forked by the first")))
            yield* Effect.all([first, Effect.yieldNow()], { concurrency })
            yield* add(() => note(seen, "second"))
            yield* add(() => Effect.fork(later(seen, "forked by the third")))
            return ok
          })
        )
        expect(seen.events.entries).toEqual(["forked by the first", "second", "forked by the third", "log 200"])
      })
    }

    it("one that is added by a handler which is being interrupted is not, whatever it lets be interrupted", async () => {
      const seen = nothingSeen()
      await exchange(
        kind,
        seen,
        Effect.onInterrupt(
          Effect.zipRight(note(seen, "waiting"), Effect.never),
          () => add(() => Effect.interruptible(later(seen, "hook")))
        ),
        {
          talk: async (client) => {
            await seen.events.find((event) => event === "waiting")
            client.reset()
          }
        }
      )
      expect(seen.events.entries).toEqual(["waiting", "hook", expect.stringMatching(/^log 499/)])
    })

    it("one whose children would be another fiber's does not fork the handler's settings", async () => {
      const seen = nothingSeen()
      const fork = () => {
        throw new Error("forked")
      }
      const setting = FiberRef.unsafeMake<string>("nothing", { fork })
      const handler = add(() => Effect.flatMap(FiberRef.get(setting), (value) => later(seen, value))).pipe(
        Effect.daemonChildren,
        Effect.locally(setting, "something"),
        Effect.as(ok)
      )
      await exchange(kind, seen, handler)
      expect(seen.events.entries).toEqual(["something", "log 200"])
    })

    it("a stop waits for them, attached or not, and interrupts none", async () => {
      const before = holdings()
      const seen = nothingSeen()
      const go = Effect.runSync(Deferred.make<void>())
      const slow = (name: string) => noteEnds(Effect.zipRight(Deferred.await(go), note(seen, name)), seen)
      const handler = Effect.gen(function*() {
        yield* add(() => slow("detached"), { detached: true })
        yield* add(() => slow("attached"))
        return ok
      })
      const scene = await open(kinds[kind](handler), seen, { memory: true, config: { timeouts: { grace: 0 } } })
      const client = await scene.connect()
      client.send(get())
      await client.response()
      let stopped = false
      const stop = scene.stop().then(() => {
        stopped = true
      })
      await turns(50)
      expect([seen.events.entries, stopped]).toEqual([[], false])
      Effect.runSync(Deferred.succeed(go, undefined))
      await stop
      expect([...seen.events.entries].sort()).toEqual([
        "attached",
        "detached",
        "handler over",
        "handler over",
        "log 200"
      ])
      await expectReleased(before)
    })

    it("one that looks at the request's span leaves none open", async () => {
      const before = holdings()
      const seen = nothingSeen()
      await exchange(
        kind,
        seen,
        Effect.as(
          add(() => Effect.zipRight(Effect.withSpan(Effect.log("in a span"), "hook"), later(seen, "hook"))),
          ok
        )
      )
      expect(seen.events.entries).toEqual(["hook", "log 200"])
      await expectReleased(before)
    })

    it("with a tracer that sees it, its spans are children of the request's", async () => {
      const seen = nothingSeen()
      const spans = new Spans()
      const handler = Effect.as(add(() => Effect.withSpan(note(seen, "hook"), "hook")), ok)
      {
        await using scene = await open(kinds[kind](handler), seen, { memory: true, around: spans.layer })
        await using client = await scene.connect()
        client.send(get())
        await client.response()
        await seen.records.first(1)
      }
      const [request, hook] = spans.all
      expect([request.name, hook.name, spans.open]).toEqual(["http.server GET", "hook", []])
      expect(hook.traceId).toBe(request.traceId)
    })
  })
}

it("on another HttpServer: Unsupported", async () => {
  const handler = Effect.match(Posthooks.add(() => Effect.void), {
    onFailure: (error) => HttpServerResponse.text(`${error._tag} ${error.reason}`),
    onSuccess: () => HttpServerResponse.text("added")
  })
  const text = HttpServer.serve(handler).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.build,
    Effect.flatMap((context) =>
      Effect.provide(Effect.flatMap(HttpClient.get("/"), (response) => response.text), context)
    ),
    Effect.scoped
  )
  expect(await Effect.runPromise(text)).toBe("PosthooksError Unsupported")
})

it.each<readonly [string, unknown, string]>([
  ["an Effect", Effect.void, "an Effect: give () => effect"],
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a text", "hook", "\"hook\""],
  ["a class", class Hook {}, "a class"]
])("a hook that is no function is refused where it is added: %s", async (_, hook, what) => {
  const seen = nothingSeen()
  const handler = Effect.orDie(Posthooks.add<never>(hook as never)).pipe(
    Effect.catchAllDefect((defect) => Effect.succeed(defect)),
    Effect.map((defect) => HttpServerResponse.text(defect instanceof Error ? defect.message : "added"))
  )
  await using scene = await open(HttpServer.serve(handler), seen, { memory: true })
  await using client = await scene.connect()
  client.send(get())
  expect((await client.response()).body.toString()).toBe(
    `hook: must be a function of the outcome that returns an Effect; it is ${what}`
  )
})
