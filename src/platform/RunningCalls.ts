/**
 * The running calls of an app, for an app that ends before its server does.
 *
 * @since 0.1.0
 */
import type { DoorExchange } from "../exchange/DoorExchange.js"
import type { HookListener } from "../exchange/HookQueue.js"
import { type Indexed, UnorderedSet } from "../exchange/UnorderedSet.js"

/**
 * A call, as this list sees it. The type stands here because the two files would otherwise import each other.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunningCall extends HookListener, Indexed {
  readonly exchange: DoorExchange
  readonly interruptForStop: () => void
  /** Whether the handler has ended, and only the last byte, finalizers and hooks are left. */
  readonly isFinishing: boolean
}

/**
 * The calls that an app waits for when it ends.
 *
 * @since 0.1.0
 * @category models
 */
export class RunningCalls {
  private readonly running = new UnorderedSet<RunningCall>()
  private onNone: (() => void) | undefined = undefined

  add(call: RunningCall): void {
    this.running.add(call)
  }

  /** Called when a call has ended but for its hooks. The call is removed when these have run. */
  delete(call: RunningCall): void {
    if (!call.exchange.hooked || call.exchange.hooksRun) return this.remove(call)
    // a call that was answered at once was never added; the app waits for its hooks, which need the app's services
    this.add(call)
    call.exchange.whenHooksRun(call)
  }

  /** Called when the app ends. Calls back when no call is left. */
  end(callback: () => void): void {
    this.onNone = callback
    if (this.running.size === 0) callback()
  }

  /** Interrupts all handlers. */
  interrupt(): void {
    for (const call of [...this.running]) call.interruptForStop()
  }

  /** Stops waiting for calls whose handlers have ended. Returns how many there were. */
  giveUpFinishing(): number {
    const finishing = [...this.running].filter((call) => call.isFinishing)
    for (const call of finishing) this.remove(call)
    return finishing.length
  }

  /** Removes a call that has ended, and whose hooks have run. */
  remove(call: RunningCall): void {
    this.running.delete(call)
    if (this.running.size === 0) this.onNone?.()
  }
}
