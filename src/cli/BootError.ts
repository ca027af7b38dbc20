/**
 * The reason why a worker did not become ready, as an error, as a line, and as the exit code of the command.
 *
 * @since 0.2.0
 */
import * as Data from "effect/Data"
import { CommandError } from "./CommandError.js"
import type { Phase } from "./messages.js"

/**
 * The error for a worker that did not become ready.
 *
 * @since 0.2.0
 * @category errors
 */
export class BootError extends Data.TaggedError("BootError")<{
  readonly reason: Phase | "timeout" | "exit" | "spawn" | "protocol"
  readonly message: string
  /** The exit code of a process that ended before it was ready; `null` if a signal ended it. */
  readonly exitCode?: number | null
  /** The error with its stack. */
  readonly details?: string | undefined
}> {}

/**
 * The message for a worker that did not become ready.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failureLine = (slot: number, { exitCode, message, reason }: BootError): string =>
  reason === "exit"
    ? `worker ${slot} ${message} before it was ready${exitHint(exitCode)}`
    : reason === "listen"
    ? `worker ${slot} ${message}`
    : `worker ${slot} failed to ${reason === "load" ? "load" : "start"}${withoutVerb(message)}`

// "cannot load app.ts: SyntaxError" says what the worker failed to do.
const withoutVerb = (message: string): string => {
  const [, rest] = /^cannot (?:load|start)( \S.*)$/s.exec(message) ?? []
  return rest === undefined || rest.startsWith(" a process") ? `: ${message}` : rest
}

const exitHint = (code: BootError["exitCode"]): string =>
  code === 9
    ? ": node refuses an argument, see --node-arg and NODE_OPTIONS"
    : code === 0
    ? ": its app ended the process, which is the command's part"
    : typeof code === "number"
    ? ": its app ended the process, or failed as is said above"
    : ""

/**
 * The error with which the command ends if a worker does not become ready at the first start.
 *
 * @since 0.2.0
 * @category conversions
 */
export const asCommandError = (slot: number, error: BootError): CommandError =>
  new CommandError({
    code: exitCodes.get(error.reason) ?? 3,
    message: failureLine(slot, error),
    details: error.details
  })

const exitCodes: ReadonlyMap<BootError["reason"], number> = new Map([["load", 4], ["options", 2], ["listen", 5]])
