/** A collection that members come to and leave: it has each of them once, whatever was done before. */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { Places } from "../../src/exchange/Places.js"

it("has those that were added and not deleted since, as a Set would", () => {
  const step = fc.record({ add: fc.boolean(), which: fc.nat(5) })
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const members = Array.from({ length: 6 }, () => ({ place: -1 }))
    const places = new Places<{ place: number }>()
    const model = new Set<{ place: number }>()
    for (const { add, which } of steps) {
      const member = members[which]
      if (add) {
        places.add(member)
        model.add(member)
      } else {
        places.delete(member)
        model.delete(member)
      }
      expect(places.size).toBe(model.size)
      expect(new Set(places)).toEqual(model)
      for (const each of members) expect(each.place >= 0).toBe(model.has(each))
    }
  }))
})
