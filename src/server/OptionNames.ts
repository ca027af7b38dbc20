/**
 * Messages for unknown names and invalid values of options.
 *
 * @since 0.2.0
 */
import { isAnyEffect, isEffectOrLayer } from "../exchange/internal.js"
import { OptionError } from "../exchange/ServerError.js"
import { isClass } from "./guards.js"

/**
 * The message for an unknown option, with the nearest name and all known names. The names in `suggested` may have paths such as
 * `timeouts.idle`, so that an option in the wrong group is found. Other spellings, such as `max_size`, are found too.
 *
 * @since 0.2.0
 */
export const noSuchOption = (
  given: string,
  known: ReadonlyArray<string>,
  what = "there is no such option",
  suggested: ReadonlyArray<string> = known
): string => {
  const found = nearest(given, suggested)
  const hint = found === undefined ? "known" : `did you mean ${found}? Known`
  return `${what}; ${hint} options are ${known.join(", ")}`
}

/**
 * The known name that is nearest to an unknown one, or `undefined` if none is near.
 *
 * @since 0.2.0
 */
export const nearest = (given: string, known: ReadonlyArray<string>): string | undefined => closest(given, known, plain)

/**
 * The known text that is nearest to a given one when both are simplified, or `undefined` if none is near.
 *
 * @since 0.2.0
 */
export const closest = (
  given: string,
  known: ReadonlyArray<string>,
  plain: (text: string) => string
): string | undefined => {
  const wanted = plain(given)
  let found: string | undefined
  let least = Infinity
  for (const name of known) {
    const other = plain(name)
    const distance = distanceOf(wanted, other)
    if (distance >= least || distance > mostEdits(Math.max(wanted.length, other.length))) continue
    least = distance
    found = name
  }
  return found
}

// a name in lower case, without underscores, hyphens and path
const plain = (name: string): string => name.slice(name.lastIndexOf(".") + 1).replace(/[_-]/g, "").toLowerCase()

// with more edits, one name would be taken for another: logger for linger
const mostEdits = (length: number): number => length < 8 ? 1 : 2

// The least number of edits between two texts: a character added, removed or replaced, or two neighbours swapped (optimal string
// alignment distance).
const distanceOf = (from: string, to: string): number => {
  let before: ReadonlyArray<number> = []
  let last = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1]
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (swapped) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
    before = last
    last = row
  }
  return last[to.length]
}

/**
 * The error for an invalid value, of an option or an argument. `expected` goes on from "must be", and `remedy` says what to do.
 *
 * @since 0.2.0
 * @category constructors
 */
export const invalidOption = (name: string, expected: string, given: unknown, remedy?: string): OptionError =>
  new OptionError({
    option: name,
    description: `must be ${expected}; it is ${shown(given)}${remedy === undefined ? "" : `: ${remedy}`}`
  })

/**
 * A value for a message: text in quotes, so that "1" differs from 1; plain objects and arrays as JSON, if that has all of them;
 * all other objects, functions, and what is longer than 200 characters by their kind. Never throws.
 *
 * @since 0.2.0
 */
export const shown = (given: unknown): string => {
  if (typeof given === "bigint") return `${given}n`
  if (typeof given === "function") return kindOf(given)
  if (typeof given !== "string" && (typeof given !== "object" || given === null)) return String(given)
  return shortJson(given) ?? (typeof given === "string" ? `text of ${given.length} characters` : kindOf(given))
}

/** The most characters of a value in a message. */
const mostShown = 200
/** The most levels of a value in a message. An object that is in itself has more. */
const mostLevels = 5

const shortJson = (given: unknown): string | undefined => {
  try {
    if (!isJson(given, mostLevels)) return undefined
    const text = JSON.stringify(given)
    return text.length <= mostShown ? text : undefined
  } catch {
    // a getter or a Proxy has thrown
    return undefined
  }
}

// Whether JSON has all of the value. It may leave out an option that is absent.
const isJson = (given: unknown, levels: number): boolean => {
  if (given === null || typeof given === "string" || typeof given === "boolean") return true
  if (typeof given === "number") return Number.isFinite(given)
  if (typeof given !== "object" || levels === 0) return false
  if (Array.isArray(given)) return given.every((each) => isJson(each, levels - 1))
  const made: unknown = given.constructor
  return (made === Object || made === undefined) && !("toJSON" in given) &&
    Object.values(given).every((each) => each === undefined || isJson(each, levels - 1))
}

/**
 * A short description of a value, for messages: its type, or the value itself if it is short. Never throws.
 *
 * @since 0.2.0
 */
export const kindOf = (given: unknown): string => {
  try {
    return kind(given)
  } catch {
    // a getter or a Proxy has thrown
    return "an object"
  }
}

const kind = (given: unknown): string => {
  if (given === null) return "null"
  if (Array.isArray(given)) return "an array"
  switch (typeof given) {
    case "string":
      return given.length <= 40 ? `the text ${JSON.stringify(given)}` : "text"
    case "number":
      return `the number ${given}`
    case "boolean":
      return String(given)
    case "undefined":
      return "undefined"
    case "function":
      return isClass(given) ? "a class" : "a function"
    case "object":
      return nameOf(given)
    default:
      return `a ${typeof given}`
  }
}

// classes whose names users do not know
const ownNames = new Map([
  ["EnvironRecord", "an environ"],
  ["ListenerValue", "a listener"],
  ["TlsListenerValue", "a listener"]
])

const nameOf = (given: object): string => {
  if (isAnyEffect(given)) return "an Effect"
  if (isEffectOrLayer(given)) return "a Layer"
  const tag: unknown = Reflect.get(given, Symbol.toStringTag)
  if (tag === "Generator") return "a generator"
  if (tag === "AsyncGenerator") return "an async generator"
  const made: unknown = given.constructor
  const name = typeof made === "function" ? made.name : ""
  const own = ownNames.get(name)
  if (own !== undefined) return own
  return name === "" || name === "Object" ? "an object" : `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`
}
