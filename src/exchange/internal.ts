/**
 * All private parts of Effect that are read where Effect may not be loaded. Any version of Effect may drop them. Each has a
 * fallback for that case, and a test that fails then (test/exchange/Internals.test.ts).
 *
 * @since 0.2.0
 */

const effect = Symbol.for("effect/Effect")
const layer = Symbol.for("effect/Layer")

const has = (value: unknown, id: PropertyKey): boolean =>
  ((typeof value === "object" && value !== null) || typeof value === "function") && id in value

/**
 * `effect/Effect`, and in version 4 `~effect/Effect`: whether this is an Effect. If they are gone, an Effect that the plain door
 * is given by mistake is called an object in messages.
 *
 * @since 0.2.0
 * @category guards
 */
export const isAnyEffect = (given: unknown): boolean => has(given, effect) || has(given, "~effect/Effect")

/**
 * `effect/Effect` and `effect/Layer`: whether this is an Effect or a Layer. If they are gone, the command needs `--interface
 * effect`, and a Layer is called an object in messages.
 *
 * @since 0.2.0
 * @category guards
 */
export const isEffectOrLayer = (given: unknown): boolean => has(given, effect) || has(given, layer)
