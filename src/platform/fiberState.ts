/**
 * What a fiber knows of itself at this moment, for which Effect's public types have only slower ways to ask.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/**
 * Its settings, for a fiber that nobody joins to begin with. They are taken as they are: to fork them costs as much as the
 * rest of that fiber's start. But two are this fiber's alone: that it was interrupted, and whose children its own are to be.
 *
 * @since 0.1.0
 * @category accessors
 */
export const settingsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs = refsOf(fiber)
  return Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause)) && forkScopeOverride !== undefined &&
      Option.isNone(fiber.getFiberRef(forkScopeOverride))
    ? refs
    : FiberRefs.forkAs(refs, FiberId.unsafeMake())
}

// Effect's own, which it does not name in public; where it is not found, all is forked.
const forkScopeOverride = globalValue<FiberRef.FiberRef<Option.Option<unknown>> | undefined>(
  Symbol.for("effect/FiberRef/currentForkScopeOverride"),
  () => undefined
)

// `getFiberRefs` copies them to note the fiber's runtime flags there, which those who begin with them do not need.
const refsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs: unknown = Reflect.get(fiber, "_fiberRefs")
  return isFiberRefs(refs) ? refs : fiber.getFiberRefs()
}

/**
 * Has it forked anything that still runs? A fiber's end interrupts its children and waits for theirs. There is no other way
 * to look at them without an Effect.
 *
 * @since 0.1.0
 * @category predicates
 */
export const hasChildren = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const children: unknown = Reflect.get(fiber, "_children")
  return children instanceof Set && children.size > 0
}

const isFiberRefs = (refs: unknown): refs is FiberRefs.FiberRefs =>
  Predicate.hasProperty(refs, "locals") && refs.locals instanceof Map
