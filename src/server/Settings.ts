/**
 * What a post hook's fiber begins with: the settings of the fiber that added the hook.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"

/**
 * A fiber's fiber refs as they were, the services it had among them; `undefined` for the server's.
 *
 * @since 0.1.0
 * @category models
 */
export type Settings = FiberRefs.FiberRefs | undefined

/**
 * Settings for another fiber to begin with, which nobody joins. They are taken as they are: to fork them costs as much as
 * the rest of that fiber's start. But two are the first fiber's alone: that it was interrupted, and whose children its own
 * are to be.
 *
 * @since 0.1.0
 * @category conversions
 */
export const forAnother = (settings: FiberRefs.FiberRefs): FiberRefs.FiberRefs =>
  Cause.isEmpty(FiberRefs.getOrDefault(settings, FiberRef.interruptedCause)) && forkScopeOverride !== undefined &&
    Option.isNone(FiberRefs.getOrDefault(settings, forkScopeOverride))
    ? settings
    : FiberRefs.forkAs(settings, FiberId.unsafeMake())

// Effect's own, which it does not name in public; where it is not found, all is forked.
const forkScopeOverride = globalValue<FiberRef.FiberRef<Option.Option<unknown>> | undefined>(
  Symbol.for("effect/FiberRef/currentForkScopeOverride"),
  () => undefined
)
