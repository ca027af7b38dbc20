/**
 * The running calls of an app, for an app that ends before its server does.
 *
 * @since 0.1.0
 */
import type { Exchange } from "../exchange/Exchange.js"
import type { HookOwner } from "../exchange/HookQueue.js"
import { type Indexed, UnorderedSet } from "../exchange/UnorderedSet.js"

/**
 * A call, as this list sees it.
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

  /** A call has ended, but for its hooks: it is removed when these have run. */
  delete(call: RunningCall): void {
    if (!call.exchange.hooked || call.exchange.hooksRun) return this.remove(call)
    // a call that was answered at once was never added; its hooks need the app's services, so the app waits for them
    this.add(call)
    call.exchange.whenHooksOver(call)
  }

  /** The app ends: calls back when no call is left. */
  end(callback: () => void): void {
    this.onNone = callback
    if (this.running.size === 0) callback()
  }

  /** Interrupts all handlers. */
  interrupt(): void {
    for (const call of [...this.running]) call.interruptForStop()
  }

  /** Stops waiting for calls of which only finalizers and hooks are left. Returns how many there were. */
  leaveBehind(): number {
    const behind = [...this.running].filter((call) => call.isBehind)
    for (const call of behind) this.remove(call)
    return behind.length
  }

  /** A call has ended, with its hooks. */
  remove(call: RunningCall): void {
    this.running.delete(call)
    if (this.running.size === 0) this.onNone?.()
  }
}
