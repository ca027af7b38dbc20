/** Messages show invalid values in one way for every option and argument. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { invalidOption } from "../../src/server/OptionNames.js"

const round: Array<unknown> = []
round.push(round)

it.each<readonly [string, unknown, string]>([
  ["text", "1", "\"1\""],
  ["a number", 1, "1"],
  ["a big number", 1n, "1"],
  ["a symbol", Symbol("a"), "Symbol(a)"],
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["an object", { a: [1] }, "{\"a\":[1]}"],
  ["an object of functions", { a: () => 1 }, "an object"],
  ["an array", [8090], "[8090]"],
  ["an array in itself", round, "an array"],
  ["a function, whose source is long", () => "source", "a function"],
  ["a class", class {}, "a class"],
  ["an instance", new Date(0), "a Date"],
  ["an Effect", Effect.void, "an Effect"]
])("shows %s", (_, given, shown) => {
  expect(invalidOption("port", "a port", given).message).toBe(`port: must be a port; it is ${shown}`)
  expect(invalidOption("port", "a port", given, "do this").message).toBe(
    `port: must be a port; it is ${shown}: do this`
  )
})
