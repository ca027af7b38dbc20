/**
 * The outcome of an exchange.
 *
 * @since 0.2.0
 */
import type { AbortReason, Facts, Outcome } from "./Outcome.js"
import { abortReasonOf } from "./ServerError.js"

/**
 * Stands for no failure, because an application can fail with `undefined`.
 *
 * @since 0.2.0
 * @category constants
 */
export const noFailure = Symbol("noFailure")

/**
 * The failure of the application takes precedence over its interruption, and that over `unsent`: the reason why the kernel has
 * not taken the last byte, or `undefined` if it has.
 *
 * @since 0.2.0
 * @category constructors
 */
export const outcomeOf = (
  facts: Facts,
  failure: unknown,
  interrupted: AbortReason | undefined,
  unsent: AbortReason | undefined
): Outcome => {
  if (failure !== noFailure) {
    const reason = abortReasonOf(failure)
    if (reason === undefined) return { _tag: "Failed", ...facts, error: failure }
    // a body error only says that the connection has closed, and not why
    return { _tag: "Aborted", ...facts, reason: reason === "ClientGone" ? interrupted ?? reason : reason }
  }
  return unsent === undefined
    ? { _tag: "Sent", ...facts }
    : { _tag: "Aborted", ...facts, reason: interrupted ?? unsent }
}
