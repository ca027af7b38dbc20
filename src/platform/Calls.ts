/**
 * The calls of an app that are at work, for an app that ends before its server does.
 *
 * @since 0.1.0
 */
import type { Exchange } from "../server/Exchange.js"
import type { HookOwner } from "../server/HookQueue.js"

/**
 * A call, as far as it is the list's matter.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listed extends HookOwner {
  readonly exchange: Exchange
  /** Where it stands among the running calls; negative where it does not. */
  place: number
  readonly interruptForStop: () => void
}

/**
 * @since 0.1.0
 * @category models
 */
export class Calls {
  // an array and not a Set: the tables that a Set leaves behind keep each other, and all that was ever in them, through
  // the collections of young objects
  private readonly running: Array<Listed> = []
  private onNone: (() => void) | undefined = undefined

  add(call: Listed): void {
    if (call.place < 0) call.place = this.running.push(call) - 1
  }

  /** It has ended, but for its hooks: when they are over, it is to be told that here. */
  delete(call: Listed): void {
    if (!call.exchange.hooked || call.exchange.hooksRun) return this.remove(call)
    // behind its post hooks, which have the app's services; a call that was answered at once has not been here yet
    this.add(call)
    call.exchange.whenHooksOver(call)
  }

  /** The app ends: calls back when nothing of it is left. */
  end(callback: () => void): void {
    this.onNone = callback
    if (this.running.length === 0) callback()
  }

  /** There was time enough. */
  interrupt(): void {
    for (const call of [...this.running]) call.interruptForStop()
  }

  /** Nothing of it is left. */
  remove(call: Listed): void {
    if (call.place >= 0) {
      const last = this.running.pop()
      if (last !== undefined && last !== call) {
        this.running[call.place] = last
        last.place = call.place
      }
      call.place = -1
    }
    if (this.running.length === 0) this.onNone?.()
  }
}
