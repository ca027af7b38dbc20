/**
 * The private parts of Effect, the platform and `ws` that the Effect door reads. A test that fails here names what is gone.
 * Beside each stands the test of its fallback.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as Socket from "@effect/platform/Socket"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import {
  ejectedScopes,
  fiberConstructor,
  fiberRefsOf,
  hasChildren,
  isInterruptible,
  onSend
} from "../../src/platform/internal.js"
import { turns } from "../utils/Journal.js"
import { without } from "../utils/without.js"

type Running = Fiber.RuntimeFiber<unknown, unknown>

const started = async (effect: Effect.Effect<unknown, unknown>): Promise<Running> => {
  const fiber = Effect.runFork(effect)
  await turns(2)
  return fiber
}

describe("Effect's", () => {
  it("_fiberRefs are a fiber's settings, which are not copied", async () => {
    const ref = FiberRef.unsafeMake("default")
    const fiber = await started(Effect.locally(Effect.never, ref, "set"))
    const settings = fiberRefsOf(fiber)
    expect(settings, "_fiberRefs is gone: each post hook copies its settings").toBe(fiberRefsOf(fiber))
    expect(FiberRefs.getOrDefault(settings, ref)).toBe("set")
    await Effect.runPromise(Fiber.interrupt(fiber))
  })

  it("_fiberRefs may go: they are copied then", async () => {
    const ref = FiberRef.unsafeMake("default")
    const fiber = await started(Effect.locally(Effect.never, ref, "set"))
    for (const hidden of [without(fiber, "_fiberRefs"), Object.assign(without(fiber), {})]) {
      expect(FiberRefs.getOrDefault(fiberRefsOf(hidden), ref)).toBe("set")
    }
    await Effect.runPromise(Fiber.interrupt(fiber))
  })

  it("_children are the fibers that it has forked", async () => {
    const alone = await started(Effect.never)
    const parent = await started(Effect.zipRight(Effect.fork(Effect.never), Effect.never))
    expect([hasChildren(alone), hasChildren(parent)], "_children is gone: clients wait for what handlers have forked")
      .toEqual([false, true])
    // an unknown number of children counts as none
    expect(hasChildren(without(parent, "_children"))).toBe(false)
    await Effect.runPromise(Fiber.interruptAll([alone, parent]))
  })

  it("constructor and start make a fiber that is not among the root fibers", () => {
    const OwnFiber = fiberConstructor()
    if (OwnFiber === undefined) {
      return expect.unreachable("constructor is gone: each request is in the set of root fibers")
    }
    const fiber = new OwnFiber<number, never>(FiberId.unsafeMake(), FiberRefs.empty(), RuntimeFlags.make())
    let isRoot = true
    fiber.start(Effect.map(Fiber.roots, (roots) => {
      isRoot = roots.some((root) => root.id() === fiber.id())
      return 1
    }))
    expect(fiber.unsafePoll()).toEqual(Exit.succeed(1))
    expect(isRoot).toBe(false)
  })

  it("constructor and start may go: a runtime starts the fibers then", async () => {
    const fiber = await started(Effect.void)
    for (
      const other of [
        undefined,
        Object,
        class {
          start() {}
        },
        () => undefined
      ]
    ) {
      expect(fiberConstructor({ constructor: other })).toBeUndefined()
    }
    expect(fiberConstructor({ constructor: fiber.constructor })).toBe(fiberConstructor())
  })

  it("currentRuntimeFlags say whether a fiber may be interrupted at this moment", async () => {
    let go = (): void => undefined
    const held = Effect.async<void>((resume) => {
      go = () => resume(Effect.void)
    })
    const fiber = await started(Effect.zipRight(Effect.uninterruptible(held), Effect.never))
    expect(isInterruptible(fiber), "currentRuntimeFlags is gone: a stop interrupts handlers that are to answer first")
      .toBe(false)
    // a fiber that does not tell may be interrupted
    expect(isInterruptible(without(fiber, "currentRuntimeFlags"))).toBe(true)
    go()
    await turns(2)
    expect(isInterruptible(fiber)).toBe(true)
    await Effect.runPromise(Fiber.interrupt(fiber))
  })
})

describe("the platform's", () => {
  it("ejectedScopes are the scopes that somebody else closes", () => {
    const [ejected, other] = [Effect.runSync(Scope.make()), Effect.runSync(Scope.make())]
    HttpApp.ejectDefaultScopeClose(ejected)
    expect(
      [ejectedScopes.has(ejected), ejectedScopes.has(other)],
      "ejectedScopes is gone: every scope ends with its request"
    )
      .toEqual([true, false])
  })
})

describe("ws's", () => {
  const isStandard = (socket: WebSocket): socket is WebSocket & globalThis.WebSocket => "addEventListener" in socket

  it("send is what the platform's Socket calls for each message", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
    server.on("connection", (peer) => peer.on("message", (data) => peer.send(data)))
    await once(server, "listening")
    const address = server.address()
    const socket = new WebSocket(`ws://127.0.0.1:${typeof address === "object" ? address?.port : ""}`)
    if (!isStandard(socket)) return expect.unreachable()
    const heard: Array<string> = []
    onSend(socket, () => heard.push("sent"), () => heard.push("taken"))
    await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const own = yield* Socket.fromWebSocket(Effect.succeed(socket))
      const write = yield* own.writer
      const answered = yield* Deferred.make<void>()
      yield* Effect.forkScoped(own.runRaw(() => Deferred.succeed(answered, undefined)))
      yield* write("hello")
      yield* Deferred.await(answered)
    })))
    expect(heard, "send is not called: writers do not wait, and a stop closes a WebSocket after its grace time")
      .toEqual(["sent", "taken"])
    socket.terminate()
    server.close()
  })

  it("send may go: then nothing is heard", () => {
    const socket = new WebSocket("ws://127.0.0.1:1", { autoPong: false })
    socket.on("error", () => undefined)
    const { send } = socket
    onSend(without(socket, "send"), () => undefined)
    expect(socket.send).toBe(send)
    socket.terminate()
  })
})
