/**
 * A connection that was taken over. Its peer has `timeouts.write` for each piece of what its new owner writes. While nothing
 * waits for the kernel, nothing is awaited.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { Deadlines } from "./Deadlines.js"
import type { EndOfWork } from "./EndOfWork.js"
import type { Transport } from "./Transport.js"

/**
 * @since 0.2.0
 * @category models
 */
export class TakenOver {
  /** The stream itself, which its new owner reads and writes. */
  readonly stream: unknown
  private idle = false

  constructor(
    private readonly transport: Transport,
    private readonly deadlines: Deadlines,
    private readonly time: Clock,
    private readonly work: EndOfWork
  ) {
    this.stream = transport.detach(() => this.awaitTaken())
    if (transport.pending > 0) this.awaitTaken()
  }

  private awaitTaken(): void {
    if (!this.work.isBegun) this.deadlines.awaitTaken(this.transport.handed, this.time.now())
  }

  /** To close it loses nothing. */
  markIdle(): void {
    this.idle = true
  }

  get isIdle(): boolean {
    return this.idle
  }

  /** The time is over. Has the kernel taken some of what waited, or all? Then the rest has as long again. */
  takesOn(): boolean {
    const { deadlines, transport } = this
    if (transport.pending === 0) return true
    if (deadlines.takesNothing(transport.handed)) return false
    this.awaitTaken()
    return true
  }
}
