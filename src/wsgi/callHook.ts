/**
 * Calls post hooks in the form in which an application gives them.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { isClass } from "../server/guards.js"
import { checkHookOptions } from "../server/hookOptions.js"
import { kindOf } from "../server/OptionNames.js"
import type { Environ } from "./Environ.js"

/**
 * Calls a hook. Throws for an invalid entry, which is logged like the failure of a hook.
 *
 * @since 0.2.0
 */
export const callHook = (entry: unknown, env: Environ): unknown => {
  if (isFunction(entry)) return entry(env)
  const [hook, args, kwargs, options, ...more] = isList(entry) ? entry : []
  if (!isFunction(hook)) throw invalid(aHook, isList(entry) ? `a list of ${kindOf(hook)}` : kindOf(entry))
  if (args !== undefined && !isList(args)) throw invalid(itsArguments, kindOf(args))
  if (kwargs !== undefined && !Predicate.isRecord(kwargs)) throw invalid(itsKeywordArguments, kindOf(kwargs))
  if (options !== undefined) {
    if (!Predicate.isRecord(options)) throw invalid(itsOptions, kindOf(options))
    checkHookOptions(options, option)
  }
  if (more.length > 0) {
    throw invalid("a hook has four parts, [hook, args?, kwargs?, { detached }?]", String(4 + more.length))
  }
  if (kwargs !== undefined) return hook(env, ...args ?? [], kwargs)
  return args === undefined ? hook(env) : hook(env, ...args)
}

const isFunction = (given: unknown): given is (...args: ReadonlyArray<unknown>) => unknown =>
  typeof given === "function" && !isClass(given)
const isList = (given: unknown): given is ReadonlyArray<unknown> => Array.isArray(given)

/**
 * Whether the next request of the connection does not wait for this hook.
 *
 * @since 0.2.0
 */
export const isDetached = (entry: unknown): boolean =>
  Array.isArray(entry) && Predicate.isRecord(entry[3]) && entry[3].detached === true

const aHook = "a hook is a function of the environ, or [hook, args?, kwargs?, { detached }?]"

const itsArguments = "the arguments of a hook are an array, such as [\"arg1\", \"arg2\"]"
const itsKeywordArguments = "the keyword arguments of a hook are an object, such as { retries: 3 }"
const itsOptions = "the options of a hook are an object, such as { detached: true }"

const option = "eventlet.posthooks"

const invalid = (expected: string, given: string): OptionError =>
  new OptionError({ option, description: `${expected}, not ${given}` })

/**
 * The error for a value that has replaced the list of hooks and is not a list.
 *
 * @since 0.2.0
 */
export const noList = (given: unknown): OptionError =>
  new OptionError({
    option,
    description: `this is the list of hooks: add one by push; it was replaced by ${kindOf(given)}`
  })
