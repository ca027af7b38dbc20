/**
 * What the command says.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"

/**
 * A line on standard output.
 *
 * @since 0.2.0
 * @category constructors
 */
export const print = (text: string): Effect.Effect<void> => Effect.sync(() => Fs.writeSync(1, `${text}\n`))

/**
 * A text on standard error. Dropped where nobody reads it.
 *
 * @since 0.2.0
 * @category constructors
 */
export const printError = (text: string): Effect.Effect<void> =>
  Effect.ignore(Effect.try(() => Fs.writeSync(2, `${text}\n`)))

/**
 * What was thrown, in its own words.
 *
 * @since 0.2.0
 * @category conversions
 */
export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
