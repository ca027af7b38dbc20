/**
 * Recognizes values that a caller may give by mistake, for messages.
 *
 * @since 0.2.0
 */

/**
 * Whether this is a class, which can only be called with `new`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isClass = (given: unknown): boolean =>
  typeof given === "function" && /^class\b/.test(Function.prototype.toString.call(given))

/**
 * Whether this is the generator that a `function*` returns. Its body has not run.
 *
 * @since 0.2.0
 * @category guards
 */
export const isGenerator = (given: unknown): boolean =>
  isObject(given) && /^(?:Async)?Generator$/.test(String(Reflect.get(given, Symbol.toStringTag)))

const isObject = (given: unknown): given is object => typeof given === "object" && given !== null
