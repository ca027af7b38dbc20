/**
 * What the command says, as Effects.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import { CommandError } from "./CommandError.js"
import { complain, messageOf, tell } from "./streams.js"

/**
 * A line on standard output; `false` where its reader is gone, as `head` goes.
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
 * A text on standard error. Dropped where nobody reads it.
 *
 * @since 0.2.0
 * @category constructors
 */
export const printError = (text: string): Effect.Effect<void> => Effect.sync(() => complain(text))
