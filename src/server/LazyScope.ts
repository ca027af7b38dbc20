/**
 * A Scope that is created when a finalizer is added, because most requests and sockets have none.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import type * as Exit from "effect/Exit"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"
import { stateOf } from "./internal.js"

/**
 * The scope of a request or of a socket.
 *
 * @since 0.1.0
 * @category models
 */
export class LazyScope implements Scope.CloseableScope {
  readonly [Scope.ScopeTypeId]: Scope.ScopeTypeId = Scope.ScopeTypeId
  readonly [Scope.CloseableScopeTypeId]: Scope.CloseableScopeTypeId = Scope.CloseableScopeTypeId
  readonly strategy = ExecutionStrategy.sequential
  private made: Scope.CloseableScope | undefined = undefined
  private sealed: Exit.Exit<unknown, unknown> | undefined = undefined

  /** Whether a finalizer or child scope was added. */
  get used(): boolean {
    return this.made !== undefined
  }

  /** Closes an unused scope. Finalizers that are added later run at once. */
  seal(exit: Exit.Exit<unknown, unknown>): void {
    this.sealed = exit
  }

  // Effect's runtime calls these on every Scope. `forkIn` reads `state`, which the types do not have.

  get state(): unknown {
    return stateOf(this.scope)
  }

  addFinalizer(finalizer: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown>): Effect.Effect<void> {
    return Scope.addFinalizerExit(this.scope, finalizer)
  }

  fork(strategy: ExecutionStrategy.ExecutionStrategy): Effect.Effect<Scope.CloseableScope> {
    return Scope.fork(this.scope, strategy)
  }

  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.used) return Scope.close(this.scope, exit)
      this.seal(exit)
      return Effect.void
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
