/**
 * The scope of a socket: its own steps and the added finalizers run in one order, each once, whatever closes it and how
 * often.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { type ScopedSession, ServedScope } from "../../src/server/ServedScope.js"
import { SocketScope } from "../../src/server/SocketScope.js"
import { turns } from "../utils/Journal.js"
import { runs } from "../utils/runs.js"

const note = (notes: Array<string>, text: string) => Effect.sync(() => notes.push(text))

const none = Context.unsafeMake<unknown>(new Map())

/** A session that notes its steps. A step that is held ends when the test lets it go. */
class Socket implements ScopedSession {
  readonly notes: Array<string> = []
  readonly held: Array<() => void> = []
  readonly peer: ScopedSession["peer"] = {
    runEffect: (finalizers, over) => void Effect.runFork(Effect.provide(finalizers, none)).addObserver(over),
    log: () => undefined
  }
  readonly scope = new ServedScope(this)

  constructor(private readonly holds: ReadonlyArray<"work" | "hooks"> = []) {}

  endWork(ended: () => void): void {
    this.step("work", ended)
  }

  runHooks(over: () => void): void {
    this.step("hooks", over)
  }

  closeSocket(): void {
    this.notes.push("socket")
  }

  broken(error: unknown): void {
    this.notes.push(String(error))
  }

  private step(name: "work" | "hooks", over: () => void): void {
    this.notes.push(name)
    if (this.holds.includes(name)) this.held.push(over)
    else over()
  }
}

it("ends the work, runs the hooks, releases what was added, the last first, and closes the socket", async () => {
  const { notes, scope } = new Socket()
  await Effect.runPromise(Effect.gen(function*() {
    yield* Scope.addFinalizerExit(scope, (exit) => note(notes, `first ${exit._tag}`))
    yield* Effect.forkIn(Effect.onInterrupt(Effect.never, () => note(notes, "fiber")), scope)
    yield* Effect.yieldNow()
    yield* Scope.addFinalizer(yield* Scope.fork(scope, ExecutionStrategy.sequential), note(notes, "child"))
    yield* Scope.close(scope, Exit.fail("reason"))
    yield* Scope.close(scope, Exit.void)
  }))
  expect(notes).toEqual(["work", "hooks", "child", "fiber", "first Failure", "socket"])
})

it("needs no fiber where nothing was added", () => {
  const { notes, scope } = new Socket()
  scope.done()
  expect(notes).toEqual(["work", "hooks", "socket"])
  expect(scope.used).toBe(false)
})

it("keeps what is added while the work ends until that has ended", async () => {
  const socket = new Socket(["work"])
  const { held, notes, scope } = socket
  scope.done()
  await Effect.runPromise(Scope.addFinalizer(scope, note(notes, "added")))
  expect(notes).toEqual(["work"])
  held[0]()
  await turns(2)
  expect(notes).toEqual(["work", "hooks", "added", "socket"])
})

it("runs at once what is added when it is closed, with the exit, and interrupts what is forked", async () => {
  const { notes, scope } = new Socket()
  scope.failed("reason")
  await Effect.runPromise(Scope.addFinalizerExit(scope, (exit) => note(notes, exit._tag)))
  const exit = await Effect.runPromise(Effect.flatMap(Effect.forkIn(Effect.never, scope), Fiber.await))
  expect(notes.at(-1)).toBe("Failure")
  expect(Exit.isInterrupted(exit)).toBe(true)
})

it("each call that closes it waits for its end", async () => {
  const { held, notes, scope } = new Socket(["hooks"])
  scope.done()
  const closing = Array.from({ length: 2 }, () => Effect.runFork(Scope.close(scope, Exit.void)))
  await turns(2)
  expect([notes, closing.map((fiber) => fiber.unsafePoll())]).toEqual([["work", "hooks"], [null, null]])
  held[0]()
  await Effect.runPromise(Fiber.joinAll(closing))
  expect(notes).toEqual(["work", "hooks", "socket"])
})

it("a handler of the connection that closes it does not wait for itself", async () => {
  const socket = new Socket()
  const { notes, scope } = socket
  await Effect.runPromise(
    Scope.addFinalizer(scope, Effect.zipRight(Scope.close(scope, Exit.void), note(notes, "added"))).pipe(
      Effect.zipRight(Scope.close(scope, Exit.void)),
      Effect.provideService(SocketScope, scope)
    )
  )
  await turns(2)
  expect(notes).toEqual(["work", "hooks", "added", "socket"])
})

it("goes on where a step broke, and takes no second end of it", async () => {
  const { held, notes, scope } = new Socket(["work", "hooks"])
  await Effect.runPromise(Scope.addFinalizer(scope, note(notes, "added")))
  scope.done()
  scope.goOn()
  expect(notes).toEqual(["work", "hooks"])
  held[0]()
  expect(notes).toEqual(["work", "hooks"])
  scope.goOn()
  held[1]()
  scope.goOn()
  await turns(2)
  expect(notes).toEqual(["work", "hooks", "added", "socket"])
})

const events = [
  "add",
  "add to a child",
  "fork",
  "close",
  "close and be interrupted",
  "close from plain code",
  "let go",
  "break"
] as const

it("releases each resource exactly once, in whatever order resources come and the scope is closed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...events), { maxLength: 12 }),
      fc.subarray(["work", "hooks"] as const),
      async (happening, holds) => {
        const socket = new Socket(holds)
        const { held, notes, scope } = socket
        const released = new Map<number, number>()
        const release = (id: number) =>
          Effect.zipRight(Effect.yieldNow(), Effect.sync(() => released.set(id, (released.get(id) ?? 0) + 1)))
        const acquire = (id: number, within: Scope.Scope) => {
          released.set(id, 0)
          return Scope.addFinalizer(within, release(id))
        }
        for (const [id, event] of happening.entries()) {
          switch (event) {
            case "add":
              await Effect.runPromise(acquire(id, scope))
              break
            case "add to a child":
              await Effect.runPromise(
                Effect.flatMap(Scope.fork(scope, ExecutionStrategy.sequential), (child) => acquire(id, child))
              )
              break
            case "fork":
              // a fiber that is forked too late acquires nothing
              await Effect.runPromise(
                Effect.acquireUseRelease(
                  Effect.sync(() => released.set(id, 0)),
                  () => Effect.never,
                  () => release(id)
                ).pipe(Effect.forkIn(scope), Effect.zipRight(Effect.yieldNow()))
              )
              break
            case "close":
              Effect.runFork(Scope.close(scope, Exit.void))
              break
            case "close and be interrupted":
              await Effect.runPromise(Fiber.interrupt(Effect.runFork(Scope.close(scope, Exit.void))))
              break
            case "close from plain code":
              scope.done()
              break
            case "let go":
              held.shift()?.()
              break
            case "break":
              scope.goOn()
          }
        }
        const closing = Effect.runPromise(Scope.close(scope, Exit.void))
        for (let step = held.shift(); step !== undefined; step = held.shift()) step()
        await closing
        // a fiber that is forked after the end is interrupted
        await turns(3)
        expect(notes).toEqual(["work", "hooks", "socket"])
        expect([...released.values()].filter((times) => times !== 1)).toEqual([])
      }
    ),
    runs(40)
  )
})
