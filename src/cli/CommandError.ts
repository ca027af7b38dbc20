/**
 * @since 0.2.0
 */
import * as Data from "effect/Data"

/**
 * The command cannot do what it was told to do. It has one line for the user, and the exit code.
 *
 * @since 0.2.0
 * @category errors
 */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly code: number
  readonly message: string
  /** Lines before the message. */
  readonly details?: string | undefined
}> {}
