/**
 * What a fiber knows of itself at this moment, for which Effect's public types have only slower ways to ask.
 *
 * @since 0.1.0
 */
import * as Fiber from "effect/Fiber"
import type * as FiberRefs from "effect/FiberRefs"
import * as Predicate from "effect/Predicate"

/**
 * Its settings. `getFiberRefs` copies them to note its runtime flags there, which those who run something with them do not
 * need: that costs a tenth of what a post hook does.
 *
 * @since 0.1.0
 * @category accessors
 */
export const refsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs: unknown = Reflect.get(fiber, "_fiberRefs")
  return isFiberRefs(refs) ? refs : fiber.getFiberRefs()
}

/**
 * Do both have a value for the same settings, whatever it is?
 *
 * @since 0.1.0
 * @category predicates
 */
export const haveSameRefs = (some: FiberRefs.FiberRefs, others: FiberRefs.FiberRefs): boolean => {
  if (some.locals.size !== others.locals.size) return false
  for (const ref of some.locals.keys()) if (!others.locals.has(ref)) return false
  return true
}

/**
 * What it has forked and still runs. A fiber's end interrupts its children and waits for theirs. There is no other way to
 * look at them without an Effect.
 *
 * @since 0.1.0
 * @category accessors
 */
export const childrenOf = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): ReadonlyArray<Fiber.RuntimeFiber<unknown, unknown>> => {
  const children = childSet(fiber)
  return children === undefined ? [] : [...children].filter(isRuntimeFiber)
}

/**
 * Has it forked anything that still runs?
 *
 * @since 0.1.0
 * @category predicates
 */
export const hasChildren = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const children = childSet(fiber)
  return children !== undefined && children.size > 0
}

const childSet = (fiber: Fiber.RuntimeFiber<unknown, unknown>): ReadonlySet<unknown> | undefined => {
  const children: unknown = Reflect.get(fiber, "_children")
  return children instanceof Set ? children : undefined
}

const isRuntimeFiber = (fiber: unknown): fiber is Fiber.RuntimeFiber<unknown, unknown> =>
  Fiber.isFiber(fiber) && Fiber.isRuntimeFiber(fiber)

const isFiberRefs = (refs: unknown): refs is FiberRefs.FiberRefs =>
  Predicate.hasProperty(refs, "locals") && refs.locals instanceof Map
