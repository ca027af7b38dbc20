/**
 * The calls of an app that are at work, for an app that ends before its server does.
 *
 * @since 0.1.0
 */
import type { Exchange } from "../exchange/Exchange.js"
import type { HookOwner } from "../exchange/HookQueue.js"
import { type Indexed, UnorderedSet } from "../exchange/UnorderedSet.js"

/**
 * What the list knows of a call.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunningCall extends HookOwner, Indexed {
  readonly exchange: Exchange
  readonly interruptForStop: () => void
  /** Is nothing left of it but the last byte, finalizers and hooks? */
  readonly isBehind: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export class RunningCalls {
  private readonly running = new UnorderedSet<RunningCall>()
  private onNone: (() => void) | undefined = undefined

  add(call: RunningCall): void {
    this.running.add(call)
  }

  /** It has ended, but for its hooks: when they are over, it is to be told that here. */
  delete(call: RunningCall): void {
    if (!call.exchange.hooked || call.exchange.hooksRun) return this.remove(call)
    // behind its post hooks, which have the app's services; a call that was answered at once has not been here yet
    this.add(call)
    call.exchange.whenHooksOver(call)
  }

  /** The app ends: calls back when nothing of it is left. */
  end(callback: () => void): void {
    this.onNone = callback
    if (this.running.size === 0) callback()
  }

  /** There was time enough. */
  interrupt(): void {
    for (const call of [...this.running]) call.interruptForStop()
  }

  /** What is left of them are finalizers and hooks: they are not waited for any longer. Says how many there were. */
  leaveBehind(): number {
    const behind = [...this.running].filter((call) => call.isBehind)
    for (const call of behind) this.remove(call)
    return behind.length
  }

  /** Nothing of it is left. */
  remove(call: RunningCall): void {
    this.running.delete(call)
    if (this.running.size === 0) this.onNone?.()
  }
}
