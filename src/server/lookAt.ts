/**
 * What is returned by functions that should return nothing, an `async` one for instance: a rejection that nobody looks at
 * would end the process.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"

/**
 * Is told what a promise fails with, where `returned` is one.
 *
 * @since 0.2.0
 */
export const lookAt = (returned: unknown, failed: (error: unknown) => void): void => {
  if (Predicate.isPromiseLike(returned)) returned.then(undefined, failed)
}
