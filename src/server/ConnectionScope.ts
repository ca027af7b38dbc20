/**
 * The Scope that a connection lives in. It closes when the connection ends, and closing it ends the connection.
 *
 * ```
 *            end the running work      run the post hooks left      release what was added      close the socket
 *  Open ----> Work ------------------> Hooks ---------------------> Added --------------------> Closed
 * ```
 *
 * These are the finalizers of the socket, in the order in which a Scope runs them: the last that was added comes first. They are
 * plain functions, because a fiber for each connection would cost more than they do.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { LazyScope } from "./LazyScope.js"
import { SocketScope } from "./SocketScope.js"

/**
 * What is closed with the scope. Each is called once.
 *
 * @since 0.2.0
 * @category models
 */
export interface ScopedSocket {
  /** Ends the running application, and calls back when it has ended. */
  readonly endWork: (ended: () => void) => void
  /** Runs the post hooks that are left, and calls back when they are done. */
  readonly runHooksLeft: (over: () => void) => void
  /** Runs finalizers that were added, and calls back when they are done, or when a server that stops has waited long enough. */
  readonly runFinalizers: (finalizers: Effect.Effect<void>, over: () => void) => void
  /** Closes the socket: nothing of the connection is left. */
  readonly closeSocket: () => void
}

const enum Step {
  Open,
  Work,
  Hooks,
  Added,
  Closed
}

/**
 * @since 0.2.0
 * @category models
 */
export class ConnectionScope extends LazyScope {
  private step: Step = Step.Open
  private exit: Exit.Exit<unknown, unknown> | undefined = undefined
  private waiting: Array<() => void> | undefined = undefined

  constructor(private readonly socket: ScopedSocket) {
    super()
  }

  /**
   * Ends when the socket is closed. Handlers, hooks and finalizers of the connection itself do not wait: they would wait for their
   * own end.
   */
  override close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.withFiberRuntime((fiber) => {
      this.unsafeClose(exit)
      // a fiber of the connection has this scope among its services
      if (this.step === Step.Closed || fiber.currentContext.unsafeMap.get(SocketScope.key) === this) return Effect.void
      return Effect.async<void>((resume) => {
        if (this.waiting === undefined) this.waiting = []
        this.waiting.push(() => resume(Effect.void))
      })
    })
  }

  /** Closes it, once. Interrupting the caller does not stop what was begun. */
  unsafeClose(exit: Exit.Exit<unknown, unknown>): void {
    if (this.step !== Step.Open) return
    this.exit = exit
    this.goTo(Step.Work)
  }

  /** The current step has thrown: goes on with the next. */
  goOn(): void {
    if (this.step === Step.Work || this.step === Step.Hooks) this.goTo(this.step + 1)
  }

  // A step that has thrown may still call back later.
  private goTo(step: Step): void {
    if (step <= this.step) return
    this.step = step
    switch (step) {
      case Step.Work:
        return this.socket.endWork(() => this.goTo(Step.Hooks))
      case Step.Hooks:
        return this.socket.runHooksLeft(() => this.goTo(Step.Added))
      case Step.Added:
        return this.releaseAdded()
      case Step.Closed:
        return this.closed()
      case Step.Open:
    }
  }

  private releaseAdded(): void {
    const { exit } = this
    if (exit === undefined) return
    if (this.used) {
      const finalizers = Effect.provideService(super.close(exit), SocketScope, this)
      return this.socket.runFinalizers(finalizers, () => this.goTo(Step.Closed))
    }
    this.seal(exit)
    this.goTo(Step.Closed)
  }

  private closed(): void {
    const waiting = this.waiting ?? []
    this.waiting = undefined
    try {
      this.socket.closeSocket()
    } finally {
      for (const each of waiting) each()
    }
  }
}
