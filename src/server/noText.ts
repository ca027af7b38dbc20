/**
 * The message for a format that returns no text.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { kindOf } from "./OptionNames.js"

/**
 * The message. `format` is the name of the format.
 *
 * @since 0.2.0
 */
export const noText = (format: string, returned: unknown): string =>
  `${format} must return text, not ${kindOf(returned)}${
    Predicate.isPromiseLike(returned) ? ": it must not be async" : ""
  }`
