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
 * What was thrown, in its own words.
 *
 * @since 0.2.0
 * @category conversions
 */
export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
