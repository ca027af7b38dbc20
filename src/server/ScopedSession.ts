/**
 * A session, with the Scope that it lives in.
 *
 * @since 0.2.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Session, SessionScope } from "../exchange/Session.js"
import { ConnectionScope, type ScopedSocket } from "./ConnectionScope.js"

/**
 * @since 0.2.0
 * @category models
 */
export class ScopedSession implements ScopedSocket, SessionScope {
  readonly scope = new ConnectionScope(this)

  constructor(private readonly session: Session) {}

  endWork(ended: () => void): void {
    this.session.endWork(ended)
  }

  runHooksLeft(over: () => void): void {
    this.session.runHooks(over)
  }

  runFinalizers(finalizers: Effect.Effect<void>, over: () => void): void {
    const { peer } = this.session
    const failed = (cause: Cause.Cause<unknown>) =>
      Effect.sync(() => peer.log("Error", "a finalizer of the socket's scope failed", cause))
    peer.runEffect(Effect.catchAllCause(finalizers, failed), over, undefined)
  }

  closeSocket(): void {
    this.session.closeSocket()
  }

  done(): void {
    this.scope.unsafeClose(Exit.void)
  }

  failed(failure: unknown): void {
    this.scope.unsafeClose(Exit.fail(failure))
  }

  died(defect: unknown): void {
    this.scope.unsafeClose(Exit.die(defect))
  }

  goOn(): void {
    this.scope.goOn()
  }
}
