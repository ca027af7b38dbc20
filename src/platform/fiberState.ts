/**
 * What a fiber knows of itself at this moment, for which Effect's public types have only slower ways to ask.
 *
 * @since 0.1.0
 */
import type * as Fiber from "effect/Fiber"
import type * as FiberRefs from "effect/FiberRefs"
import * as Predicate from "effect/Predicate"
import * as RuntimeFlags from "effect/RuntimeFlags"

/**
 * Its settings. `getFiberRefs` copies them to note the fiber's runtime flags there, which those who begin with them do not
 * need.
 *
 * @since 0.1.0
 * @category accessors
 */
export const settingsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs = "_fiberRefs" in fiber ? fiber._fiberRefs : undefined
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
  const children = "_children" in fiber ? fiber._children : undefined
  return children instanceof Set && children.size > 0
}

/**
 * May it be interrupted at this moment? Where Effect does not say, it may.
 *
 * @since 0.2.0
 * @category predicates
 */
export const isInterruptible = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const flags = "currentRuntimeFlags" in fiber ? fiber.currentRuntimeFlags : undefined
  return typeof flags !== "number" || (flags & RuntimeFlags.Interruption) !== 0
}

const isFiberRefs = (refs: unknown): refs is FiberRefs.FiberRefs =>
  Predicate.hasProperty(refs, "locals") && refs.locals instanceof Map
