/**
 * What all connections of a server give the kernel in a tick, beyond a portion each: where many have much to send, each request
 * that comes meanwhile would wait for all of it.
 *
 * @since 0.2.0
 */

/**
 * Who has more to send than a tick allows.
 *
 * @since 0.2.0
 * @category models
 */
export interface Sender {
  /** Sends on. Never throws. */
  readonly sendOn: () => void
}

/** Bytes in a tick: some milliseconds of work for the kernel. */
const mostInTick = 2_097_152
/** Less than this in a write is not counted. */
const small = 16_384

// the platform's own, whatever a test of an app makes of the global one
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

  /** Is all of this tick's given? */
  get isSpent(): boolean {
    return this.spent >= mostInTick
  }

  /** So many bytes were given to the kernel. */
  spend(bytes: number): void {
    if (bytes < small) return
    if (this.spent === 0) this.later(this.renew)
    this.spent += bytes
  }

  /** It sends on in a later tick, when those before it have. */
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
