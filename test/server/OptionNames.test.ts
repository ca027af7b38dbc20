/** Messages show invalid values in one way for every option and argument. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { expect, it } from "vitest"
import { invalidOption } from "../../src/server/OptionNames.js"

const round: Array<unknown> = []
round.push(round)

const { proxy, revoke } = Proxy.revocable({}, {})
revoke()
const throwing = {
  get port(): number {
    throw new Error("no port")
  }
}

it.each<readonly [string, unknown, string]>([
  ["text", "1", "\"1\""],
  ["a number", 1, "1"],
  ["a big number, which is no number", 1n, "1n"],
  ["no number", NaN, "NaN"],
  ["text that is long", "a".repeat(100_000), "text of 100000 characters"],
  ["a symbol", Symbol("a"), "Symbol(a)"],
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["an object", { a: [1] }, "{\"a\":[1]}"],
  ["an object with an absent option", { a: 1, b: undefined }, "{\"a\":1}"],
  ["an object without a prototype", Object.assign(Object.create(null), { a: null }), "{\"a\":null}"],
  ["an object of functions", { a: () => 1 }, "an object"],
  ["an object with a function", { a: () => 1, b: 1 }, "an object"],
  ["an object that throws when it is read", throwing, "an object"],
  ["a revoked Proxy", proxy, "an object"],
  ["an array", [8090], "[8090]"],
  ["an array of functions", [() => 1], "an array"],
  ["an array of what JSON has not", [NaN, undefined], "an array"],
  ["an array that is long", Array.from({ length: 1000 }, () => 1), "an array"],
  ["an array in itself", round, "an array"],
  ["a function, whose source is long", () => "source", "a function"],
  ["a class", class {}, "a class"],
  ["an instance", new Date(0), "a Date"],
  ["an array of instances", [new Date(0)], "an array"],
  ["an object whose constructor throws", new Proxy({}, { get: () => throwing.port }), "an object"],
  ["an Effect", Effect.void, "an Effect"],
  ["an Effect that is a plain object", Effect.gen(function*() {}), "an Effect"],
  ["a Layer", Layer.empty, "a Layer"]
])("shows %s", (_, given, shown) => {
  expect(invalidOption("port", "a port", given).message).toBe(`port: must be a port; it is ${shown}`)
  expect(invalidOption("port", "a port", given, "do this").message).toBe(
    `port: must be a port; it is ${shown}: do this`
  )
})
