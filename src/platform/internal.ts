/**
 * All that the Effect door reads of the private parts of Effect and the platform, which they do not promise. Each has a fallback for
 * when it is gone, and a test that fails then (test/server/Internals.test.ts).
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
 * `_fiberRefs`: a fiber's refs. Without it `getFiberRefs`, which copies them to add the fiber's runtime flags.
 *
 * @since 0.1.0
 * @category accessors
 */
export const fiberRefsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs = "_fiberRefs" in fiber ? fiber._fiberRefs : undefined
  return isFiberRefs(refs) ? refs : fiber.getFiberRefs()
}

/**
 * `_children`: does a child of the fiber still run? A fiber interrupts its children when it ends, and waits for them. Without it a
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
 * `currentRuntimeFlags`: can the fiber be interrupted now? Without it, it can: a stop does not let it answer first.
 *
 * @since 0.2.0
 * @category predicates
 */
export const isInterruptible = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const flags = "currentRuntimeFlags" in fiber ? fiber.currentRuntimeFlags : undefined
  return typeof flags !== "number" || (flags & RuntimeFlags.Interruption) !== 0
}

/**
 * `@effect/platform/HttpApp/ejectedScopes`: scopes of requests that the program closes, see `HttpApp.ejectDefaultScopeClose`.
 * Without it there are none, and every scope is closed with its request.
 *
 * @since 0.2.0
 * @category constants
 */
export const ejectedScopes = globalValue("@effect/platform/HttpApp/ejectedScopes", () => new WeakSet<Scope.Scope>())

const isFiberRefs = (refs: unknown): refs is FiberRefs.FiberRefs =>
  Predicate.hasProperty(refs, "locals") && refs.locals instanceof Map
