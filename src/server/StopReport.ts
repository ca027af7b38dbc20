/**
 * The options of a stop, and its report.
 *
 * @since 0.1.0
 */
import { checkOptions, type TableOf } from "./checkOptions.js"
import { number } from "./optionKinds.js"

/**
 * The report of a stop.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopReport {
  /** Connections that were open when the stop began, or were accepted since. */
  readonly connections: number
  /** Of these, the ones that were closed while idle, after `settle` milliseconds. */
  readonly idle: number
  /** Of these, the ones that ended by themselves before the end of the grace time. */
  readonly finished: number
  /** Of these, the ones that were interrupted at the end of the grace time. */
  readonly interrupted: number
  /** Of the interrupted connections, the ones that did not end after that, so that their sockets were destroyed. */
  readonly cut: number
  /**
   * Post hooks and finalizers that had not ended after `timeouts.hooks`. The stop went on without them.
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
  /** Milliseconds after `settle` for running exchanges to end; `Infinity` waits for ever. Default `timeouts.grace`, 3000. */
  readonly grace?: number | undefined
  /**
   * Milliseconds for which idle connections are kept, so that requests which are in transit when the stop begins are answered.
   * With 0, only requests that have arrived are answered. It must be finite. Default `timeouts.settle`, 0.
   *
   * @since 0.2.0
   */
  readonly settle?: number | undefined
  /**
   * Milliseconds, within `settle`, over which answered connections are closed one after the other, so that their clients do
   * not all connect to a successor at once. Default 0: the next answer on each connection is its last.
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
  checkOptions(options, table, { notAnObject: "must be an object, such as { grace: 5000 }" })
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
