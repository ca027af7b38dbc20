/**
 * Failures as text: an application may throw anything.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import { asEntry, inOneLine } from "./logText.js"

/**
 * A failure with its stack, or as much of it as can be read.
 *
 * @since 0.1.0
 * @category conversions
 */
export const failureText = (cause: Cause.Cause<unknown>): string => {
  try {
    return Cause.pretty(cause)
  } catch {
    return plainText(cause)
  }
}

/**
 * As much as can be read of a failure that is its own cause, or whose properties throw.
 *
 * @since 0.1.0
 * @category conversions
 */
export const plainText = (cause: Cause.Cause<unknown>): string => {
  const failure = Object(Cause.squash(cause)) as object
  for (const name of ["stack", "message"]) {
    try {
      const text: unknown = Reflect.get(failure, name)
      if (typeof text === "string" && text !== "") return text
    } catch {
      // the other one may be readable
    }
  }
  return "it cannot be shown"
}

/**
 * What failed, in short: `Error: it failed`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failureName = (error: unknown): string => {
  const cause = Cause.isCause(error) ? error : Cause.die(error)
  try {
    const [{ message, name }] = Cause.prettyErrors(cause)
    return `${name}: ${message}`
  } catch {
    return plainText(cause).split("\n")[0]
  }
}

/**
 * A cause that any logger can be given. Most stay as they are. One whose text is unsafe in a log, for instance because a client
 * chose a part of it, is replaced by an error with the same text, escaped and indented.
 *
 * @since 0.2.0
 * @category conversions
 */
export const loggable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  let text: string
  try {
    text = Cause.pretty(cause, { renderErrorCause: true })
    if (isFit(text)) return cause
  } catch {
    text = plainText(cause)
  }
  return Cause.die(new StandIn(asEntry(text)))
}

// Lines after the first are indented, or end a cause within a cause.
const isFit = (text: string): boolean => {
  const lines = text.replaceAll("\n", "")
  return lines === inOneLine(lines) && !/\n(?! {2}|\}(?:\n|$))/.test(text)
}

// Loggers render an error's name and message first, and then what follows them in its stack.
class StandIn extends Error {
  constructor(readonly text: string) {
    const [, name = "Error", message] = /^(?:([^\n:]+): )?(.*)/.exec(text) ?? []
    super(message)
    this.name = name
    this.stack = text.startsWith(`${name}: `) ? text : `${name}: ${text}`
  }
}

/**
 * The text of a cause that {@link loggable} gave.
 *
 * @since 0.2.0
 * @category conversions
 */
export const loggedText = (cause: Cause.Cause<unknown>): string => {
  const failure = Cause.squash(cause)
  return failure instanceof StandIn ? failure.text : Cause.pretty(cause, { renderErrorCause: true })
}
