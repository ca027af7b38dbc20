/**
 * A map on top of another behaves as a copy of that would, and leaves it unchanged, whatever is set, deleted and listed in any
 * order, including the key of the socket's scope.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import fc from "fast-check"
import { expect, it } from "vitest"
import { LayeredMap } from "../../src/platform/LayeredMap.js"
import { SocketScope } from "../../src/server/SocketScope.js"

const socketScope = Effect.runSync(Scope.make())
const key = fc.constantFrom("a", "b", "c", "d", SocketScope.key)
const pairs = fc.array(fc.tuple(key, fc.nat(9)), { maxLength: 4 })

type Step = readonly [name: "set" | "delete" | "clear" | "size" | "copy" | "forEach" | "keys" | "values", key: string]
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.tuple(fc.constantFrom<Array<Step[0]>>("set", "delete", "clear", "size", "copy", "forEach", "keys", "values"), key),
  { maxLength: 8 }
)

const play = (map: Map<string, unknown>, [name, key]: Step): unknown => {
  switch (name) {
    case "set":
      return map.set(key, "new").get(key)
    case "delete":
      return map.delete(key)
    case "clear":
      return map.clear()
    case "size":
      return map.size
    case "copy":
      return [...new Map(map)].sort()
    case "forEach": {
      const seen: Array<unknown> = []
      map.forEach((value, key) => seen.push([key, value]))
      return seen.sort()
    }
    case "keys":
      return [...map.keys()].sort()
    case "values":
      return [...map.values()].sort()
  }
}

it("is what a copy of the lower map would be, and leaves that as it was", () => {
  fc.assert(fc.property(pairs, pairs, steps, fc.boolean(), (lower, upper, steps, scoped) => {
    const below = new Map<string, unknown>(lower)
    const layered = new LayeredMap(below, scoped ? socketScope : undefined)
    const copy = new Map(below)
    if (scoped) copy.set(SocketScope.key, socketScope)
    for (const [key, value] of upper) {
      layered.set(key, value)
      copy.set(key, value)
    }
    for (const step of steps) {
      expect(play(layered, step)).toEqual(play(copy, step))
      for (const key of ["a", "b", "c", "d", "e", SocketScope.key]) {
        expect([layered.has(key), layered.get(key)]).toEqual([copy.has(key), copy.get(key)])
      }
    }
    expect([...below]).toEqual([...new Map(lower)])
  }))
})
