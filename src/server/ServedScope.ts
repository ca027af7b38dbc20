/**
 * The Scope of a socket, behind the tag `SocketScope`. It closes when the session ends, and closing it ends the session.
 *
 * ```
 *            end the running work      run the remaining hooks      run added finalizers        close the socket
 *  Open ----> Work ------------------> Hooks ---------------------> Added --------------------> Closed
 * ```
 *
 * Added finalizers run third, when the work that uses their resources has ended. The socket is still open then, unless hooks or
 * finalizers have not ended within `timeouts.hooks`: they run on after it is closed. The other steps are plain functions, so a
 * connection without added finalizers needs no fiber.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Session, SessionScope } from "../exchange/Session.js"
import { LazyScope } from "./LazyScope.js"
import { SocketScope } from "./SocketScope.js"

/**
 * The part of a session that its scope uses.
 *
 * @since 0.2.0
 * @category models
 */
export type ScopedSession = Pick<Session, "endWork" | "runHooks" | "closeSocket" | "broken"> & {
  readonly peer: Pick<Session["peer"], "log" | "runEffect">
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
export class ServedScope extends LazyScope implements SessionScope {
  private step: Step = Step.Open
  private exit: Exit.Exit<unknown, unknown> | undefined = undefined
  private waiting: Array<() => void> | undefined = undefined

  constructor(private readonly session: ScopedSession) {
    super()
  }

  /**
   * Closes the scope, once, and waits until all hooks and finalizers have ended and the socket is closed, even if that was closed
   * early. A handler, hook or finalizer of the connection itself does not wait, because it would wait for its own end.
   */
  override close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.withFiberRuntime((fiber) => {
      this.begin(exit)
      // a fiber of the connection has this scope among its services
      const isOwn = Option.getOrUndefined(Context.getOption(fiber.currentContext, SocketScope)) === this
      if (this.step === Step.Closed || isOwn) return Effect.void
      return Effect.async<void>((resume) => {
        if (this.waiting === undefined) this.waiting = []
        this.waiting.push(() => resume(Effect.void))
      })
    })
  }

  done(): void {
    this.begin(Exit.void)
  }

  failed(failure: unknown): void {
    this.begin(Exit.fail(failure))
  }

  died(defect: unknown): void {
    this.begin(Exit.die(defect))
  }

  // Takes the first step, once. If a fiber that waits in `close` is interrupted, the scope closes all the same.
  private begin(exit: Exit.Exit<unknown, unknown>): void {
    if (this.step !== Step.Open) return
    this.exit = exit
    this.goTo(Step.Work)
  }

  goOn(): void {
    if (this.step === Step.Work || this.step === Step.Hooks) this.goTo(this.step + 1)
  }

  // Steps only go forward, because a step that has thrown may still call back.
  private goTo(step: Step): void {
    if (step <= this.step) return
    this.step = step
    try {
      this.take(step)
    } catch (error) {
      this.session.broken(error)
      if (step < Step.Closed) this.goTo(step + 1)
    }
  }

  private take(step: Step): void {
    switch (step) {
      case Step.Work:
        return this.session.endWork(() => this.goTo(Step.Hooks))
      case Step.Hooks:
        return this.session.runHooks(() => this.goTo(Step.Added))
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
      const { peer } = this.session
      const finalizers = Effect.catchAllCause(
        Effect.provideService(super.close(exit), SocketScope, this),
        (cause) => Effect.sync(() => peer.log("Error", "a finalizer of the socket's scope failed", cause))
      )
      return peer.runEffect(finalizers, () => this.goTo(Step.Closed), undefined)
    }
    this.seal(exit)
    this.goTo(Step.Closed)
  }

  private closed(): void {
    const waiting = this.waiting ?? []
    this.waiting = undefined
    try {
      this.session.closeSocket()
    } finally {
      for (const each of waiting) each()
    }
  }
}
