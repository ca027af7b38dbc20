/**
 * Failures as text, whatever they are: an application may throw anything.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type { RequestHead } from "../protocol/requestHead.js"

/**
 * A failure with its stack, or what can be had of it.
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
 * What can be had of a failure that is its own cause, or whose properties throw.
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
      // there may be something else
    }
  }
  return "it cannot be shown"
}

/**
 * A request's method and path, for a line about it: what is behind the path may be secret, and all of it long.
 *
 * @since 0.2.0
 * @category conversions
 */
export const requestName = ({ method, target }: RequestHead): string =>
  `${shortened(method)} ${shortened(/^[^?#]*/.exec(target)?.[0] ?? "")}`

const shortened = (text: string): string => text.length <= longest ? text : `${text.slice(0, longest)}…`
const longest = 256
