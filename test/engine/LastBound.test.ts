/**
 * The end of a stop has a last bound: hooks, plain or detached, and finalizers that never end are left behind, and counted;
 * a handler that cannot be interrupted is awaited, also when its connection was the last.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { server } from "tsgi"
import { Posthooks } from "tsgi/effect"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { get, hello } from "../eventlet/fixture.js"
import { Journal } from "../utils/Journal.js"
import { connect } from "../utils/sockets.js"
import { startListening } from "./lastBound.js"

const timeouts = { grace: 50, interrupt: 50, hooks: 100 }
const never = new Promise<void>(() => undefined)

describe.each([false, true])("a hook that never ends, detached: %s", (detached) => {
  it("does not hold the facade's stop", async () => {
    const lines = new Journal<string>()
    const memory = MemoryListener.make()
    const running = server(memory.listener, (env, startResponse) => {
      env["eventlet.posthooks"].push([() => never, [], undefined, { detached }])
      return hello(env, startResponse)
    }, { log: (line) => lines.push(line), timeouts })
    await running.ready
    const client = memory.connect()
    client.send(get("/"))
    await client.response()
    expect(await running.stop()).toMatchObject({ connections: 1, left: 1 })
    expect(lines.entries.filter((line) => line.includes("left behind"))).toHaveLength(2)
    client.close()
  })

  it("does not hold the Effect door's", async () => {
    const { port, stop } = await startListening(
      Effect.as(Effect.orDie(Posthooks.add(() => Effect.never, { detached })), HttpServerResponse.text("hello")),
      timeouts
    )
    const client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.send(get("/"))
    await client.response()
    await stop()
    client.close()
  })
})

it("a finalizer of a request that never ends does not hold the stop", async () => {
  const { port, stop } = await startListening(
    Effect.as(Effect.addFinalizer(() => Effect.never), HttpServerResponse.text("hello")),
    timeouts
  )
  const client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
  client.send(get("/"))
  await client.response()
  await stop()
  client.close()
})

it("the last handler that cannot be interrupted ends before what it uses is released", async () => {
  const events = new Journal<string>()
  const go = Effect.runSync(Deferred.make<void>())
  const resource = Layer.scopedDiscard(
    Effect.addFinalizer(() => Effect.sync(() => events.push("released")))
  )
  const { port, stop } = await startListening(
    Effect.sync(() => events.push("at work")).pipe(
      Effect.zipRight(Effect.uninterruptible(Deferred.await(go))),
      Effect.ensuring(Effect.sync(() => events.push("ended"))),
      Effect.as(HttpServerResponse.text("hello"))
    ),
    timeouts,
    resource
  )
  const client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
  client.send(get("/"))
  await events.first(1)
  client.reset()
  const stopped = stop()
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(events.entries).toEqual(["at work"])
  await Effect.runPromise(Deferred.succeed(go, undefined))
  await stopped
  expect(events.entries).toEqual(["at work", "ended", "released"])
})

it("a log that is a pipe nobody reads does not hold the stop", async () => {
  const reader = spawn("sleep", ["60"], { stdio: ["pipe", "ignore", "ignore"] })
  const handle: unknown = Reflect.get(reader.stdin, "_handle")
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined
  if (typeof fd !== "number") throw new Error("no descriptor")
  const memory = MemoryListener.make()
  const running = server(memory.listener, hello, { log: fd, logFormat: () => "x".repeat(1_000_000) })
  for (let i = 0; i < 3; i++) {
    await running.ready
    const client = memory.connect()
    client.send(get("/"))
    await client.response()
    client.close()
  }
  await running.stop()
  reader.kill()
})
