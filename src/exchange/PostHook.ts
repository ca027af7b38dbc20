/**
 * Work for after an exchange, and the fiber refs for it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as FiberRefs from "effect/FiberRefs"
import type { Outcome } from "./Outcome.js"

/**
 * Work for after an exchange. It may be done when it returns, or return an Effect or a promise of it.
 *
 * @since 0.1.0
 * @category models
 */
export type PostHook<R = never> = (
  outcome: Outcome
) => void | Effect.Effect<unknown, unknown, R> | PromiseLike<unknown>

/**
 * The fiber refs of the fiber that added a hook, its services among them; `undefined` for the server's.
 *
 * @since 0.1.0
 * @category models
 */
export type HookFiberRefs = FiberRefs.FiberRefs | undefined
