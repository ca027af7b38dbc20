/**
 * The fiber refs of a post hook: those of the fiber that added the hook.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import { forkScopeOverride } from "./internal.js"

export type { HookFiberRefs } from "../exchange/PostHook.js"

/**
 * The fiber refs for the fiber of a hook. They are not forked, because no fiber joins it and the application's fork functions
 * must not run. Two refs belong to the other fiber alone and are removed: its interruption, and the scope of its children.
 *
 * @since 0.1.0
 * @category conversions
 */
export const forHook = (fiberRefs: FiberRefs.FiberRefs): FiberRefs.FiberRefs => {
  let own = fiberRefs
  if (!Cause.isEmpty(FiberRefs.getOrDefault(own, FiberRef.interruptedCause))) {
    own = FiberRefs.delete(own, FiberRef.interruptedCause)
  }
  if (forkScopeOverride !== undefined && Option.isSome(FiberRefs.getOrDefault(own, forkScopeOverride))) {
    own = FiberRefs.delete(own, forkScopeOverride)
  }
  return own
}
