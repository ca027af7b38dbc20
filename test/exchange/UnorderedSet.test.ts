/**
 * A collection to which members are added, and from which they are removed: it has each of them once, whatever was done before.
 */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { UnorderedSet } from "../../src/exchange/UnorderedSet.js"

it("has those that were added and not deleted since, as a Set would", () => {
  const step = fc.record({ add: fc.boolean(), which: fc.nat(5) })
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const members = Array.from({ length: 6 }, () => ({ index: -1 }))
    const set = new UnorderedSet<{ index: number }>()
    const model = new Set<{ index: number }>()
    for (const { add, which } of steps) {
      const member = members[which]
      if (add) {
        set.add(member)
        model.add(member)
      } else {
        set.delete(member)
        model.delete(member)
      }
      expect(set.size).toBe(model.size)
      expect(new Set(set)).toEqual(model)
      for (const each of members) expect(each.index >= 0).toBe(model.has(each))
    }
  }))
})
