/**
 * @since 0.2.0
 */
import * as Data from "effect/Data"

/**
 * Why the command ends otherwise than as it was asked: one line, and the exit code.
 *
 * @since 0.2.0
 * @category errors
 */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly code: number
  readonly message: string
  readonly details?: string | undefined
}> {}
