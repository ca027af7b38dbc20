/**
 * Post hooks: work that always runs after an exchange, and is given its outcome.
 *
 * The exchange keeps its hooks in order and runs each once. The service runs one hook, and isolates the others from its failure.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { Outcome } from "../exchange/Outcome.js"
import type { PostHook } from "../exchange/PostHook.js"
import { catchRejection } from "./catchRejection.js"
import { isOver, isStep, runStep } from "./internal.js"
import { notRun } from "./notRun.js"

export type { PostHook } from "../exchange/PostHook.js"

/**
 * The service that runs post hooks, and isolates each from the failures of others.
 *
 * @since 0.1.0
 * @category tags
 */
export class Posthooks extends Context.Tag("tsgi/Posthooks")<Posthooks, {
  /**
   * Runs one hook. Returns the Effect that does the rest of it, or nothing if the hook has ended, so that a plain hook needs no
   * fiber. It must neither throw nor fail; failures go to `log`.
   */
  readonly run: <R>(
    hook: PostHook<R>,
    outcome: Outcome,
    log: (cause: Cause.Cause<unknown>) => void
  ) => void | Effect.Effect<unknown, never, R>
}>() {}

/**
 * A hook as an Effect, which fails as the hook does. A service of your own can use it to add a span, a metric or a time limit to
 * each hook. Hooks run uninterruptibly, so a hook with a time limit must be `Effect.interruptible`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const toEffect = <R>(hook: PostHook<R>, outcome: Outcome): Effect.Effect<unknown, unknown, R> =>
  Effect.suspend(() => {
    const rest = hook(outcome)
    if (Effect.isEffect(rest)) return rest
    const error = generator(rest)
    if (error !== undefined) return Effect.die(error)
    return Predicate.isPromiseLike(rest) ? Effect.promise(() => rest) : Effect.void
  })

/**
 * Runs hooks at once, and logs each failure.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Context.Tag.Service<Posthooks> => ({
  run: (hook, outcome, log) => {
    try {
      const rest = hook(outcome)
      if (rest === undefined || rest === null) return
      // a single synchronous step (Effect.sync, most operations of a Ref) needs no fiber; a hook of type `() => void` may
      // return anything
      if (typeof rest === "object" && isStep(rest)) {
        return catchRejection(runStep(rest), (error) => log(Cause.die(error)))
      }
      if (Effect.isEffect(rest)) {
        if (!isOver(rest)) return logging(rest, log)
        if (Exit.isFailure(rest)) log(rest.cause)
      } else if (Predicate.isPromiseLike(rest)) return logging(Effect.promise(() => rest), log)
      else {
        const error = generator(rest)
        if (error !== undefined) log(Cause.die(error))
      }
    } catch (error) {
      log(Cause.die(error))
    }
  }
})

/**
 * Runs hooks at once, and logs each failure.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Posthooks> = Layer.sync(Posthooks, make)

const generator = (returned: unknown): TypeError | undefined =>
  notRun(returned, "the hook", "give a function that returns an Effect, such as () => Effect.gen(function*() { ... })")

const logging = <R>(
  rest: Effect.Effect<unknown, unknown, R>,
  log: (cause: Cause.Cause<unknown>) => void
): Effect.Effect<unknown, never, R> => Effect.catchAllCause(rest, (cause) => Effect.sync(() => log(cause)))
