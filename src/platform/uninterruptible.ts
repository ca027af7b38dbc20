/**
 * Handlers that cannot be interrupted: those of uninterruptible routes, and those in an uninterruptible part.
 *
 * @since 0.2.0
 */
import { RouteContext } from "@effect/platform/HttpRouter"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { isInterruptible } from "./internal.js"

/**
 * Whether the handler belongs to a route that its router does not interrupt.
 *
 * @since 0.2.0
 * @category predicates
 */
export const keepsRoute = (fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined): boolean => {
  if (fiber === undefined) return false
  const context = Context.getOption(fiber.currentContext, RouteContext)
  return Option.isSome(context) && context.value.route.uninterruptible
}

/** Milliseconds between two looks at a fiber. */
const pollInterval = 5

/**
 * Calls back when the fiber has left its uninterruptible part. Effect has no event for that, so the fiber is polled until
 * `isOver`.
 *
 * @since 0.2.0
 */
export const whenInterruptible = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  isOver: () => boolean,
  callback: () => void
): void => {
  const looking = setInterval(() => {
    const over = isOver() || fiber.unsafePoll() !== null
    if (!over && !isInterruptible(fiber)) return
    clearInterval(looking)
    if (!over) callback()
  }, pollInterval)
}
