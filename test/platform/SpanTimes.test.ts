/** A request's span begins when the request did, whatever reads it first, and whenever. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import { Posthooks } from "tsgi/effect"
import { expect, it } from "vitest"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { type Handler, kinds, nothingSeen, open, someKinds } from "./scene.js"

const current = Effect.orDie(Effect.currentSpan)
const ok = HttpServerResponse.text("ok")
const later = Effect.promise(() => turns(3))

// the time at which the handler began, and the span as it was read then
type Look = readonly [handler: bigint, seen: Tracer.Span]

const looks: Readonly<Record<string, (looked: (look: Look) => void) => Handler>> = {
  "late in the handler": (looked) =>
    Effect.gen(function*() {
      const handler = yield* Clock.currentTimeNanos
      yield* later
      looked([handler, yield* current])
      return ok
    }),
  "as the parent of a span of its own": (looked) =>
    Effect.gen(function*() {
      const handler = yield* Clock.currentTimeNanos
      yield* later
      const parent = yield* Effect.withSpan(Effect.map(current, ({ parent }) => parent), "child")
      if (parent._tag === "Some" && parent.value._tag === "Span") looked([handler, parent.value])
      return ok
    }),
  "when the answer is out": (looked) =>
    Effect.gen(function*() {
      const handler = yield* Clock.currentTimeNanos
      yield* Effect.orDie(Posthooks.add(() =>
        later.pipe(
          Effect.zipRight(current),
          Effect.map((span) => looked([handler, span]))
        )
      ))
      return ok
    })
}

it.each(someKinds.flatMap((kind) => Object.keys(looks).map((look) => [kind, look] as const)))(
  "%s: seen %s",
  async (kind, name) => {
    const seen = nothingSeen()
    const found: Array<Look> = []
    {
      await using scene = await open(kinds[kind](looks[name]((look) => found.push(look))), seen)
      await using client = await scene.connect()
      client.send(get())
      await client.response()
      await seen.records.first(1)
    }
    const [[handler, { status }]] = found
    const [{ startTime: record }] = seen.records.entries
    expect(status.startTime <= handler).toBe(true)
    // the log has the same time, by the system's clock, which counts in milliseconds
    expect(Math.abs(Number(status.startTime) / 1e6 - record)).toBeLessThan(60)
  }
)
