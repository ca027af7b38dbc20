/**
 * Bounds the bytes that all connections of a server together give the kernel in a tick, beyond a portion each. If many have much
 * to send, a request that arrives meanwhile would otherwise wait for all of it.
 *
 * @since 0.2.0
 */

/**
 * A connection that has more to send than a tick allows.
 *
 * @since 0.2.0
 * @category models
 */
export interface Sender {
  /** Goes on sending. Never throws. */
  readonly sendOn: () => void
}

/** The most bytes in a tick. */
const mostInTick = 2_097_152
/** Writes of fewer bytes are not counted. */
const small = 16_384

// the platform's own function, because a test of an application may replace the global one
const immediate = setImmediate

/**
 * @since 0.2.0
 * @category models
 */
export class SendBudget {
  private spent = 0
  private waiting: Array<Sender> = []

  /** @param later calls back in the next tick */
  constructor(private readonly later: (callback: () => void) => unknown = immediate) {}

  /** Whether all of this tick's budget was given to the kernel. */
  get isSpent(): boolean {
    return this.spent >= mostInTick
  }

  /** Counts bytes that were given to the kernel. */
  spend(bytes: number): void {
    if (bytes < small) return
    if (this.spent === 0) this.later(this.renew)
    this.spent += bytes
  }

  /** Lets a connection send on in a later tick, first come, first served. */
  await(sender: Sender): void {
    this.waiting.push(sender)
  }

  private readonly renew = (): void => {
    this.spent = 0
    const senders = this.waiting
    let sent = 0
    while (sent < senders.length && !this.isSpent) senders[sent++].sendOn()
    senders.splice(0, sent)
  }
}
