/**
 * A connection that was taken over. Its peer has `timeouts.write` to take some of what the new owner writes. While nothing waits
 * for the kernel, it has no deadline.
 *
 * @since 0.2.0
 */
import type { SendQueue } from "../transport/SendQueue.js"
import type { Transport } from "../transport/Transport.js"
import type { Deadlines } from "./Deadlines.js"
import type { Http1End } from "./Http1End.js"
import type { Inflow } from "./Inflow.js"

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
    inflow: Inflow,
    queue: SendQueue,
    private readonly deadlines: Deadlines,
    private readonly end: Http1End
  ) {
    deadlines.close()
    inflow.resume()
    queue.flushLast()
    this.stream = transport.detach(() => this.awaitTaken())
    if (transport.pending > 0) this.awaitTaken()
  }

  private awaitTaken(): void {
    if (!this.end.isBegun) this.deadlines.awaitTaken(this.transport.handed)
  }

  /** From now on, nothing is lost if the connection is closed. */
  markIdle(): void {
    this.idle = true
  }

  get isIdle(): boolean {
    return this.idle
  }

  /** Called when the deadline has passed. Sets a new one, and returns true, if the kernel has taken bytes meanwhile. */
  takesOn(): boolean {
    const { deadlines, transport } = this
    if (transport.pending === 0) return true
    if (deadlines.takesNothing(transport.handed)) return false
    this.awaitTaken()
    return true
  }
}
