/**
 * Whether a context was given a service. `Context.getOption` cannot tell for a reference, which has a default.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"

/** @since 0.2.0 */
export const isGiven = (context: Context.Context<never>, tag: { readonly key: string }): boolean =>
  context.unsafeMap.has(tag.key)
