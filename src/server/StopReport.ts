/**
 * What a stop is asked for, and what it did.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { OptionError } from "./ServerError.js"

/**
 * What a stop did.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopReport {
  /** Connections that were open when the stop began. */
  readonly connections: number
  /** Of these: closed at once, because nothing was going on. */
  readonly idle: number
  /** Of these: ended by themselves within the grace time. */
  readonly finished: number
  /** Of these: interrupted when the grace time was over. */
  readonly interrupted: number
  /** Of these: did not end when told to, so their sockets were dropped under them. */
  readonly cut: number
  /** Milliseconds from the beginning of the stop to its end. */
  readonly duration: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StopOptions {
  /** Milliseconds for running exchanges to end by themselves; `Infinity` waits for ever. */
  readonly grace?: number | undefined
}

/**
 * The grace that is asked for. Throws an `OptionError` where it cannot be meant.
 *
 * @since 0.1.0
 * @category accessors
 */
export const graceOf = (options: StopOptions | undefined): number | undefined => {
  const given: unknown = options
  if (given !== undefined && !Predicate.isObject(given)) {
    throw new OptionError({
      option: "options",
      description: `must be an object, such as { grace: 5000 }; it is ${Inspectable.toStringUnknown(given)}`
    })
  }
  const grace: unknown = options?.grace
  if (grace === undefined) return undefined
  if (typeof grace !== "number" || !(grace >= 0)) {
    throw new OptionError({
      option: "grace",
      description: `must be a number of milliseconds, 0 or more, or Infinity; it is ${
        Inspectable.toStringUnknown(grace)
      }`
    })
  }
  return grace
}
