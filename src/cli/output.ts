/**
 * Standard output and standard error, as Effects.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import { CommandError } from "./CommandError.js"
import { complain, messageOf, tell } from "./streams.js"

/**
 * Writes a line to standard output. Returns `false` if its reader has ended, as `head` does.
 *
 * @since 0.2.0
 * @category constructors
 */
export const print = (text: string): Effect.Effect<boolean, CommandError> =>
  Effect.try({
    try: () => tell(text),
    catch: (error) => new CommandError({ code: 1, message: messageOf(error) })
  })

/**
 * Writes text to standard error, and drops it if it cannot be written.
 *
 * @since 0.2.0
 * @category constructors
 */
export const printError = (text: string): Effect.Effect<void> => Effect.sync(() => complain(text))
