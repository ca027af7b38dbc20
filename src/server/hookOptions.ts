/**
 * The options of a post hook, the same at both doors.
 *
 * @since 0.2.0
 */
import { checkOptions, type TableOf } from "./checkOptions.js"
import { yesOrNo } from "./optionKinds.js"

/**
 * How a post hook runs.
 *
 * @since 0.2.0
 * @category models
 */
export interface PostHookOptions {
  /** With `true` the connection goes on while the hook runs. The server's stop still waits for the hook. Default `false`. */
  readonly detached?: boolean | undefined
}

/**
 * Throws an `OptionError` for an option that is unknown or invalid. `path` is the name of the option that has these options.
 *
 * @since 0.2.0
 */
export const checkHookOptions = (options: unknown, path?: string): void =>
  checkOptions(options, table, path === undefined ? {} : { path })

/**
 * The options of a post hook.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: TableOf<PostHookOptions> = { detached: yesOrNo }
