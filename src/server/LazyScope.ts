/**
 * A Scope that costs nothing until something is added to it: the Scope of each socket, and of each request.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import type * as Exit from "effect/Exit"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"

/**
 * @since 0.1.0
 * @category models
 */
export class LazyScope implements Scope.CloseableScope {
  readonly [Scope.ScopeTypeId]: Scope.ScopeTypeId = Scope.ScopeTypeId
  readonly [Scope.CloseableScopeTypeId]: Scope.CloseableScopeTypeId = Scope.CloseableScopeTypeId
  readonly strategy = ExecutionStrategy.sequential
  private made: Scope.CloseableScope | undefined = undefined
  private sealed: Exit.Exit<unknown, unknown> | undefined = undefined
  // who waits for the end of what is owned, from the first close on; nobody any more when that is over
  private waiting: Array<() => void> | undefined = undefined
  private over = false

  /**
   * @param owned what ends with the scope, after whatever is added to it: a plain function, for a fiber costs more than
   * most of what it would do
   */
  constructor(
    private readonly owned: ((exit: Exit.Exit<unknown, unknown>, ended: () => void) => void) | undefined = undefined
  ) {}

  /** Was anything ever added? */
  get used(): boolean {
    return this.made !== undefined
  }

  /** What is added from here on finds the scope closed. */
  seal(exit: Exit.Exit<unknown, unknown>): void {
    this.sealed = exit
  }

  // These are what Effect's runtime asks of any Scope; the state, which its types do not tell of, is for `forkIn`.

  get state(): unknown {
    const state: unknown = Reflect.get(this.scope, "state")
    return state
  }

  addFinalizer(finalizer: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown>): Effect.Effect<void> {
    return Scope.addFinalizerExit(this.scope, finalizer)
  }

  fork(strategy: ExecutionStrategy.ExecutionStrategy): Effect.Effect<Scope.CloseableScope> {
    return Scope.fork(this.scope, strategy)
  }

  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const added = Effect.suspend(() => {
      if (this.used) return Scope.close(this.scope, exit)
      this.seal(exit)
      return Effect.void
    })
    return this.owned === undefined
      ? added
      : Effect.ensuring(added, Effect.async<void>((resume) => this.end(exit, () => resume(Effect.void))))
  }

  /**
   * Closes it from plain code: `run` is needed where something was added. What it owns ends all the same where `run` calls
   * back before that.
   */
  unsafeClose(exit: Exit.Exit<unknown, unknown>, run: (effect: Effect.Effect<void>, done: () => void) => void): void {
    if (this.used) return run(this.close(exit), () => this.end(exit, () => undefined))
    this.seal(exit)
    this.end(exit, () => undefined)
  }

  // Once, however often the scope is closed; who closes it again waits for the same end.
  private end(exit: Exit.Exit<unknown, unknown>, ended: () => void): void {
    if (this.over || this.owned === undefined) return ended()
    if (this.waiting !== undefined) return void this.waiting.push(ended)
    this.waiting = [ended]
    this.owned(exit, () => {
      this.over = true
      const waiting = this.waiting ?? []
      this.waiting = undefined
      for (const each of waiting) each()
    })
  }

  pipe() {
    return pipeArguments(this, arguments)
  }

  private get scope(): Scope.CloseableScope {
    if (this.made === undefined) {
      this.made = Effect.runSync(Scope.make())
      if (this.sealed !== undefined) Effect.runSync(Scope.close(this.made, this.sealed))
    }
    return this.made
  }
}
