/**
 * An answer makes every change of the table in src/README.md, and no other, whatever is called in whatever order.
 *
 * The family: answers given whole or in parts, withdrawn, cut, taken over, and exchanges that end at each step of it.
 */
import { describe, expect, it } from "vitest"
import { Answer } from "../../src/exchange/Answer.js"
import { Ending } from "../../src/exchange/Ending.js"
import { changesWhile } from "../utils/changes.js"
import { inTable, walk } from "./answerWalk.js"
import { MemoryWire, unheard } from "./MemoryWire.js"

const ok = { status: 200, fields: [] }
const long = { status: 200, fields: [["Content-Length", "3"]] } as const

/** The acts on an exchange, each with the changes that it makes. */
const scenes: Readonly<Record<string, readonly [act: (exchange: MemoryWire["exchange"]) => void, changes: string]>> = {
  "a whole answer": [(exchange) => exchange.respond(ok, "ok"), "Complete"],
  "a whole answer, whose outcome is known": [(exchange) => {
    exchange.respond(ok, "ok")
    exchange.lost("ClientGone")
  }, "Complete GivenUp"],
  "a whole answer that is too short": [(exchange) => exchange.respond(long, "ok"), "Complete Awaited"],
  "a whole answer that is too long": [
    (exchange) => exchange.respond(long, "long"),
    "Complete Awaited Sending Complete"
  ],
  "an answer in parts": [(exchange) => {
    exchange.start(ok)
    exchange.addPart("ok")
    exchange.finish()
  }, "Prepared Sending Complete"],
  "a head that is withdrawn": [(exchange) => {
    exchange.start(ok)
    exchange.withdraw()
  }, "Prepared Awaited"],
  "an exchange that ends before its answer": [(exchange) => exchange.lost("ClientGone"), "GivenUp"],
  "an exchange that ends before its head is sent": [(exchange) => {
    exchange.start(ok)
    exchange.interrupt("ClientGone", unheard)
  }, "Prepared GivenUp"],
  "an exchange that ends within its body": [(exchange) => {
    exchange.start(ok)
    exchange.addPart("ok")
    exchange.interrupt("ClientGone", unheard)
  }, "Prepared Sending GivenUp"],
  "an application that fails before its answer": [(exchange) => exchange.fail(new Error("fails")), "Complete"],
  "a connection that is taken over": [(exchange) => {
    exchange.takeOver()
    exchange.lost("ClientGone")
  }, "TakenOver GivenUp"]
}

const changesIn = (name: string): Promise<ReadonlyArray<readonly [from: string, to: string]>> =>
  changesWhile<Answer>(
    Ending.prototype,
    "answer",
    (value) => Answer[value],
    () => scenes[name][0](new MemoryWire().exchange)
  )

describe("an answer", () => {
  it.each(Object.keys(scenes))("%s", async (name) => {
    const changes = await changesIn(name)
    expect(changes.map(([, to]) => to).join(" ")).toBe(scenes[name][1])
  })

  // Answer.long.test.ts takes every third call after these
  it("changes as the table says, and in no other way, by any two calls, and a third where a head was given", async () => {
    const walked = await walk((path) => path.length < 2 || path[0].startsWith("start"))
    expect(walked.wrong).toEqual([])
    expect(walked.changes).toEqual(inTable)
  })
})
