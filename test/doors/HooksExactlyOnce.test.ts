/**
 * At every door, whatever happens in whatever order, every hook runs exactly once, in order, and each request has one log line.
 */
import * as fc from "fast-check"
import type { Outcome, StopReport } from "tsgi"
import { expect, it } from "vitest"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { runs } from "../utils/runs.js"
import { type Body, type Call, everyDoor, type Serve } from "./everyDoor.js"

type Kind = "plain" | "asynchronous" | "throwing" | "rejecting" | "detached"

type Step =
  | { readonly _tag: "Push"; readonly kind: Kind }
  | { readonly _tag: "Write" | "Finish" | "Iterate" | "Fail" | "Reset" | "HalfClose" | "Stop" }
  | { readonly _tag: "Turns"; readonly count: number }

const push = fc.constantFrom<Kind>("plain", "asynchronous", "throwing", "rejecting", "detached").map(
  (kind): Step => ({ _tag: "Push", kind })
)
const end = fc.constantFrom<Step>(
  { _tag: "Finish" },
  { _tag: "Iterate" },
  { _tag: "Fail" },
  { _tag: "Reset" },
  { _tag: "HalfClose" },
  { _tag: "Stop" }
)
const between = fc.oneof(
  fc.constant<Step>({ _tag: "Write" }),
  fc.nat(4).map((count): Step => ({ _tag: "Turns", count }))
)
const steps = fc.array(fc.oneof({ weight: 4, arbitrary: push }, { weight: 2, arbitrary: end }, between), {
  maxLength: 14
})

/** A running application. */
interface Running {
  readonly call: Call
  readonly resolve: (body: Body) => void
  readonly reject: (error: unknown) => void
}

/** Hooks of any kind, numbered in the order of their registration. */
class Hooks {
  readonly begun: Array<number> = []
  readonly ended: Array<number> = []
  readonly attached: Array<number> = []
  readonly outcomes = new Set<Outcome | undefined>()
  count = 0

  constructor(private readonly call: Call) {}

  readonly register = (kind: Kind): void => {
    const number = this.count++
    if (kind !== "detached") this.attached.push(number)
    const hook = (outcome: Outcome | undefined): void | Promise<void> => {
      this.begun.push(number)
      this.outcomes.add(outcome)
      if (kind === "plain") this.ended.push(number)
      else if (kind === "throwing") {
        this.ended.push(number)
        throw new Error("a hook")
      } else {
        return turns(2).then(() => {
          this.ended.push(number)
          if (kind === "rejecting") throw new Error("a hook")
        })
      }
    }
    this.call.hook(hook, { detached: kind === "detached" })
  }
}

const play = async (serve: Serve, given: ReadonlyArray<Step>): Promise<void> => {
  const calls = new Journal<Running>()
  await using served = await serve(
    (call) => new Promise((resolve, reject) => calls.push({ call, resolve, reject })),
    { timeouts: { interrupt: 10 } }
  )
  const { client, records, stop } = served
  client.send(get())
  const [{ call, reject, resolve }] = await calls.first(1)
  const hooks = new Hooks(call)
  const { register } = hooks
  let report: Promise<StopReport> | undefined

  const iterable = async function*() {
    yield "part one"
    register("plain")
    await turns(2)
    register("asynchronous")
    yield "part two"
  }

  for (const step of given) {
    switch (step._tag) {
      case "Push":
        register(step.kind)
        break
      case "Write":
        call.write("part")
        break
      case "Finish":
        resolve(["done"])
        break
      case "Iterate":
        resolve(iterable())
        break
      case "Fail":
        reject(new Error("the application"))
        break
      case "Reset":
        client.reset()
        break
      case "HalfClose":
        client.end()
        break
      case "Stop":
        report ??= stop({ grace: 0 })
        break
      case "Turns":
        await turns(step.count)
    }
  }
  client.close()
  await (report ?? stop({ grace: 0 }))
  register("plain")
  register("asynchronous")
  // the application may go on: an iterator that is closed may still add a hook
  await turns(10)

  const all = Array.from({ length: hooks.count }, (_, number) => number)
  expect(hooks.begun.slice().sort((a, b) => a - b)).toEqual(all)
  expect(hooks.ended.slice().sort((a, b) => a - b)).toEqual(all)
  expect(hooks.begun.filter((number) => hooks.attached.includes(number))).toEqual(hooks.attached)
  expect(records.entries).toHaveLength(1)
  const [outcome, ...others] = hooks.outcomes
  expect(outcome).toBe(records.entries[0].outcome)
  expect(others).toEqual([])
}

it.each(everyDoor)("%s: runs every hook exactly once", async (_, serve) => {
  await fc.assert(fc.asyncProperty(steps, (steps) => play(serve, steps)), runs(20))
})
