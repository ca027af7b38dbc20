/**
 * Renders failures as text. An application may throw any value.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import { asEntry, inOneLine } from "./logText.js"
import { kindOf } from "./OptionNames.js"

/**
 * A failure with its stack, or as much of it as can be rendered. Never throws.
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
 * The stack or message of a failure that Effect cannot render, because it is its own cause or its properties throw.
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
      // even then the message may be readable
    }
  }
  return "the failure cannot be rendered"
}

/**
 * The name and message of a failure: `Error: it failed`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failureName = (error: unknown): string => {
  const cause = readable(Cause.isCause(error) ? error : Cause.die(error))
  try {
    const [{ message, name }] = Cause.prettyErrors(cause)
    return `${name}: ${message}`
  } catch {
    return plainText(cause).split("\n")[0]
  }
}

/**
 * A cause that says what it is of: `undefined`, a Response and objects without properties, which would be rendered as `{}`, are
 * replaced by text. Other causes are returned unchanged.
 *
 * @since 0.2.0
 * @category conversions
 */
export const readable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const values = [...Cause.failures(cause), ...Cause.defects(cause)]
  if (values.every((value) => describe(value) === undefined)) return cause
  const named = (value: unknown): unknown => describe(value) ?? value
  return Cause.match(cause, {
    onEmpty: Cause.empty,
    onFail: (error): Cause.Cause<unknown> => Cause.fail(named(error)),
    onDie: (defect) => Cause.die(named(defect)),
    onInterrupt: (id) => Cause.interrupt(id),
    onParallel: (left, right) => Cause.parallel(left, right),
    onSequential: (left, right) => Cause.sequential(left, right)
  })
}

const describe = (thrown: unknown): string | undefined => {
  if (thrown === undefined) return "undefined was thrown"
  if (thrown instanceof Response) return `a Response (${thrown.status}) was thrown: return it`
  if (typeof thrown !== "object" || thrown === null || thrown instanceof Error || Array.isArray(thrown)) {
    return undefined
  }
  try {
    return JSON.stringify(thrown) === "{}" ? `${kindOf(thrown)} was thrown, which has no message` : undefined
  } catch {
    return undefined
  }
}

/**
 * A cause that is safe to log. A cause with control characters or with lines that look like log entries, which may come from a
 * client, is replaced by an error with the same text, escaped and indented. Other causes are returned unchanged.
 *
 * @since 0.2.0
 * @category conversions
 */
export const loggable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  let text: string
  try {
    text = Cause.pretty(cause, { renderErrorCause: true })
    if (isSafe(text)) return cause
  } catch {
    text = plainText(cause)
  }
  return Cause.die(new SafeError(asEntry(text)))
}

// Whether the text has no unsafe character, and each line after the first is indented or ends a nested cause.
const isSafe = (text: string): boolean => {
  const lines = text.replaceAll("\n", "")
  return lines === inOneLine(lines) && !/\n(?! {2}|\}(?:\n|$))/.test(text)
}

// An error that loggers render as the given text: its name and message, and the rest of its stack.
class SafeError extends Error {
  constructor(readonly text: string) {
    const [, name = "Error", message] = /^(?:([^\n:]+): )?(.*)/.exec(text) ?? []
    super(message)
    this.name = name
    this.stack = text.startsWith(`${name}: `) ? text : `${name}: ${text}`
  }
}

/**
 * The text of a cause that {@link loggable} has returned.
 *
 * @since 0.2.0
 * @category conversions
 */
export const loggedText = (cause: Cause.Cause<unknown>): string => {
  const failure = Cause.squash(cause)
  return failure instanceof SafeError ? failure.text : Cause.pretty(cause, { renderErrorCause: true })
}
