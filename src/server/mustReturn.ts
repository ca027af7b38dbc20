/**
 * The error for a method that has returned something else than its caller can use.
 *
 * @since 0.2.0
 */
import { catchRejection } from "./catchRejection.js"
import { kindOf } from "./OptionNames.js"

/**
 * The error, with the remedy. If a promise was returned, its rejection is ignored.
 *
 * @since 0.2.0
 * @category constructors
 */
export const mustReturn = (method: string, expected: string, returned: unknown, remedy: string): TypeError => {
  catchRejection(returned, () => undefined)
  return new TypeError(`${method} must return ${expected}, not ${kindOf(returned)}: ${remedy}`)
}
