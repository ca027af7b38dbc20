/**
 * Functions that return what they should do, and do not do it. Without an error, nothing would happen.
 *
 * @since 0.2.0
 */
import { isAnyEffect } from "../exchange/internal.js"
import { isGenerator } from "./guards.js"
import { kindOf } from "./OptionNames.js"

/**
 * The error for a function that was called for what it does, and has returned an Effect or the generator of a `function*`;
 * `undefined` if it has returned anything else.
 *
 * @since 0.2.0
 */
export const notRun = (returned: unknown, what: string, remedy: string): TypeError | undefined =>
  typeof returned === "object" && (isGenerator(returned) || isAnyEffect(returned))
    ? new TypeError(`${what} returned ${kindOf(returned)}, which is not run: ${remedy}`)
    : undefined
