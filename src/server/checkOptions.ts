/**
 * Checks options against a table. Both doors, listeners, TLS, stops, post hooks and the test kit check their options here.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { invalidOption, kindOf, noSuchOption, shown } from "./OptionNames.js"

/**
 * An option.
 *
 * @since 0.2.0
 * @category models
 */
export interface Option {
  /** The accepted values, for the message of an invalid one: `must be …`. */
  readonly expected: string
  readonly accepts: (given: unknown) => boolean
  /** Another message for an invalid value. */
  readonly explain?: (given: unknown) => string | undefined
  /** The options within this one, whose value is an object. */
  readonly group?: OptionTable
  /** The message for a name that is not an option here. Messages do not list such names. */
  readonly misplaced?: string
}

/**
 * Options by name, in the order in which messages list them.
 *
 * @since 0.2.0
 * @category models
 */
export type OptionTable = Readonly<Record<string, Option>>

/**
 * A table with each option of `A`.
 *
 * @since 0.2.0
 * @category models
 */
export type TableOf<A> = { readonly [K in keyof A]-?: Option }

/**
 * A table with each option of `A` and its default.
 *
 * @since 0.2.0
 * @category models
 */
export type DefaultsOf<A> = { readonly [K in keyof A]-?: Option & { readonly defaultValue: A[K] } }

/**
 * The parts of messages that depend on the place of the options.
 *
 * @since 0.2.0
 * @category models
 */
export interface CheckMessages {
  /** The name of the option that has these options, named `path.name` in messages; absent if they are an argument. */
  readonly path?: string
  /** The name of the argument. Default: options. */
  readonly argument?: string
  /** The message for an unknown name. Default: there is no such option. */
  readonly unknown?: string
  /** The message for a value that is not an object. Default: must be an object. */
  readonly notAnObject?: string
  /** Options whose values the caller checks. */
  readonly unchecked?: ReadonlyArray<string>
}

/**
 * Throws an `OptionError` for the first option that is unknown or invalid. `undefined` counts as absent.
 *
 * @since 0.2.0
 */
export const checkOptions = (given: unknown, table: OptionTable, messages: CheckMessages = {}): void =>
  checkTable(given, table, messages, () => pathsOf(table))

const checkTable = (
  given: unknown,
  table: OptionTable,
  { argument = "options", notAnObject = "must be an object", path, unchecked = [], unknown }: CheckMessages,
  paths: () => ReadonlyArray<string>
): void => {
  if (!Predicate.isRecord(given)) {
    throw new OptionError({ option: path ?? argument, description: `${notAnObject}; it is ${shown(given)}` })
  }
  if (Predicate.isPromiseLike(given)) {
    throw new OptionError({ option: path ?? argument, description: `${notAnObject}; it is ${kindOf(given)}: await it` })
  }
  const at = path === undefined ? "" : `${path}.`
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(table, name)) continue
    const known = namesOf(table)
    const suggested = at === "" ? paths() : [...known.map((other) => at + other), ...paths()]
    throw new OptionError({ option: at + name, description: noSuchOption(name, known, unknown, suggested) })
  }
  for (const name of Object.keys(table)) {
    const value = given[name]
    if (value === undefined || unchecked.includes(name)) continue
    checkOption(at + name, value, table[name])
    const within = table[name].group
    if (within !== undefined) checkTable(value, within, { path: at + name }, paths)
  }
}

/**
 * Throws an `OptionError` for a value that the option does not accept.
 *
 * @since 0.2.0
 */
export const checkOption = (name: string, given: unknown, { accepts, expected, explain, misplaced }: Option): void => {
  if (misplaced === undefined && accepts(given)) return
  const why = misplaced ?? explain?.(given)
  throw why === undefined ? invalidOption(name, expected, given) : new OptionError({ option: name, description: why })
}

/**
 * Throws an `OptionError` if a function was given more arguments than it takes.
 *
 * @since 0.2.0
 */
export const refuseMore = (more: ReadonlyArray<unknown>, name: string, description: string): void => {
  if (more.length > 0) throw new OptionError({ option: name, description })
}

/**
 * The names that messages list.
 *
 * @since 0.2.0
 * @category accessors
 */
export const namesOf = (table: OptionTable): ReadonlyArray<string> =>
  Object.keys(table).filter((name) => table[name].misplaced === undefined)

// top-level names, then those within groups: `limits.body`, `timeouts.idle`
const pathsOf = (table: OptionTable): ReadonlyArray<string> => [
  ...namesOf(table),
  ...namesOf(table).flatMap((name) => {
    const within = table[name].group
    return within === undefined ? [] : namesOf(within).map((other) => `${name}.${other}`)
  })
]

/**
 * The given options that are in a table.
 *
 * @since 0.2.0
 * @category accessors
 */
export const pick = <A extends object, K extends keyof A>(
  options: A,
  table: Readonly<Record<K, Option>>
): Partial<Pick<A, K>> => {
  const picked: Partial<Pick<A, K>> = {}
  for (const name in table) picked[name] = options[name]
  return picked
}

/**
 * All options of a table: the given values, and the defaults of the others.
 *
 * @since 0.2.0
 * @category constructors
 */
export const complete = <A extends object>(
  table: DefaultsOf<A>,
  given: { readonly [K in keyof A]?: A[K] | undefined } = {}
): A => {
  const whole: Partial<A> = {}
  for (const name in table) whole[name] = given[name] ?? table[name].defaultValue
  // the table has each name of `A` by its type
  return whole as A
}
