/**
 * Functions that should return nothing may be `async` all the same. A rejection of such a promise would end the process.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"

/**
 * Calls `failed` with what a promise is rejected with. Values that are no promises are ignored.
 *
 * @since 0.2.0
 */
export const catchRejection = (returned: unknown, failed: (error: unknown) => void): void => {
  if (Predicate.isPromiseLike(returned)) returned.then(undefined, failed)
}
