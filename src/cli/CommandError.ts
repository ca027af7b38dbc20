/**
 * @since 0.2.0
 */
import * as Data from "effect/Data"

/**
 * The command cannot do what it was asked: one line, and the exit code.
 *
 * @since 0.2.0
 * @category errors
 */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly code: number
  readonly message: string
  /** Lines that stand before the message. */
  readonly details?: string | undefined
}> {}
