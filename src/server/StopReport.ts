/**
 * What a stop is asked for, and what it did.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { noSuchOption } from "./OptionNames.js"

/**
 * What a stop did.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopReport {
  /** Connections that were open when the stop began, and those that were accepted since. */
  readonly connections: number
  /** Of these: closed because nothing was going on, at once or when they had been idle for `settle` milliseconds. */
  readonly idle: number
  /** Of these: ended by themselves within the grace time. */
  readonly finished: number
  /** Of these: interrupted when the grace time was over. */
  readonly interrupted: number
  /** Of these: did not end when told to, so their sockets were dropped under them. */
  readonly cut: number
  /**
   * Post hooks and finalizers that had not ended after `timeouts.hooks`: they were no longer waited for.
   *
   * @since 0.2.0
   */
  readonly left: number
  /** Milliseconds from the beginning of the stop to its end. */
  readonly duration: number
}

/**
 * Both default to the server's `timeouts`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopOptions {
  /** Milliseconds for running exchanges to end by themselves, after `settle`; `Infinity` waits for ever. */
  readonly grace?: number | undefined
  /**
   * Milliseconds that idle connections are kept, so that a request which is on its way when the stop begins is answered.
   * 0 closes them once what has arrived is read.
   *
   * @since 0.2.0
   */
  readonly settle?: number | undefined
}

/**
 * What a stop is asked for. Throws an `OptionError` for an option that is unknown or cannot be meant.
 *
 * @since 0.2.0
 * @category accessors
 */
export const stopOptions = (options: StopOptions = {}): StopOptions => {
  const given: unknown = options
  if (!Predicate.isRecord(given)) {
    throw new OptionError({
      option: "options",
      description: `must be an object, such as { grace: 5000 }; it is ${Inspectable.toStringUnknown(given)}`
    })
  }
  for (const [option, value] of Object.entries(given)) {
    const known = limits.get(option)
    if (known === undefined) {
      throw new OptionError({
        option,
        description: noSuchOption(option, [...limits.keys()])
      })
    }
    if (value === undefined || (typeof value === "number" && value >= 0 && value <= known.most)) continue
    throw new OptionError({
      option,
      description: `must be a number of milliseconds, ${known.meant}; it is ${Inspectable.toStringUnknown(value)}`
    })
  }
  return options
}

const limits: ReadonlyMap<string, { readonly most: number; readonly meant: string }> = new Map([
  ["grace", { most: Infinity, meant: "0 or more, or Infinity" }],
  ["settle", { most: Number.MAX_VALUE, meant: "0 or more" }]
])
