/**
 * The end of an exchange after its answer: every pair of a stage and an event, on a wire that frames nothing.
 *
 * The family: a client that leaves, a server that stops, an application that ends late, a body that is left, each at every
 * stage. None of them may take a step twice or leave one out.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { type EndingEvent, type Stage, transitions } from "../../src/exchange/Stage.js"
import { MemoryWire, unheard } from "./MemoryWire.js"

const stages: ReadonlyArray<Stage> = ["Running", "Concluded", "Dropping", "Hooks", "Over"]
const events: ReadonlyArray<EndingEvent> = ["conclude", "leave", "ended", "dropped", "hooksRun"]

/** An exchange at a stage, with an application that has not ended before `Dropping`. */
const at = (stage: Stage): MemoryWire => {
  const wire = new MemoryWire()
  const { exchange } = wire
  exchange.running(() => undefined)
  exchange.postHook(() => void wire.told.push("hook"))
  exchange.respond({ status: 200, fields: [] }, "ok")
  if (stage === "Running") return wire
  wire.take()
  if (stage === "Concluded") return wire
  exchange.ended()
  if (stage === "Dropping") return wire
  // a hook that goes on keeps the exchange at this stage
  if (stage === "Hooks") exchange.postHook(() => Effect.never)
  exchange.bodyDropped()
  return wire
}

/** Tells the exchange of an event, as its wire, its application or its hooks do. */
const happen: { readonly [E in EndingEvent]: (wire: MemoryWire) => void } = {
  conclude: ({ exchange }) => exchange.lost("ClientGone"),
  leave: ({ exchange }) => exchange.leave("ClientGone", 0),
  ended: ({ exchange }) => exchange.ended(),
  dropped: ({ exchange }) => exchange.bodyDropped(),
  hooksRun: ({ exchange }) => exchange.onHooksRun()
}

describe("the table", () => {
  it("leads from every stage to the end, and from the end nowhere", () => {
    expect(Object.keys(transitions)).toEqual(stages)
    for (const stage of stages) {
      let now = stage
      let steps = 0
      for (
        let next = Object.values(transitions[now])[0];
        next !== undefined;
        next = Object.values(transitions[now])[0]
      ) {
        now = next
        expect(++steps).toBeLessThan(stages.length)
      }
      expect(now).toBe("Over")
    }
    expect(transitions.Over).toEqual({})
  })

  it("is the one of src/README.md and of the file itself", () => {
    for (const file of ["README.md", "exchange/Stage.ts"]) {
      const text = fs.readFileSync(path.join(import.meta.dirname, "../../src", file), "utf8")
      const rows = text.split("\n").map((line) => line.replace(/^ \* /, "")).filter((line) => line.startsWith("| "))
      const cells = rows.map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()))
      const first = cells.findIndex(([, event]) => event === events[0])
      expect(cells.slice(first, first + 1 + 1 + stages.length)).toEqual([
        ["from", ...events],
        cells[first + 1],
        ...stages.map((stage) => [stage, ...events.map((event) => transitions[stage][event] ?? "")])
      ])
    }
  })

  it("never leads back", () => {
    for (const stage of stages) {
      for (const next of Object.values(transitions[stage])) {
        expect(stages.indexOf(next)).toBeGreaterThan(stages.indexOf(stage))
      }
    }
  })
})

describe.each(stages)("at %s", (stage) => {
  it.each(events)("%s", (event) => {
    const wire = at(stage)
    expect(wire.exchange.stage).toBe(stage)
    happen[event](wire)
    const next = transitions[stage][event] ?? stage
    // hooks that end at once have run
    expect(wire.exchange.stage).toBe(next === "Hooks" && stage !== "Hooks" ? "Over" : next)
    for (const once of ["drop body", "hook", "over"]) {
      expect(wire.told.filter((told) => told === once).length).toBeLessThanOrEqual(1)
    }
  })
})

describe("an exchange", () => {
  it("takes every step once, in order", () => {
    const wire = at("Over")
    expect(wire.told).toEqual(["head 200", "write ok", "end", "drop body", "hook", "over"])
    for (const event of events) happen[event](wire)
    expect(wire.told).toEqual(["head 200", "write ok", "end", "drop body", "hook", "over"])
    expect(wire.exchange.outcome?._tag).toBe("Sent")
  })

  it("stays where its hooks run until the last has ended", () => {
    const wire = at("Hooks")
    expect([wire.exchange.stage, wire.told.includes("over")]).toEqual(["Hooks", false])
    for (const end of wire.hooksHeld) end()
    expect([wire.exchange.stage, wire.told.includes("over")]).toEqual(["Over", true])
  })

  it("without a hook or an application to wait for leaves in one step", () => {
    const wire = new MemoryWire()
    wire.exchange.respond({ status: 200, fields: [] }, "ok")
    expect(wire.exchange.unattended).toBe(true)
    wire.isSent = true
    wire.exchange.leave("ClientGone", 5)
    expect(wire.exchange.stage).toBe("Over")
    expect(wire.exchange.outcome).toBeUndefined()
    expect(wire.exchange.conclude()).toMatchObject({ _tag: "Sent", endTime: 5 })
    // the wire has let it leave, and need not be told
    expect(wire.told).toEqual(["head 200", "write ok", "end"])
  })

  it("is told of the first of two reasons", () => {
    const wire = at("Running")
    wire.exchange.lost("WriteTimeout")
    wire.exchange.lost("Stopped")
    wire.exchange.allSent(false)
    expect(wire.exchange.outcome).toMatchObject({ _tag: "Aborted", reason: "WriteTimeout" })
  })

  it("has a late hook run at once, and knows how it ended", () => {
    const wire = at("Over")
    const outcomes: Array<string> = []
    wire.exchange.postHook(({ _tag }) => void outcomes.push(_tag))
    expect(outcomes).toEqual(["Sent"])
  })

  it("waits with its hooks for an application that has not ended", () => {
    const wire = at("Running")
    let told = ""
    wire.exchange.running((reason) => void (told = reason))
    let ended = false
    wire.exchange.interrupt("ClientGone", {
      ...unheard,
      onEnded: () => {
        ended = true
      }
    })
    expect([told, ended, wire.exchange.stage]).toEqual(["ClientGone", false, "Concluded"])
    wire.exchange.ended()
    expect([ended, wire.exchange.stage]).toEqual([true, "Dropping"])
    wire.exchange.bodyDropped()
    expect(wire.told.slice(-2)).toEqual(["hook", "over"])
  })
})
