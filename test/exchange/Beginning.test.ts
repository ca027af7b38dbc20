/**
 * An exchange that is interrupted before its handler has returned: the application is interrupted when the handler has returned,
 * if it runs on, and the listener is told of its end, or of its delay, after that. Nothing is told twice.
 *
 * The family: every reason, before and after the application has said that it runs on, and by a wire that ends because the
 * application has failed; then an application that runs on, asks for a delay, answers, fails, throws, adds hooks, waits for its
 * body or for room, or is over.
 */
import { describe, expect, it } from "vitest"
import type { Delay, Interruptor } from "../../src/exchange/Application.js"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import type { AbortReason } from "../../src/exchange/Outcome.js"
import { BodyError } from "../../src/exchange/ServerError.js"
import { MemoryWire } from "./MemoryWire.js"

const ok = { status: 200, fields: [] }

type Act = (exchange: DoorExchange, note: (entry: string) => void) => void

/** Interrupts the exchange, and does with it what a session does when its application has ended. */
const interrupt = ({ exchange, told }: MemoryWire, reason: AbortReason): void =>
  exchange.interrupt(reason, {
    onEnded: () => {
      told.push("ended")
      exchange.lost(reason)
      if (exchange.stage === "Dropping") exchange.bodyDropped()
    },
    onDelayed: (delay) => void told.push(`delayed ${delay}`)
  })

/** What is told while a handler is interrupted between two acts. */
const toldOf = (
  before: Act,
  end: (wire: MemoryWire) => void,
  after: Act
): { readonly wire: MemoryWire; readonly told: ReadonlyArray<string> } => {
  const wire = new MemoryWire({ hasBody: true })
  const note = (entry: string): void => void wire.told.push(entry)
  wire.exchange.serve((exchange) => {
    before(exchange, note)
    end(wire)
    note("handler goes on")
    after(exchange, note)
    note("handler returns")
  })
  return { wire, told: wire.told.filter((told) => !/^(?:flush|body|reuse refused|drop body)/.test(told)) }
}

const nothing: Act = () => undefined
const hook: Act = (exchange, note) => exchange.postHook(({ _tag }) => note(`hook ${_tag}`))

/** An application that runs on, and ends when it is interrupted, or asks for a delay. */
const run = (delay?: Delay): Act => (exchange, note) =>
  exchange.running((reason, ended) => {
    note(`interrupted ${reason}`)
    if (delay === undefined) ended()
    return delay
  })

const both = (...acts: ReadonlyArray<Act>): Act => (exchange, note) => {
  for (const act of acts) act(exchange, note)
}

const reasons: ReadonlyArray<AbortReason> = ["Closed", "ClientGone", "Stopped", "WriteTimeout", "BadRequest"]

describe.each(reasons)("an exchange that is interrupted before its handler has returned: %s", (reason) => {
  const end = (wire: MemoryWire): void => interrupt(wire, reason)
  const returned = ["handler goes on", "handler returns"]
  const over = ["ended", "hook Aborted", "over"]

  it.each<[does: string, before: Act, after: Act, told: ReadonlyArray<string>]>([
    ["runs on", hook, run(), [...returned, `interrupted ${reason}`, ...over]],
    ["has said that it runs on", both(hook, run()), nothing, [...returned, `interrupted ${reason}`, ...over]],
    ["says so again", both(hook, run()), run(), [...returned, `interrupted ${reason}`, ...over]],
    ["adds its hook only then", nothing, both(hook, run()), [...returned, `interrupted ${reason}`, ...over]],
    ["ends by itself", hook, nothing, [...returned, ...over]],
    ["has run on, and ends by itself", both(hook, run()), (exchange) => exchange.ended(), [...returned, ...over]],
    ["runs on, and ends by itself", hook, both(run(), (exchange) => exchange.ended()), [...returned, ...over]],
    [
      "asks for a delay",
      hook,
      run("EndsByItself"),
      [...returned, `interrupted ${reason}`, "delayed EndsByItself"]
    ],
    ["runs on all the same", both(hook, run("RunsOn")), nothing, [
      ...returned,
      `interrupted ${reason}`,
      "delayed RunsOn"
    ]],
    [
      "answers too late",
      hook,
      both((exchange, note) => note(String(exchange.respond(ok, "late")?.reason)), run()),
      ["handler goes on", "AlreadyOver", "handler returns", `interrupted ${reason}`, ...over]
    ],
    [
      "fails too late",
      hook,
      both((exchange) => exchange.fail(new Error("late")), run()),
      [...returned, `interrupted ${reason}`, ...over]
    ],
    [
      "waits for room",
      both(hook, (exchange) => exchange.start(ok), (exchange) => exchange.sendHead()),
      both((exchange, note) => exchange.awaitRoom(() => note("room")), run()),
      ["head 200", "handler goes on", "room", "handler returns", `interrupted ${reason}`, ...over]
    ]
  ])("the application %s", (_, before, after, expected) => {
    const { told, wire } = toldOf(before, end, after)
    expect(told).toEqual(expected)
    const isOver = expected.at(-1) === "over"
    expect([wire.exchange.stage, wire.exchange.aborted]).toEqual([isOver ? "Over" : "Running", reason])
    expect(wire.exchange.outcome).toEqual(isOver ? expect.objectContaining({ _tag: "Aborted", reason }) : undefined)
  })

  it("the handler throws", () => {
    const wire = new MemoryWire()
    wire.exchange.serve((exchange) => {
      exchange.postHook(({ _tag }) => void wire.told.push(`hook ${_tag}`))
      end(wire)
      throw new Error("thrown")
    })
    expect(wire.told).toEqual(["ended", "drop body", "hook Aborted", "over"])
  })

  it("a reader that waits for the body is told at once", () => {
    const { told } = toldOf(
      (exchange, note) =>
        void exchange.body.wait(() => {
          const taken = exchange.body.take()
          note(taken instanceof BodyError ? taken.reason : "nothing")
        }),
      end,
      run()
    )
    expect(told).toEqual([
      reason === "Stopped" ? reason : "Disconnected",
      ...returned,
      `interrupted ${reason}`,
      "ended",
      "over"
    ])
  })

  it("an application that has asked for a delay is interrupted again after it", () => {
    let delay: Delay | undefined = "EndsByItself"
    const { wire } = toldOf(hook, end, (exchange, note) =>
      exchange.running((reason, ended) => {
        note(`interrupted ${reason}`)
        if (delay === undefined) ended()
        return delay
      }))
    delay = undefined
    interrupt(wire, "Stopped")
    expect(wire.told.slice(-5)).toEqual(["interrupted Stopped", "ended", "drop body", "hook Aborted", "over"])
    expect(wire.exchange.outcome).toMatchObject({ reason })
  })
})

describe("an exchange that", () => {
  it("is answered, whose kernel has yet to take all, runs its hooks when its application has ended", () => {
    const { told } = toldOf(
      both(hook, (exchange) => exchange.respond(ok, "ok")),
      (wire) => interrupt(wire, "Closed"),
      run()
    )
    expect(told).toEqual([
      "head 200",
      "write ok",
      "end",
      "handler goes on",
      "handler returns",
      "interrupted Closed",
      "ended",
      "hook Aborted",
      "over"
    ])
  })

  it("is cut because its application has failed goes on until its handler has returned", () => {
    const wire = new MemoryWire()
    wire.cut = () => {
      wire.told.push("cut")
      interrupt(wire, "ClientGone")
    }
    wire.exchange.serve((exchange) => {
      exchange.postHook(({ _tag }) => void wire.told.push(`hook ${_tag}`))
      exchange.start(ok)
      exchange.addPart("a")
      exchange.fail(new Error("fails"))
      const interrupted: Interruptor = (reason, ended) => {
        wire.told.push(`interrupted ${reason}`)
        ended()
      }
      exchange.running(interrupted)
      wire.told.push("handler returns")
    })
    expect(wire.told).toEqual([
      "head 200",
      "write a",
      "cut",
      "handler returns",
      "interrupted ClientGone",
      "ended",
      "drop body",
      "hook Failed",
      "over"
    ])
  })

  it("was given to a handler before is interrupted at once, and waits for the next one", () => {
    const wire = new MemoryWire()
    wire.exchange.serve(() => undefined)
    wire.exchange.interrupt("Closed", { onEnded: () => void wire.told.push("ended"), onDelayed: () => undefined })
    expect(wire.told).toEqual(["ended"])
    wire.exchange.serve(() => {
      interrupt(wire, "Closed")
      wire.told.push("handler returns")
    })
    expect(wire.told).toEqual(["ended", "handler returns", "ended", "drop body", "over"])
  })

  it("fails with what its handler throws, whatever its end throws", () => {
    const wire = new MemoryWire()
    expect(() =>
      wire.exchange.serve(() => {
        wire.exchange.interrupt("Closed", {
          onEnded: () => {
            throw new Error("a defect of the session")
          },
          onDelayed: () => undefined
        })
      })
    ).toThrow("a defect of the session")
    const failing = new MemoryWire()
    failing.exchange.serve(() => {
      throw new Error("thrown")
    })
    expect(failing.told).toEqual(["reuse refused: the application failed", "head 500", "end"])
    expect(failing.exchange.error).toMatchObject({ message: "thrown" })
  })
})
