/**
 * The outcome of an exchange.
 *
 * @since 0.2.0
 */
import type { Aborted, AbortReason, Facts, Failed, Outcome, Sent } from "./Outcome.js"
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
    if (reason === undefined) return new FailedOutcome(facts, failure)
    // a body error only says that the connection has closed, and not why
    return new AbortedOutcome(facts, reason === "ClientGone" ? interrupted ?? reason : reason)
  }
  return unsent === undefined ? new SentOutcome(facts) : new AbortedOutcome(facts, interrupted ?? unsent)
}

// Outcomes are instances and not literals, as all objects that are made for every request are: see test/bench/README.md.
abstract class KnownOutcome<Tag extends Outcome["_tag"]> implements Facts {
  readonly status: number | undefined
  readonly bodyBytes: number
  readonly wireBytes: number
  readonly interimResponses: number
  readonly startTime: number
  readonly firstByteTime: number | undefined
  readonly endTime: number

  constructor(readonly _tag: Tag, facts: Facts) {
    this.status = facts.status
    this.bodyBytes = facts.bodyBytes
    this.wireBytes = facts.wireBytes
    this.interimResponses = facts.interimResponses
    this.startTime = facts.startTime
    this.firstByteTime = facts.firstByteTime
    this.endTime = facts.endTime
  }
}

class SentOutcome extends KnownOutcome<"Sent"> implements Sent {
  constructor(facts: Facts) {
    super("Sent", facts)
  }
}

class AbortedOutcome extends KnownOutcome<"Aborted"> implements Aborted {
  constructor(facts: Facts, readonly reason: AbortReason) {
    super("Aborted", facts)
  }
}

class FailedOutcome extends KnownOutcome<"Failed"> implements Failed {
  constructor(facts: Facts, readonly error: unknown) {
    super("Failed", facts)
  }
}
