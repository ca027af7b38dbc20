/**
 * What the command says.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { CommandError } from "./CommandError.js"

/**
 * A line on standard output; `false` where its reader is gone, as `head` goes.
 *
 * @since 0.2.0
 * @category constructors
 */
export const print = (text: string): Effect.Effect<boolean, CommandError> =>
  Effect.try({
    try: () => {
      Fs.writeSync(1, `${text}\n`)
      return true
    },
    catch: (error) => error
  }).pipe(
    Effect.catchAll((error) =>
      error instanceof Error && "code" in error && error.code === "EPIPE"
        ? Effect.succeed(false)
        : Effect.fail(new CommandError({ code: 1, message: `cannot write to standard output: ${messageOf(error)}` }))
    )
  )

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
