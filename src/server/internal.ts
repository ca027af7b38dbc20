/**
 * All private parts of Effect that the engine uses. Any version of Effect may drop them. Each has a fallback for that case, and a
 * test that fails then (test/server/Internals.test.ts).
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

/** An effect of one synchronous function. */
export interface Step {
  readonly effect_instruction_i0: () => unknown
}

const instructionOf = (effect: object): unknown => "_op" in effect ? effect._op : undefined

/**
 * `_op` and `effect_instruction_i0`: whether an effect is a single synchronous step (`Effect.sync`, most operations of a `Ref`).
 * If they are gone, a fiber runs the effect.
 */
export const isStep = (effect: object): effect is Step =>
  instructionOf(effect) === "Sync" &&
  "effect_instruction_i0" in effect && typeof effect.effect_instruction_i0 === "function"

/** Runs a single step. */
export const runStep = (step: Step): unknown => step.effect_instruction_i0()

/**
 * `_op`: whether an effect is an `Exit`. `Exit.isExit` alone accepts any effect with the tag of an Exit, for instance an error of
 * that name. If it is gone, a fiber runs the effect.
 */
export const isOver = (effect: Effect.Effect<unknown, unknown, unknown>): effect is Exit.Exit<unknown, unknown> =>
  Exit.isExit(effect) && instructionOf(effect) === effect._tag

/**
 * `state` of a Scope, which `Effect.forkIn` reads and writes. If it is gone, `forkIn` does not need it.
 */
export const stateOf = (scope: Scope.Scope): unknown => Reflect.get(scope, "state")

/** The global value that a library has made under this name; `undefined` if there is none. It makes none. */
export const globalOf = <A>(name: unknown): A | undefined => {
  try {
    return globalValue<A>(name, () => {
      throw new Error("not there")
    })
  } catch {
    return undefined
  }
}

/**
 * `effect/FiberRef/currentForkScopeOverride`: the fiber ref of the scope that a fiber's children belong to. If it is gone, none
 * is set.
 */
export const forkScopeOverride = globalOf<FiberRef.FiberRef<Option.Option<unknown>>>(
  Symbol.for("effect/FiberRef/currentForkScopeOverride")
)

/**
 * The prototype of Effect's live clock: whether a clock is that one. If others have it too, or the live clock has another, a
 * clock counts as not live, and gives whole milliseconds.
 */
export const isLiveClock = (clock: Clock.Clock): boolean =>
  Object.getPrototypeOf(clock) === Object.getPrototypeOf(Clock.make())
