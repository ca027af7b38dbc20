/**
 * What a post hook's fiber begins with: the settings of the fiber that added the hook.
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
 * Settings for a fiber to begin with that nobody joins. They are taken as they are: to fork them costs as much as the rest of
 * its start, and runs what programs have given for that. But two are those of the fiber they come from alone: that it was
 * interrupted, and whose children its own are to be.
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
