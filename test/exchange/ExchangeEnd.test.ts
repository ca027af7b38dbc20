/**
 * The end of exchanges before their time, as a session of any protocol has it: alone or all together, on wires in memory.
 *
 * The family: applications that end at once, later, not in time, or after a delay, that run no longer, that have yet to say
 * whether they run, and that are late with their answers; a stop while one of them goes on.
 */
import { describe, expect, it } from "vitest"
import type { Delay } from "../../src/exchange/Application.js"
import { ExchangeEnd } from "../../src/exchange/ExchangeEnd.js"
import { BodyError, ResponseError } from "../../src/exchange/ServerError.js"
import { MemoryWire } from "./MemoryWire.js"

const ok = { status: 200, fields: [] }
const { interrupt: timeout } = new MemoryWire().peer.engine.config.timeouts

/** An exchange with a hook, whose application asks for these delays when it is interrupted, and its end. */
class Scene {
  readonly wire = new MemoryWire({ hasBody: true })
  readonly end: ExchangeEnd
  readonly woken: Array<number> = []

  constructor(...delays: ReadonlyArray<Delay>) {
    const { exchange, peer: { engine: { config, time } }, told } = this.wire
    const asked = [...delays]
    exchange.postHook(({ _tag }) => void told.push(`hook ${_tag}`))
    exchange.running((reason) => {
      told.push(`interrupted ${reason}`)
      return asked.shift()
    })
    const alarm = { ringsAt: Infinity, by: (deadline: number) => void this.woken.push(deadline) }
    this.end = new ExchangeEnd(exchange, { alarm, config, time }, () => void told.push("client dropped"))
  }

  interrupt(reason: "ClientGone" | "Stopped" | "Closed" = "ClientGone"): void {
    this.end.interrupt(reason, () => {
      this.wire.told.push("ended")
      this.end.runHooks(reason)
    })
  }

  /** Lets time pass, and calls `late` as a session does. */
  pass(milliseconds: number): void {
    this.wire.now += milliseconds
    if (this.wire.now >= this.end.deadline) this.end.late()
  }
}

const over = ["ended", "drop body", "hook Aborted", "over"]

describe("an application that is interrupted", () => {
  it("has some time to end, and then its hooks run", () => {
    const scene = new Scene()
    const { end, wire: { exchange, told } } = scene
    expect(end.deadline).toBe(Infinity)
    scene.interrupt()
    expect([told, end.deadline, scene.woken]).toEqual([["interrupted ClientGone"], timeout, [timeout]])
    scene.pass(timeout - 1)
    exchange.ended()
    expect([told, end.deadline]).toEqual([["interrupted ClientGone", ...over], Infinity])
    expect([exchange.outcome, end.abandoned]).toMatchObject([{ _tag: "Aborted", reason: "ClientGone" }, false])
  })

  it("is abandoned if it has not ended in that time", () => {
    const scene = new Scene()
    scene.interrupt()
    scene.pass(timeout)
    const told = ["interrupted ClientGone", "client dropped", ...over]
    expect([scene.wire.told, scene.end.abandoned, scene.end.deadline]).toEqual([told, true, Infinity])
    // its end is that of nothing any more
    scene.wire.exchange.ended()
    expect(scene.wire.told).toEqual(told)
  })

  it("is interrupted again after a delay, and abandoned if it has not ended after that", () => {
    const scene = new Scene("EndsByItself")
    scene.interrupt("Closed")
    expect([scene.wire.told, scene.end.deadline]).toEqual([["interrupted Closed", "client dropped"], timeout])
    scene.pass(timeout)
    expect(scene.end.deadline).toBe(2 * timeout)
    scene.pass(timeout)
    expect(scene.wire.told).toEqual([
      "interrupted Closed",
      "client dropped",
      "interrupted Closed",
      "client dropped",
      ...over
    ])
  })

  it("may end by itself within its delay", () => {
    const scene = new Scene("EndsByItself")
    scene.interrupt()
    scene.wire.exchange.ended()
    scene.pass(timeout)
    scene.end.interruptDelayed()
    expect(scene.wire.told).toEqual(["interrupted ClientGone", "client dropped", ...over])
  })

  it("may outlive its client until the server stops", () => {
    const scene = new Scene("RunsOn")
    scene.interrupt()
    scene.pass(100 * timeout)
    expect([scene.wire.told, scene.end.deadline]).toEqual([["interrupted ClientGone", "client dropped"], Infinity])
    scene.end.interruptDelayed()
    // a second time does nothing
    scene.end.interruptDelayed()
    expect(scene.end.deadline).toBe(101 * timeout)
    scene.wire.exchange.ended()
    expect(scene.wire.told).toEqual(["interrupted ClientGone", "client dropped", "interrupted Stopped", ...over])
    expect(scene.wire.exchange.outcome).toMatchObject({ reason: "ClientGone" })
  })

  it("is told that the server stops where the server has asked it to end", () => {
    const scene = new Scene("EndsByItself")
    scene.wire.exchange.takeOver()
    scene.wire.exchange.onGoodbye(() => void scene.wire.told.push("goodbye"))
    scene.end.sayGoodbye()
    scene.interrupt()
    scene.pass(timeout)
    expect(scene.wire.told).toEqual([
      "take over",
      "reuse refused: the connection was taken over",
      "goodbye",
      "interrupted ClientGone",
      "client dropped",
      "interrupted Stopped"
    ])
  })

  it("need not be interrupted twice: the last caller is told", () => {
    const scene = new Scene()
    scene.interrupt()
    scene.end.interrupt("Stopped", () => {
      scene.wire.told.push("ended with all")
      scene.end.runHooks("Stopped")
    })
    scene.wire.exchange.ended()
    expect(scene.wire.told).toEqual(["interrupted ClientGone", "ended with all", ...over.slice(1)])
    expect(scene.wire.exchange.outcome).toMatchObject({ reason: "ClientGone" })
  })
})

describe("an end calls back at once for an exchange", () => {
  it("that has no application", () => {
    const scene = new Scene()
    scene.wire.exchange.ended()
    scene.interrupt()
    expect([scene.wire.told, scene.end.deadline]).toEqual([over, Infinity])
  })

  it("that has ended before, and is not interrupted again", () => {
    const scene = new Scene()
    const calls: Array<string> = []
    scene.end.interrupt("ClientGone", () => void calls.push("first"))
    scene.wire.exchange.ended()
    scene.end.interrupt("Stopped", () => void calls.push("second"))
    scene.interrupt()
    scene.interrupt()
    expect(calls).toEqual(["first", "second"])
    expect(scene.wire.told).toEqual(["interrupted ClientGone", ...over, "ended"])
  })

  it("whose body is being dropped, which it no longer waits for", () => {
    const scene = new Scene()
    const { exchange, told } = scene.wire
    exchange.respond(ok, "ok")
    exchange.ended()
    scene.wire.take()
    expect([exchange.stage, told.at(-1)]).toEqual(["Dropping", "drop body"])
    scene.interrupt()
    expect(told.slice(-3)).toEqual(["ended", "hook Sent", "over"])
  })

  it("that is over", () => {
    const scene = new Scene()
    scene.wire.exchange.ended()
    scene.interrupt()
    expect([scene.wire.exchange.stage, scene.wire.exchange.hasEnded]).toEqual(["Over", true])
    scene.interrupt()
    expect(scene.wire.told).toEqual([...over, "ended"])
  })
})

describe("an application whose handler has not returned", () => {
  it.each<[delay: Delay | undefined, deadline: number]>([
    [undefined, timeout],
    ["EndsByItself", timeout],
    ["RunsOn", Infinity]
  ])("is interrupted then, and may ask for a delay: %s", (delay, deadline) => {
    const scene = delay === undefined ? new Scene() : new Scene(delay)
    const { told } = scene.wire
    scene.wire.exchange.serve(() => {
      scene.interrupt("Closed")
      told.push("handler returns")
    })
    const dropped = delay === undefined ? [] : ["client dropped"]
    expect([told, scene.end.deadline]).toEqual([["handler returns", "interrupted Closed", ...dropped], deadline])
    scene.wire.exchange.ended()
    expect(told.slice(-4)).toEqual(over)
  })
})

describe("an application that is late", () => {
  it.each([
    ["with its answer", new ResponseError({ reason: "HandlerTimeout", description: "late" }), 503, "HandlerTimeout"],
    ["because its body is", new BodyError({ reason: "Timeout", status: 408, description: "late" }), 408, "ReadTimeout"]
  ])("%s is answered for, told to end, and abandoned if it has not", (_, late, status, reason) => {
    const scene = new Scene()
    const told = (): ReadonlyArray<string> => scene.wire.told.filter((each) => !each.startsWith("reuse refused"))
    scene.end.timeOut(late)
    expect([told(), scene.end.deadline]).toEqual([[`head ${status}`, "end", `interrupted ${reason}`], timeout])
    scene.wire.take()
    scene.pass(timeout)
    expect(told().slice(3)).toEqual(["client dropped", "drop body"])
    scene.wire.exchange.bodyDropped()
    expect(told().slice(5)).toEqual([`hook ${status === 503 ? "Failed" : "Aborted"}`, "over"])
    expect(scene.end.abandoned).toBe(true)
  })

  it("and is to outlive its client has all the time", () => {
    const scene = new Scene("RunsOn")
    scene.end.timeOut(new ResponseError({ reason: "HandlerTimeout", description: "late" }))
    expect(scene.end.deadline).toBe(Infinity)
  })
})

it("a session that ends runs the hooks of all its exchanges when the last application has ended", () => {
  const scenes = [new Scene(), new Scene("EndsByItself"), new Scene(), new Scene()]
  const [alone, delayed, deaf, done] = scenes
  const told: Array<string> = []
  alone.interrupt()
  done.wire.exchange.ended()
  let left = scenes.length
  for (const { end } of scenes) {
    end.interrupt("Stopped", () => {
      if (--left > 0) return
      told.push("all ended")
      for (const { end } of scenes) end.runHooks("Stopped")
    })
  }
  alone.wire.exchange.ended()
  delayed.wire.exchange.ended()
  expect([told, scenes.map(({ wire }) => wire.exchange.stage)]).toEqual([[], Array(4).fill("Running")])
  deaf.pass(timeout)
  expect(told).toEqual(["all ended"])
  expect(scenes.map(({ wire: { exchange, told } }) => [exchange.stage, told.at(-2), told.at(-1)])).toEqual(
    Array(4).fill(["Over", "hook Aborted", "over"])
  )
  expect(alone.wire.exchange.outcome).toMatchObject({ reason: "ClientGone" })
  expect(done.wire.exchange.outcome).toMatchObject({ reason: "Stopped" })
})
