/**
 * What is said of an exchange that has ended.
 *
 * @since 0.2.0
 */
import type { AbortReason, Facts, Outcome } from "./Outcome.js"
import { abortReasonOf } from "./ServerError.js"

/**
 * The failure of an application that has not failed: it may fail with `undefined`.
 *
 * @since 0.2.0
 * @category constants
 */
export const noFailure = Symbol("noFailure")

/**
 * What the application failed with counts before what interrupted it, and that before `unsent`: why the kernel has not taken the
 * last byte, `undefined` where it has.
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
    // that the connection is closed is all that a body knows
    return { _tag: "Aborted", ...facts, reason: reason === "ClientGone" ? interrupted ?? reason : reason }
  }
  return unsent === undefined
    ? { _tag: "Sent", ...facts }
    : { _tag: "Aborted", ...facts, reason: interrupted ?? unsent }
}
