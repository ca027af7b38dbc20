/**
 * What the engine and the Effect door read of others' private parts. Nobody has promised them: a test here that fails names what is
 * gone, and beside each stands what happens then. Nothing but the files that are named `internal` reads any; those of
 * Node are in node/Internals.test.ts.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { ejectedScopes, fiberRefsOf, hasChildren, isInterruptible } from "../../src/platform/internal.js"
import { forHook } from "../../src/server/HookFiberRefs.js"
import { forkScopeOverride, isOver, isStep, runStep, stateOf } from "../../src/server/internal.js"
import { LazyScope } from "../../src/server/LazyScope.js"
import * as Posthooks from "../../src/server/Posthooks.js"
import { turns } from "../utils/Journal.js"
import { sent } from "./engine.js"

type Running = Fiber.RuntimeFiber<unknown, unknown>

/** The same, as it were without that part. */
const without = <A extends object>(whole: A, ...parts: ReadonlyArray<string>): A =>
  new Proxy(whole, {
    has: (target, name) => !parts.includes(String(name)) && Reflect.has(target, name),
    get: (target, name): unknown => {
      if (parts.includes(String(name))) return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })

const started = async (effect: Effect.Effect<unknown, unknown>): Promise<Running> => {
  const fiber = Effect.runFork(effect)
  await turns(2)
  return fiber
}

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
    // an unknown number is none
    expect(hasChildren(without(parent, "_children"))).toBe(false)
    await Effect.runPromise(Fiber.interruptAll([alone, parent]))
  })

  it("currentRuntimeFlags say whether a fiber may be interrupted at this moment", async () => {
    let go = (): void => undefined
    const held = Effect.async<void>((resume) => {
      go = () => resume(Effect.void)
    })
    const fiber = await started(Effect.zipRight(Effect.uninterruptible(held), Effect.never))
    expect(isInterruptible(fiber), "currentRuntimeFlags is gone: a stop interrupts handlers that are to answer first")
      .toBe(false)
    // who does not say may be
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

/**
 * Names that libraries keep to themselves: `_something`, what is global under a name, and the parts above that have none such.
 */
const privateName =
  /^(?:_(?!tag$|id$)\w+|effect_instruction_\w+|currentRuntimeFlags|writableBuffer|readableFlowing|servername)$/

it("nothing but the files named internal reads what is private", () => {
  const found: Array<string> = []
  const sources = path.resolve(import.meta.dirname, "../../src")
  const folders = fs.readdirSync(sources, { withFileTypes: true }).filter((entry) =>
    // the command writes and reads files of others' formats
    entry.isDirectory() && entry.name !== "cli"
  )
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
          : ""
        // to name a fiber ref is not to read a fiber
        const ofRefs = ts.isPropertyAccessExpression(node) && node.expression.getText() === "FiberRef"
        if (privateName.test(read) && !ofRefs) found.push(`${folder}/${name}: ${read}`)
        ts.forEachChild(node, visit)
      }
      visit(ts.createSourceFile(name, fs.readFileSync(path.join(root, name), "utf8"), ts.ScriptTarget.ES2022, true))
    }
  }
  expect(found).toEqual([])
})
