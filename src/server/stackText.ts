/**
 * Stacks as a log has them. This file does not load Effect.
 *
 * @since 0.2.0
 */

const frame = /^\s+at /
// of this package as it is installed; a server in a user's own bundle cannot be told from the app
const own = /\/node_modules\/tsgi\/dist\//

/**
 * The text of a failure without the frames of this package that called the code in which it failed. Those of a failure in this
 * package stay.
 *
 * @since 0.2.0
 * @category conversions
 */
export const withoutCallers = (text: string): string => {
  let isCaller = false
  return text.split("\n").filter((line) => {
    if (!frame.test(line)) isCaller = false
    else if (!own.test(line)) isCaller = true
    else return !isCaller
    return true
  }).join("\n")
}
