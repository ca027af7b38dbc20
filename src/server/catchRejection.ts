/**
 * Handles the rejections of functions that should return nothing but are `async`. A rejection that is not handled ends the
 * process.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"

/**
 * Calls `failed` with the rejection of a promise. Ignores other values.
 *
 * @since 0.2.0
 */
export const catchRejection = (returned: unknown, failed: (error: unknown) => void): void => {
  if (Predicate.isPromiseLike(returned)) returned.then(undefined, failed)
}
