/**
 * Requests, clients that leave and a stop, in any order: every request's scope is closed once, every hook runs once, the two
 * agree on the outcome, and nothing runs or is used afterwards.
 *
 *   RUNS=50 npm test -- test/platform/Interleaving.test.ts      a longer search
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { Posthooks } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { turns } from "../utils/Journal.js"
import { request } from "../utils/requests.js"
import { runs } from "../utils/runs.js"
import { cutAt } from "../utils/splits.js"
import { Database, using } from "./database.js"
import { exitName, type Handler, kinds, named, nothingSeen, open, someKinds } from "./scene.js"

const ways = ["now", "waiting", "streaming", "large", "reading", "failing"] as const
type Way = typeof ways[number]

type Step =
  | { readonly _tag: "Request"; readonly way: Way; readonly pipelined: boolean }
  | { readonly _tag: "Leave"; readonly which: number; readonly how: "reset" | "close" | "end" }
  | { readonly _tag: "GoOn"; readonly which: number }
  | { readonly _tag: "Turns"; readonly count: number }
  | { readonly _tag: "Stop" }

const which = fc.nat({ max: 7 })
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        _tag: fc.constant("Request" as const),
        way: fc.constantFrom(...ways),
        pipelined: fc.boolean()
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({
        _tag: fc.constant("Leave" as const),
        which,
        how: fc.constantFrom("reset" as const, "close" as const, "end" as const)
      })
    },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("GoOn" as const), which }) },
    { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Turns" as const), count: fc.integer({ min: 1, max: 8 }) }) },
    { weight: 1, arbitrary: fc.constant({ _tag: "Stop" as const }) }
  ),
  { maxLength: 24 }
)

/** The events of one request. */
interface Fate {
  readonly scope: Array<string>
  readonly hooks: Array<string>
}

const agree: Readonly<Record<string, string>> = {
  ClientGone: "Aborted ClientGone",
  Stopped: "Aborted Stopped",
  Success: "Sent"
}

interface Script {
  readonly steps: ReadonlyArray<Step>
  /** Whether other clients send whenever these do, so that the server serves them together. */
  readonly crowded: boolean
}

const script: fc.Arbitrary<Script> = fc.record({ steps, crowded: fc.nat({ max: 3 }).map((n) => n === 0) })

const requestOf = (way: Way): string => request("POST", "/", [`X-Way: ${way}`, "Content-Length: 4"])

/** Clients that have each sent a piece of a request at the same time, so often that the server looks for others. */
const bystanders = async (connect: () => Promise<WireClient>): Promise<ReadonlyArray<WireClient>> => {
  // fewer are not served together
  const clients = await Promise.all(Array.from({ length: 5 }, connect))
  const sent = Buffer.from(`${requestOf("now")}body`)
  for (const piece of cutAt(sent, Array.from({ length: 50 }, (_, i) => i + 1))) {
    for (const client of clients) client.send(piece)
    await turns(1)
  }
  for (const client of clients) await client.response()
  return clients
}

const play = async (
  kind: string,
  withLogger: boolean,
  grace: number,
  { crowded, steps }: Script
): Promise<void> => {
  const seen = nothingSeen()
  const database = new Database()
  const fates: Array<Fate> = []
  const gates: Array<Deferred.Deferred<void>> = []
  let running = 0

  const handler: Handler = Effect.gen(function*() {
    const fate: Fate = { scope: [], hooks: [] }
    const gate = yield* Deferred.make<void>()
    fates.push(fate)
    yield* Effect.addFinalizer((exit) =>
      Effect.zipRight(
        Effect.promise(() => turns(1)),
        Effect.zipRight(database.query, Effect.sync(() => fate.scope.push(exitName(exit))))
      )
    )
    yield* Posthooks.add((outcome) => Effect.sync(() => fate.hooks.push(named(outcome))))
    const { headers, stream } = yield* HttpServerRequest.HttpServerRequest
    running++
    yield* Effect.addFinalizer(() => Effect.sync(() => running--))
    const wait = Effect.suspend(() => {
      gates.push(gate)
      return Effect.zipRight(Deferred.await(gate), database.query)
    })
    switch (headers["x-way"]) {
      case "waiting":
        yield* wait
        return HttpServerResponse.text("waited")
      case "streaming":
        return HttpServerResponse.stream(Stream.concat(
          Stream.succeed(new Uint8Array(10)),
          Stream.fromEffect(Effect.as(wait, new Uint8Array(10)))
        ))
      case "large":
        return HttpServerResponse.uint8Array(new Uint8Array(1_000_000))
      case "reading":
        yield* Stream.runDrain(stream)
        return HttpServerResponse.empty()
      case "failing":
        yield* wait
        return yield* Effect.die("failing")
      default:
        return HttpServerResponse.text("now")
    }
  }).pipe(Effect.orDie)

  const served = kinds[kind](handler, withLogger ? HttpMiddleware.logger : undefined)
  const scene = await open(using(database, served), seen, { memory: true, config: { timeouts: { grace } } })
  const others = crowded ? await bystanders(scene.connect) : []
  const clients: Array<WireClient> = []
  const within = new Set<WireClient>()
  let stopped: Promise<void> | undefined
  for (const step of steps) {
    switch (step._tag) {
      case "Request": {
        if (stopped !== undefined) break
        const last = clients.at(-1)
        // bytes that follow half a body would be the rest of it
        const client = step.pipelined && last !== undefined && !within.has(last) ? last : await scene.connect()
        if (step.way === "reading") within.add(client)
        if (client !== last) clients.push(client)
        for (const other of others) other.send(`${requestOf("now")}body`)
        client.send(requestOf(step.way))
        client.send(step.way === "reading" ? "so" : "body")
        break
      }
      case "Leave":
        clients[step.which]?.[step.how]()
        break
      case "GoOn":
        if (gates[step.which] !== undefined) Deferred.unsafeDone(gates[step.which], Effect.void)
        break
      case "Turns":
        await turns(step.count)
        break
      case "Stop":
        stopped ??= scene.stop()
    }
  }
  stopped ??= scene.stop()
  if (grace === Infinity) {
    // no handler is interrupted, so each must end by itself
    let over = false
    const stop = stopped.then(() => {
      over = true
    })
    while (!over) {
      for (const gate of gates) Deferred.unsafeDone(gate, Effect.void)
      for (const client of [...others, ...clients]) client.close()
      await Promise.race([stop, turns(5)])
    }
  }
  await stopped
  await turns(20)
  expect(running).toBe(0)
  expect(database.late).toBe(0)
  for (const { hooks, scope } of fates) {
    expect([scope.length, hooks.length]).toEqual([1, 1])
    const [exit] = scope
    if (exit in agree) expect(`${exit}: ${hooks[0]}`).toContain(`${exit}: ${agree[exit]}`)
    else expect(hooks[0]).not.toContain("Sent")
  }
  expect(seen.records.entries.length).toBe(fates.length)
}

for (const kind of someKinds) {
  describe(kind, { timeout: 60_000 * runs(1).numRuns }, () => {
    for (const [how, withLogger] of [["alone", false], ["with a logger", true]] as const) {
      it(`stopped without grace, ${how}`, () =>
        fc.assert(fc.asyncProperty(script, (script) => play(kind, withLogger, 0, script)), runs(3)))

      it(`stopped with all the time there is, ${how}`, () =>
        fc.assert(fc.asyncProperty(script, (script) => play(kind, withLogger, Infinity, script)), runs(3)))
    }
  })
}
