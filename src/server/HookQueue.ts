/**
 * The post hooks of one exchange: in order of registration, each run once.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Outcome } from "./Outcome.js"
import type { PostHook } from "./Posthooks.js"

/**
 * Who runs hooks.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookRunner {
  /** Runs a hook: what is returned is left to do. */
  readonly runHook: (hook: PostHook, outcome: Outcome) => void | Effect.Effect<void>
  readonly runEffect: (effect: Effect.Effect<void>, done: () => void) => void
  /** Runs a hook beside the connection; the server's stop waits for it. */
  readonly runDetached: (hook: PostHook, outcome: Outcome) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export class HookQueue {
  private readonly hooks: Array<{ readonly hook: PostHook; readonly detached: boolean }> = []

  constructor(private readonly runner: HookRunner) {}

  add(hook: PostHook, detached: boolean): void {
    this.hooks.push({ hook, detached })
  }

  /** Runs all, those added meanwhile too, and says when they are done. */
  run(outcome: Outcome, done: () => void): void {
    let next = 0
    const step = (): void => {
      while (next < this.hooks.length) {
        const { detached, hook } = this.hooks[next++]
        if (detached) {
          this.runner.runDetached(hook, outcome)
          continue
        }
        const rest = this.runner.runHook(hook, outcome)
        if (rest !== undefined) return this.runner.runEffect(rest, step)
      }
      done()
    }
    step()
  }

  /** Runs all beside the connection. */
  runDetached(outcome: Outcome): void {
    for (const { hook } of this.hooks) this.runner.runDetached(hook, outcome)
  }
}
