/**
 * All that the engine reads of Effect's private parts. Effect does not promise them: each has a fallback for when it is gone, and
 * a test that fails then (test/server/Internals.test.ts).
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

/** An effect that is one synchronous function. */
export interface Step {
  readonly effect_instruction_i0: () => unknown
}

const instructionOf = (effect: object): unknown => "_op" in effect ? effect._op : undefined

/**
 * `_op` and `effect_instruction_i0`: whether an effect is a single synchronous step (`Effect.sync`, most operations of a `Ref`).
 * Without them none is, and a fiber runs it.
 */
export const isStep = (effect: object): effect is Step =>
  instructionOf(effect) === "Sync" &&
  "effect_instruction_i0" in effect && typeof effect.effect_instruction_i0 === "function"

/** Runs it. */
export const runStep = (step: Step): unknown => step.effect_instruction_i0()

/**
 * `_op`: whether an effect is an `Exit`. `Exit.isExit` alone accepts any effect with its tag, an error of that name for instance.
 * Without it none is, and a fiber runs it.
 */
export const isOver = (effect: Effect.Effect<unknown, unknown, unknown>): effect is Exit.Exit<unknown, unknown> =>
  Exit.isExit(effect) && instructionOf(effect) === effect._tag

/**
 * `state`: what `Effect.forkIn` reads and writes. Without it, `forkIn` needs none.
 */
export const stateOf = (scope: Scope.Scope): unknown => Reflect.get(scope, "state")

/**
 * `effect/FiberRef/currentForkScopeOverride`: the scope that a fiber's children belong to. Without it, it cannot have been set.
 */
export const forkScopeOverride = globalValue<FiberRef.FiberRef<Option.Option<unknown>> | undefined>(
  Symbol.for("effect/FiberRef/currentForkScopeOverride"),
  () => undefined
)
