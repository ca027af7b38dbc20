/** A urlencoded form in parts has the same pairs as the whole form. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { formSlices } from "../../src/protocol/formSlices.js"
import { runs } from "../utils/runs.js"

const pairs = (texts: Iterable<string>): Array<[string, string]> =>
  [...texts].flatMap((text) => [...new URLSearchParams(text)])

it("whatever it is, and wherever it is cut", () => {
  const bit = fc.constantFrom(
    "&",
    "&&",
    "=",
    "?",
    "%",
    "%41",
    "%26",
    "+",
    "é",
    "a",
    "a".repeat(9_000),
    "b=1&".repeat(3_000)
  )
  fc.assert(
    fc.property(fc.array(bit, { maxLength: 30 }), (bits) => {
      const text = bits.join("")
      expect(pairs(formSlices(text))).toEqual(pairs([text]))
    }),
    runs(25)
  )
})

it("no part is much longer than 8 KiB, but for a pair that is", () => {
  const slices = [...formSlices(`${"a=1&".repeat(10_000)}b=${"b".repeat(20_000)}&${"c&".repeat(10_000)}`)]
  expect(slices.length).toBeGreaterThan(6)
  for (const slice of slices) expect(slice.length).toBeLessThan(slice.includes("bb") ? 28_300 : 8_200)
})
