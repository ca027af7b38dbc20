/**
 * How a connection ends the application that runs for it: it is told, and told again where it asked for a delay, and let go
 * where it has not ended in time.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { Exchange } from "../exchange/Exchange.js"
import type { AbortReason } from "../exchange/Outcome.js"
import type { Deadlines } from "./Deadlines.js"

/**
 * @since 0.2.0
 * @category models
 */
export class EndOfWork {
  private begun = false
  private why: AbortReason = "ClientGone"
  private again: ((reason: AbortReason) => void) | undefined = undefined
  // was it the server's wish that the peer left?
  private saidGoodbye = false
  private isAbandoned = false

  /** @param destroy drops the stream: nothing that is said of the exchange reaches anybody */
  constructor(
    private readonly deadlines: Deadlines,
    private readonly time: Clock,
    private readonly destroy: () => void
  ) {}

  /** Does the connection end? */
  get isBegun(): boolean {
    return this.begun
  }

  /** Why: the first reason there was. */
  get reason(): AbortReason {
    return this.why
  }

  /** Was the application let go before it had ended? */
  get abandoned(): boolean {
    return this.isAbandoned
  }

  /** The connection ends. */
  begin(): void {
    this.begun = true
  }

  /** There is a reason to end. An application that has asked for a delay is told of a stop. */
  because(reason: AbortReason): void {
    if (!this.begun) this.why = reason
    else if (reason === "Stopped") this.again?.(reason)
  }

  /** The server stops, and this is to end: an event stream, or what the connection was taken over for. */
  sayGoodbye(exchange: Exchange): void {
    this.saidGoodbye = true
    exchange.sayGoodbye()
  }

  /** Ends the application, and calls back when it has ended. */
  interrupt(exchange: Exchange, ended: () => void, reason = this.why): void {
    this.deadlines.awaitEnd(this.time.now())
    this.again = undefined
    const delay = exchange.interrupt(reason, () => {
      this.deadlines.awaitEndForEver()
      this.again = undefined
      ended()
    })
    if (delay === undefined) return
    if (delay === "RunsOn") this.deadlines.awaitEndForEver()
    this.destroy()
    this.again = (reason) => this.interrupt(exchange, ended, this.saidGoodbye ? "Stopped" : reason)
  }

  /** It was to begin its answer by now: the client is answered, and it is told to end. */
  answerFor(exchange: Exchange): void {
    this.deadlines.awaitEnd(this.time.now())
    if (exchange.timeOut() === "RunsOn") this.deadlines.awaitEndForEver()
  }

  /** It was to have ended by now: what it does from here on is dropped, and the post hooks run without it. */
  late(exchange: Exchange | undefined): void {
    if (this.again === undefined) this.abandon(exchange)
    else this.again(this.why)
  }

  /** Lets it go. */
  abandon(exchange: Exchange | undefined): void {
    this.isAbandoned = true
    this.destroy()
    exchange?.abandon()
  }
}
