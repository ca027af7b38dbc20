/** All sequences of three calls of an exchange, on a wire in memory: how its answer changes, and what the wire is told. */
import { Answer } from "../../src/exchange/Answer.js"
import { Ending } from "../../src/exchange/Ending.js"
import { BodyError, ResponseError } from "../../src/exchange/ServerError.js"
import { changesWhile, tableOf } from "../utils/changes.js"
import { MemoryWire, unheard } from "./MemoryWire.js"

type Exchange = MemoryWire["exchange"]
type Method = {
  [K in keyof Exchange]: Exchange[K] extends (...parameters: never) => unknown ? K : never
}[keyof Exchange]
type Act = (exchange: Exchange, wire: MemoryWire) => unknown

const ok = { status: 200, fields: [] }
const three = { status: 200, fields: [["Content-Length", "3"]] } as const
const late = new BodyError({ reason: "Timeout", status: 408, description: "late" })
const nothing = (): void => undefined

/** All calls of an exchange. The compiler ensures that no method is left out. */
const acts: Readonly<Record<Method, ReadonlyArray<Act>>> = {
  // by a door
  serve: [
    (exchange) => exchange.serve(nothing),
    (exchange) => exchange.serve(() => exchange.interrupt("Closed", unheard))
  ],
  interim: [(exchange) => exchange.interim(103, [])],
  setContinueFields: [(exchange) => exchange.setContinueFields([["a", "b"]])],
  sendContinue: [(exchange) => exchange.sendContinue()],
  payContinue: [(exchange) => exchange.payContinue()],
  draft: [(exchange) => exchange.draft(ok)],
  respond: [
    (exchange) => exchange.respond(ok, "ok"),
    (exchange) => exchange.respond(three, "ok"),
    (exchange) => exchange.respond(three, "long")
  ],
  start: [(exchange) => exchange.start(ok), (exchange) => exchange.start(three)],
  withdraw: [(exchange) => exchange.withdraw()],
  sendHead: [(exchange) => exchange.sendHead()],
  addPart: [(exchange) => exchange.addPart("ok"), (exchange) => exchange.addPart("")],
  flush: [(exchange) => exchange.flush()],
  awaitRoom: [(exchange) => exchange.awaitRoom(nothing)],
  finish: [(exchange) => exchange.finish(), (exchange) => exchange.finish([["a", "b\n"]])],
  mismatch: [(exchange) => exchange.mismatch(3, 2), (exchange) => exchange.mismatch(3, 5)],
  fail: [(exchange) => exchange.fail(new Error("fails")), (exchange) => exchange.fail(late)],
  recordFailure: [(exchange) => exchange.recordFailure(new Error("fails"))],
  logFailure: [(exchange) => exchange.logFailure("fails", new Error("fails"))],
  takeOver: [(exchange) => exchange.takeOver()],
  markIdle: [(exchange) => exchange.markIdle()],
  running: [
    (exchange) => exchange.running((_, ended) => ended()),
    (exchange) => exchange.running({ interrupt: () => "RunsOn", awaited: true })
  ],
  ended: [(exchange) => exchange.ended()],
  finalizing: [(exchange) => exchange.finalizing()],
  whenConcluded: [(exchange) => exchange.whenConcluded(nothing)],
  onGoodbye: [(exchange) => exchange.onGoodbye(nothing)],
  postHook: [(exchange) => exchange.postHook(nothing)],
  whenHooksRun: [(exchange) => exchange.whenHooksRun({ onHooksRun: nothing })],
  // by its session and its wire
  bodyArrived: [(exchange) => exchange.bodyArrived()],
  roomAgain: [(exchange) => exchange.roomAgain()],
  begun: [(exchange) => exchange.begun()],
  // the kernel can only have taken an answer if there is one
  allSent: [(exchange, wire) => wire.told.includes("end") && exchange.allSent(false)],
  bodyDropped: [(exchange) => exchange.bodyDropped()],
  lost: [(exchange) => exchange.lost("ClientGone")],
  leave: [(exchange) => exchange.answerEnded && exchange.unattended && exchange.leave("ClientGone", 0)],
  conclude: [(exchange) => exchange.conclude()],
  abandon: [(exchange) => exchange.abandon()],
  interrupt: [
    (exchange) => exchange.interrupt("ClientGone", unheard),
    (exchange) => exchange.interrupt("Stopped", unheard)
  ],
  interruptLater: [(exchange) => exchange.interruptLater()],
  timeOut: [
    (exchange) => exchange.timeOut(late),
    (exchange) =>
      exchange.headSent || exchange.timeOut(new ResponseError({ reason: "HandlerTimeout", description: "late" }))
  ],
  sayGoodbye: [(exchange) => exchange.sayGoodbye()],
  onHooksRun: [(exchange) => exchange.onHooksRun()]
}

const named: ReadonlyArray<readonly [name: string, act: Act]> = Object.entries(acts).flatMap(([name, each]) =>
  each.map((act, at) => [each.length === 1 ? name : `${name} ${at + 1}`, act] as const)
)

/** What is wrong with the calls of a wire. An answer has one head, which comes first, and nothing but a cut follows its end. */
const wrongOf = ({ exchange, told }: MemoryWire, ended: boolean): string | undefined => {
  const sent = told.filter((each) => /^(?:head|write|end|cut)\b/.test(each)).map((each) => each.split(" ")[0])
  const text = sent.join(" ")
  if (!/^(?:head (?:write )*(?:end|cut)?|cut)? ?(?:cut )*$/.test(`${text} `.trimStart())) return `told ${text}`
  if (ended && !sent.includes("head")) return "complete without a head"
  if (exchange.outcome?._tag === "Sent" && !told.includes("take over") && !sent.includes("head")) {
    return "sent without a head"
  }
  return undefined
}

/** The changes of the table in src/README.md. */
export const inTable: ReadonlyArray<string> = tableOf("How an answer proceeds").map(([from, to]) => `${from} to ${to}`)
  .sort()

/** Takes all paths of one, two and three calls. Those of three are only taken if `goesOn` says so. */
export const walk = async (
  goesOn: (path: ReadonlyArray<string>) => boolean
): Promise<{ readonly changes: ReadonlyArray<string>; readonly wrong: ReadonlyArray<string> }> => {
  const changes = new Set<string>()
  const wrong: Array<string> = []
  const take = async (path: ReadonlyArray<readonly [name: string, act: Act]>): Promise<void> => {
    const name = path.map(([name]) => name).join(", ")
    const wire = { made: new MemoryWire() }
    const made = await changesWhile<Answer>(Ending.prototype, "answer", (value) => Answer[value], () => {
      wire.made = new MemoryWire({ hasBody: true, expectsContinue: true })
      for (const [, act] of path) act(wire.made.exchange, wire.made)
    })
    const found = made.map(([from, to]) => `${from} to ${to}`)
    for (const change of found) {
      changes.add(change)
      if (!inTable.includes(change)) wrong.push(`${name}: ${change}`)
    }
    const told = wrongOf(
      wire.made,
      found.includes("Complete to GivenUp") || found.at(-1)?.endsWith("Complete") === true
    )
    if (told !== undefined) wrong.push(`${name}: ${told}`)
  }
  for (const first of named) {
    for (const second of named) {
      if (!goesOn([first[0], second[0]])) {
        await take([first, second])
        continue
      }
      for (const third of named) await take([first, second, third])
    }
  }
  return { changes: [...changes].sort(), wrong }
}
