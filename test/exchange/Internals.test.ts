/** The private parts by which values of Effect are recognized where Effect may not be loaded, and the fallbacks. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { expect, it } from "vitest"
import { isAnyEffect, isEffectOrLayer } from "../../src/exchange/internal.js"

const others = [{}, () => undefined, { fetch: () => undefined }, null, undefined, "effect/Layer", 1]
const none = others.map(() => false)

it("effect/Effect tells an Effect from other values; without it there is none", () => {
  const effects = [Effect.void, Effect.succeed(1), Effect.fail(1), Effect.sync(() => 1), { "~effect/Effect": {} }]
  expect(effects.map(isAnyEffect), "effect/Effect is gone: messages name an Effect as an object")
    .toEqual(effects.map(() => true))
  expect([...others, Layer.empty].map(isAnyEffect)).toEqual([...none, false])
})

it("effect/Layer tells a Layer, too; without it there is none", () => {
  expect([Layer.empty, Effect.void].map(isEffectOrLayer), "effect/Layer is gone: `--interface effect` is needed")
    .toEqual([true, true])
  expect(others.map(isEffectOrLayer)).toEqual(none)
})
