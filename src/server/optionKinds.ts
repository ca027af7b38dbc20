/**
 * Kinds of options: the accepted values of each, and their description for messages.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type { Option, OptionTable } from "./checkOptions.js"

/**
 * The range of a number. `least` is inclusive and `above` exclusive; without both, the number is 0 or more.
 *
 * @since 0.2.0
 * @category models
 */
export interface NumberRange {
  readonly least?: number
  readonly above?: number
  readonly most?: number
  /** The unit, for messages: `bytes`, `milliseconds`. */
  readonly unit?: string
  readonly whole?: boolean
  /** With `true`, `Infinity` is accepted too. */
  readonly infinite?: boolean
}

/**
 * A number in a range.
 *
 * @since 0.2.0
 * @category constructors
 */
export const number = (options: NumberRange): Option => {
  const { above, infinite = false, most, unit, whole = false } = options
  const least = options.least ?? (above === undefined ? 0 : -Infinity)
  const range = above !== undefined
    ? ` above ${above}${most === undefined ? "" : `, at most ${most}`}`
    : most !== undefined
    ? ` from ${least} to ${most}`
    : `, ${least} or more`
  const expected = `a ${whole ? "whole " : ""}number${unit === undefined ? "" : ` of ${unit}`}${range}${
    infinite ? ", or Infinity" : ""
  }`
  return {
    expected,
    explain: (given) => given === Infinity ? `must be ${expected}, and finite; it is Infinity` : undefined,
    accepts: (given) => {
      if (typeof given !== "number") return false
      if (given === Infinity) return infinite
      return given >= least && given > (above ?? -Infinity) && given <= (most ?? Infinity) &&
        (!whole || Number.isInteger(given))
    }
  }
}

/**
 * A boolean.
 *
 * @since 0.2.0
 * @category constructors
 */
export const yesOrNo: Option = { expected: "true or false", accepts: (given) => typeof given === "boolean" }

/**
 * A text that is not empty.
 *
 * @since 0.2.0
 * @category constructors
 */
export const text: Option = { expected: "text", accepts: (given) => typeof given === "string" && given !== "" }

/**
 * Any value.
 *
 * @since 0.2.0
 * @category constructors
 */
export const anything: Option = { expected: "anything", accepts: () => true }

/**
 * One of these values.
 *
 * @since 0.2.0
 * @category constructors
 */
export const oneOf = (...values: ReadonlyArray<unknown>): Option => ({
  expected: either(values.map((value) => JSON.stringify(value))),
  accepts: (given) => values.includes(given)
})

/**
 * An object whose keys are not options.
 *
 * @since 0.2.0
 * @category constructors
 */
export const record: Option = { expected: "an object", accepts: Predicate.isRecord }

/**
 * An array whose entries pass a check.
 *
 * @since 0.2.0
 * @category constructors
 */
export const listOf = (what: string, each: (given: unknown) => boolean = () => true): Option => ({
  expected: `a list of ${what}`,
  accepts: (given) => Array.isArray(given) && given.every(each)
})

/**
 * A name that is not an option here. `why` is the message, which says where it is an option or what the right name is.
 *
 * @since 0.2.0
 * @category constructors
 */
export const misplaced = (why: string): Option => ({ ...anything, misplaced: why })

/**
 * An object with options of its own.
 *
 * @since 0.2.0
 * @category constructors
 */
export const group = (table: OptionTable): Option => ({ ...record, group: table })

const either = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`
