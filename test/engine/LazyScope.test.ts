import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { expect, it } from "vitest"
import { LazyScope } from "../../src/server/LazyScope.js"

const note = (notes: Array<string>, text: string) => Effect.sync(() => notes.push(text))
const unneeded = (): never => expect.unreachable("nothing was added, so no fiber is needed")

it("what is added ends before what is owned, each once", async () => {
  const notes: Array<string> = []
  const scope = new LazyScope((exit, ended) => {
    notes.push(`owned ${exit._tag}`)
    ended()
  })
  await Effect.runPromise(Effect.gen(function*() {
    yield* Scope.addFinalizer(scope, note(notes, "first"))
    yield* Scope.addFinalizer(scope, note(notes, "second"))
    yield* Scope.close(scope, Exit.void)
    yield* Scope.close(scope, Exit.fail("again"))
  }))
  expect(notes).toEqual(["second", "first", "owned Success"])
})

it("who closes it while it is being closed waits for the same end", async () => {
  let end = (): void => undefined
  let owned = 0
  const scope = new LazyScope((_, ended) => {
    owned++
    end = ended
  })
  scope.unsafeClose(Exit.void, unneeded)
  const second = Effect.runFork(Scope.close(scope, Exit.void))
  scope.unsafeClose(Exit.void, unneeded)
  await new Promise((resolve) => setImmediate(resolve))
  expect([owned, second.unsafePoll()]).toEqual([1, null])
  end()
  expect(await Effect.runPromise(Fiber.join(second))).toBeUndefined()
})

it("closed from plain code, what was added still runs", async () => {
  const notes: Array<string> = []
  const scope = new LazyScope((_, ended) => {
    notes.push("owned")
    ended()
  })
  await Effect.runPromise(Scope.addFinalizer(scope, note(notes, "added")))
  await new Promise<void>((resolve) =>
    scope.unsafeClose(Exit.void, (effect) => {
      Effect.runFork(effect).addObserver(() => resolve())
    })
  )
  expect(notes).toEqual(["added", "owned"])
})

it("what is added after the end runs at once", async () => {
  const notes: Array<string> = []
  const scope = new LazyScope((_, ended) => ended())
  scope.unsafeClose(Exit.void, unneeded)
  await Effect.runPromise(Scope.addFinalizerExit(scope, (exit) => note(notes, exit._tag)))
  expect(notes).toEqual(["Success"])
})
