/** Whatever happens in whatever order, every hook runs exactly once, in order, and each request has one log line. */
import * as fc from "fast-check"
import { type AccessRecord, type AppBody, type Environ, server, type StartResponse, type StopReport } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { expect, it } from "vitest"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { runs } from "../utils/runs.js"

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

interface Call {
  readonly env: Environ
  readonly startResponse: StartResponse
  readonly resolve: (body: AppBody) => void
  readonly reject: (error: unknown) => void
}

const play = async (given: ReadonlyArray<Step>): Promise<void> => {
  const calls = new Journal<Call>()
  const records: Array<AccessRecord> = []
  const begun: Array<number> = []
  const ended: Array<number> = []
  const attached: Array<number> = []
  const memory = MemoryListener.make()
  const running = server(
    memory.listener,
    (env, startResponse) => new Promise((resolve, reject) => calls.push({ env, startResponse, resolve, reject })),
    {
      log: () => undefined,
      logFormat: (record) => {
        records.push(record)
        return ""
      },
      timeouts: { interrupt: 10 }
    }
  )
  await running.ready
  const client = memory.connect()
  client.send(get())
  const [{ env, reject, resolve, startResponse }] = await calls.first(1)
  const write = startResponse("200 OK", [])
  let hooks = 0
  let report: Promise<StopReport> | undefined

  const register = (kind: Kind): void => {
    const number = hooks++
    if (kind !== "detached") attached.push(number)
    const hook = (): void | Promise<void> => {
      begun.push(number)
      if (kind === "plain") ended.push(number)
      else if (kind === "throwing") {
        ended.push(number)
        throw new Error("a hook")
      } else {
        return turns(2).then(() => {
          ended.push(number)
          if (kind === "rejecting") throw new Error("a hook")
        })
      }
    }
    env["eventlet.posthooks"].push([hook, [], undefined, { detached: kind === "detached" }])
  }

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
        void write("part")
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
        report ??= running.stop({ grace: 0 })
        break
      case "Turns":
        await turns(step.count)
    }
  }
  client.close()
  await (report ?? running.stop({ grace: 0 }))
  register("plain")
  register("asynchronous")
  // the application may go on: an iterator that is closed may still add a hook
  await turns(10)

  const all = Array.from({ length: hooks }, (_, number) => number)
  expect(begun.slice().sort((a, b) => a - b)).toEqual(all)
  expect(ended.slice().sort((a, b) => a - b)).toEqual(all)
  expect(begun.filter((number) => attached.includes(number))).toEqual(attached)
  expect(records).toHaveLength(1)
  expect(records[0].outcome).toBe(env["tsgi.outcome"])
}

it("runs every hook exactly once", async () => {
  await fc.assert(fc.asyncProperty(steps, play), runs(20))
})
