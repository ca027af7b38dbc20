/**
 * Kinds of options: the values that each accepts, and its words for messages.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type { Option, OptionTable } from "./checkOptions.js"

/**
 * Bounds of a number. `above` and `most` have no default; `least` is 0 where `above` is absent.
 *
 * @since 0.2.0
 * @category models
 */
export interface NumberRange {
  readonly least?: number
  readonly above?: number
  readonly most?: number
  /** What is counted: `bytes`, `milliseconds`. */
  readonly unit?: string
  readonly whole?: boolean
  /** Whether `Infinity`, which is no bound, is accepted. */
  readonly infinite?: boolean
}

/**
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
  return {
    meant: `a ${whole ? "whole " : ""}number${unit === undefined ? "" : ` of ${unit}`}${range}${
      infinite ? ", or Infinity" : ""
    }`,
    accepts: (given) => {
      if (typeof given !== "number") return false
      if (given === Infinity) return infinite
      return given >= least && given > (above ?? -Infinity) && given <= (most ?? Infinity) &&
        (!whole || Number.isInteger(given))
    }
  }
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const yesOrNo: Option = { meant: "true or false", accepts: (given) => typeof given === "boolean" }

/**
 * @since 0.2.0
 * @category constructors
 */
export const text: Option = { meant: "text", accepts: (given) => typeof given === "string" && given !== "" }

/**
 * @since 0.2.0
 * @category constructors
 */
export const anything: Option = { meant: "anything", accepts: () => true }

/**
 * @since 0.2.0
 * @category constructors
 */
export const oneOf = (...values: ReadonlyArray<unknown>): Option => ({
  meant: either(values.map((value) => JSON.stringify(value))),
  accepts: (given) => values.includes(given)
})

/**
 * An object whose keys are not options.
 *
 * @since 0.2.0
 * @category constructors
 */
export const record: Option = { meant: "an object", accepts: Predicate.isRecord }

/**
 * @since 0.2.0
 * @category constructors
 */
export const listOf = (what: string, each: (given: unknown) => boolean = () => true): Option => ({
  meant: `a list of ${what}`,
  accepts: (given) => Array.isArray(given) && given.every(each)
})

/**
 * A name that is no option here; `why` says where it is one, or what it is called.
 *
 * @since 0.2.0
 * @category constructors
 */
export const misplaced = (why: string): Option => ({ ...anything, misplaced: why })

/**
 * Options within an option.
 *
 * @since 0.2.0
 * @category constructors
 */
export const group = (table: OptionTable): Option => ({ ...record, group: table })

const either = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`
