/**
 * All that the Effect door reads of others' private parts, Effect's and the platform's. They do not promise them: each has a fallback
 * for where it is gone, and a test that tells when it is (test/server/Internals.test.ts).
 *
 * @since 0.1.0
 */
import type * as Fiber from "effect/Fiber"
import type * as FiberRefs from "effect/FiberRefs"
import { globalValue } from "effect/GlobalValue"
import * as Predicate from "effect/Predicate"
import * as RuntimeFlags from "effect/RuntimeFlags"
import type * as Scope from "effect/Scope"

/**
 * `_fiberRefs`: a fiber's settings. Without it `getFiberRefs`, which copies them to note the fiber's runtime flags there: those who
 * begin with them do not need that.
 *
 * @since 0.1.0
 * @category accessors
 */
export const fiberRefsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs = "_fiberRefs" in fiber ? fiber._fiberRefs : undefined
  return isFiberRefs(refs) ? refs : fiber.getFiberRefs()
}

/**
 * `_children`: has a fiber forked anything that still runs? Its end interrupts its children and waits for theirs. Without it a
 * client waits for that too.
 *
 * @since 0.1.0
 * @category predicates
 */
export const hasChildren = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const children = "_children" in fiber ? fiber._children : undefined
  return children instanceof Set && children.size > 0
}

/**
 * `currentRuntimeFlags`: may a fiber be interrupted at this moment? Without it, it may: a stop does not let it answer first.
 *
 * @since 0.2.0
 * @category predicates
 */
export const isInterruptible = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const flags = "currentRuntimeFlags" in fiber ? fiber.currentRuntimeFlags : undefined
  return typeof flags !== "number" || (flags & RuntimeFlags.Interruption) !== 0
}

/**
 * `@effect/platform/HttpApp/ejectedScopes`: scopes of requests that somebody else closes, see `HttpApp.ejectDefaultScopeClose`. Without
 * it there are none, and every scope is closed with its request.
 *
 * @since 0.2.0
 * @category constants
 */
export const ejectedScopes = globalValue("@effect/platform/HttpApp/ejectedScopes", () => new WeakSet<Scope.Scope>())

const isFiberRefs = (refs: unknown): refs is FiberRefs.FiberRefs =>
  Predicate.hasProperty(refs, "locals") && refs.locals instanceof Map
