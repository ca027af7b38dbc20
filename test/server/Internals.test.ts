/**
 * The private parts of Effect that the engine reads. A test that fails here names what is gone, and beside each stands the test
 * of its fallback. Only files that are named `internal` read private parts. Those of Node are in node/Internals.test.ts, and
 * those of the Effect door in platform/Internals.test.ts.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as TestContext from "effect/TestContext"
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { forHook } from "../../src/server/HookFiberRefs.js"
import {
  forkScopeOverride,
  globalOf,
  isLiveClock,
  isOver,
  isStep,
  runStep,
  stateOf
} from "../../src/server/internal.js"
import { LazyScope } from "../../src/server/LazyScope.js"
import * as Posthooks from "../../src/server/Posthooks.js"
import * as Time from "../../src/server/Time.js"
import { without } from "../utils/without.js"
import { sent } from "./engine.js"

describe("Effect's", () => {
  it("_op and effect_instruction_i0 tell a single synchronous step", () => {
    let ran = 0
    const step = Effect.sync(() => ++ran)
    if (!isStep(step)) expect.unreachable("_op or effect_instruction_i0 is gone: post hooks of one step cost a fiber")
    expect([runStep(step), ran]).toEqual([1, 1])
    const ref = Ref.unsafeMake(0)
    expect(isStep(Ref.set(ref, 1))).toBe(true)
    for (const other of [Effect.void, Effect.succeed(1), Effect.map(step, String), Effect.fail(1), Effect.yieldNow()]) {
      expect(isStep(other)).toBe(false)
    }
  })

  it("_op tells an exit from an error that has its tag", () => {
    expect([isOver(Exit.void), isOver(Exit.fail("failed"))]).toEqual([true, true])
    class Success extends Cause.YieldableError {
      readonly _tag = "Success"
    }
    expect([isOver(new Success()), isOver(Effect.sync(() => 1))]).toEqual([false, false])
  })

  it("_op may go: a hook is run by a fiber then", async () => {
    for (const hidden of ["_op", "effect_instruction_i0"]) {
      const seen: Array<string> = []
      const step = without(Effect.sync(() => seen.push("ran")), hidden)
      expect(isStep(step)).toBe(false)
      const rest = Posthooks.make().run(() => step, sent, () => undefined)
      expect([seen, Effect.isEffect(rest)]).toEqual([[], true])
    }
    expect(isOver(without(Effect.exit(Effect.void), "_op"))).toBe(false)
    const seen: Array<string> = []
    const rest = Posthooks.make().run(
      () => Effect.flatMap(Effect.void, () => Effect.sync(() => seen.push("ran"))),
      sent,
      () => undefined
    )
    await Effect.runPromise(rest ?? Effect.void)
    expect(seen).toEqual(["ran"])
  })

  it("state of a Scope is what forkIn looks at", async () => {
    const scope = Effect.runSync(Scope.make())
    expect(stateOf(scope)).toMatchObject({ _tag: "Open", finalizers: new Map() })
    Effect.runSync(Scope.close(scope, Exit.void))
    expect(stateOf(scope)).toMatchObject({ _tag: "Closed", exit: Exit.void })
    const lazy = new LazyScope()
    const fiber = await Effect.runPromise(Effect.forkIn(Effect.never, lazy))
    await Effect.runPromise(Scope.close(lazy, Exit.void))
    expect(Exit.isInterrupted(await Effect.runPromise(Fiber.await(fiber)))).toBe(true)
  })

  it("state of a Scope may go: then nothing is read, as by an Effect that does not need it", () => {
    expect(stateOf(without(Effect.runSync(Scope.make()), "state"))).toBeUndefined()
  })

  it("currentForkScopeOverride is a fiber ref, which a post hook does not begin with", async () => {
    if (forkScopeOverride === undefined) return expect.unreachable("effect/FiberRef/currentForkScopeOverride is gone")
    const override = forkScopeOverride
    const refs = await Effect.runPromise(Effect.transplant((graft) => graft(Effect.getFiberRefs)))
    expect(Option.isSome(FiberRefs.getOrDefault(refs, override))).toBe(true)
    expect(Option.isNone(FiberRefs.getOrDefault(forHook(refs), override))).toBe(true)
    expect(Option.isNone(await Effect.runPromise(FiberRef.get(override)))).toBe(true)
  })

  it("a global value may go: then there is none, and none is made in its place", () => {
    const name = Symbol.for("effect/FiberRef/gone")
    expect(globalOf(name)).toBeUndefined()
    expect(globalValue(name, () => "Effect's own")).toBe("Effect's own")
    expect(globalOf(name)).toBe("Effect's own")
  })

  it("the prototype of the live clock tells it from others; one that is not known gives whole milliseconds", () => {
    const live = Effect.runSync(Effect.clock)
    expect(isLiveClock(live), "the live clock has no prototype of its own: times are whole milliseconds").toBe(true)
    const { unsafeCurrentTimeMillis } = live
    const other = { ...live, unsafeCurrentTimeMillis: () => unsafeCurrentTimeMillis.call(live) }
    expect(isLiveClock(other)).toBe(false)
    expect(Number.isInteger(Time.make(other).now())).toBe(true)
    expect(
      Effect.runSync(Effect.provide(
        Effect.clockWith((clock) => Effect.succeed(isLiveClock(clock))),
        TestContext.TestContext
      ))
    )
      .toBe(false)
  })
})

/**
 * Private names of libraries: `_something`, global values under a name, symbols and prototypes that tell what an object is, and
 * those parts above whose names do not tell.
 */
const privateName =
  /^(?:_(?!tag$|id$)\w+|effect_instruction_\w+|currentRuntimeFlags|writableBuffer|readableFlowing|servername|getPrototypeOf)$/

it("nothing but the files named internal reads what is private", () => {
  const found: Array<string> = []
  const sources = path.resolve(import.meta.dirname, "../../src")
  const folders = fs.readdirSync(sources, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  // these are names of the text format of Prometheus, and of CommonJS modules
  const ofFormats = [
    ...["_bucket", "_sum", "_count", "_total"].map((name) => `cli/PrometheusText.ts: ${name}`),
    "cli/loadApp.ts: __esModule"
  ]
  for (const { name: folder } of folders) {
    const root = path.join(sources, folder)
    for (const name of fs.readdirSync(root, { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".ts") || path.basename(name) === "internal.ts") continue
      const visit = (node: ts.Node): void => {
        const read = ts.isPropertyAccessExpression(node)
          ? node.name.text
          : ts.isStringLiteralLike(node)
          ? node.text
          : ts.isBindingElement(node) && node.propertyName !== undefined && ts.isIdentifier(node.propertyName)
          ? node.propertyName.text
          : ts.isIdentifier(node) && node.text === "globalValue"
          ? "_globalValue"
          : ts.isCallExpression(node) && node.expression.getText() === "Symbol.for"
          ? "_symbol"
          : ""
        // this names a fiber ref, and does not read a fiber
        const ofRefs = ts.isPropertyAccessExpression(node) && node.expression.getText() === "FiberRef"
        const line = `${folder}/${name}: ${read}`
        if (privateName.test(read) && !ofRefs && !ofFormats.includes(line)) found.push(line)
        ts.forEachChild(node, visit)
      }
      visit(ts.createSourceFile(name, fs.readFileSync(path.join(root, name), "utf8"), ts.ScriptTarget.ES2022, true))
    }
  }
  expect(found).toEqual([])
})
