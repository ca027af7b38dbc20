/**
 * The options of a stop, and its report.
 *
 * @since 0.1.0
 */
import { checkOptions, type TableOf } from "./checkOptions.js"
import { number } from "./optionKinds.js"

/**
 * What a stop did.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopReport {
  /** Connections that were open when the stop began, and those that were accepted since. */
  readonly connections: number
  /** Of these: closed because they were idle, at once or after `settle` milliseconds. */
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
 * How a server stops. `grace` and `settle` default to the server's `timeouts`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopOptions {
  /** Milliseconds for running exchanges to end by themselves, after `settle`; `Infinity` waits for ever. Default `timeouts.grace`, 3000. */
  readonly grace?: number | undefined
  /**
   * Milliseconds that idle connections are kept, so that a request which is on its way when the stop begins is answered.
   * 0 closes them once what has arrived is read. Finite. Default `timeouts.settle`, 0.
   *
   * @since 0.2.0
   */
  readonly settle?: number | undefined
  /**
   * Milliseconds, of those to settle, over which connections that ask are closed one after the other, so that their clients do
   * not come to a successor all at once. Default: 0, the next answer on each is its last.
   *
   * @since 0.2.0
   */
  readonly spread?: number | undefined
}

/**
 * Checks the options of a stop. Throws an `OptionError` for one that is unknown or invalid.
 *
 * @since 0.2.0
 * @category accessors
 */
export const stopOptions = (options: StopOptions = {}): StopOptions => {
  checkOptions(options, table, { noObject: "must be an object, such as { grace: 5000 }" })
  return options
}

/**
 * The options of a stop.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: TableOf<StopOptions> = {
  grace: number({ unit: "milliseconds", infinite: true }),
  settle: number({ unit: "milliseconds" }),
  spread: number({ unit: "milliseconds" })
}
