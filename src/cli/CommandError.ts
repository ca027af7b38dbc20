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

const bootExitCodes: ReadonlyMap<string, number> = new Map([["load", 4], ["options", 2], ["listen", 5]])

/**
 * The exit code for a worker that did not get ready, by the reason that it had.
 *
 * @since 0.2.0
 * @category conversions
 */
export const bootExitCode = (reason: string): number => bootExitCodes.get(reason) ?? 3
