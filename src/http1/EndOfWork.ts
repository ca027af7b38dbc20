/**
 * How a connection ends its running application: it interrupts it, interrupts it again where it asked for a delay, and abandons it
 * where it has not ended in time.
 *
 * @since 0.2.0
 */
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import type { AbortReason } from "../exchange/Outcome.js"
import type { BodyError, ResponseError } from "../exchange/ServerError.js"
import type { Deadlines } from "./Deadlines.js"

/**
 * @since 0.2.0
 * @category models
 */
export class EndOfWork {
  private begun = false
  private why: AbortReason = "ClientGone"
  private again: ((reason: AbortReason) => void) | undefined = undefined
  // the server asked the application to end, so a closed connection does not mean ClientGone
  private saidGoodbye = false
  private isAbandoned = false

  /** @param destroy drops the stream: no more of the answer can be sent */
  constructor(
    private readonly deadlines: Deadlines,
    private readonly destroy: () => void
  ) {}

  /** Has the connection begun to end? */
  get isBegun(): boolean {
    return this.begun
  }

  /** Why it ends: the first reason given. */
  get reason(): AbortReason {
    return this.why
  }

  /** Was the application abandoned before it had ended? */
  get abandoned(): boolean {
    return this.isAbandoned
  }

  /** The connection begins to end. */
  begin(): void {
    this.begun = true
  }

  /** Gives a reason to end. An application that has asked for a delay is interrupted again by a stop. */
  giveReason(reason: AbortReason): void {
    if (!this.begun) this.why = reason
    else if (reason === "Stopped") this.again?.(reason)
  }

  /** The server stops: asks an exchange that has no end of its own to end. */
  sayGoodbye(exchange: CarriedExchange): void {
    this.saidGoodbye = true
    exchange.sayGoodbye()
  }

  /** Ends the application, and calls back when it has ended. */
  interrupt(exchange: CarriedExchange, ended: () => void, reason = this.why): void {
    this.deadlines.awaitEnd()
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

  /** The application has not answered in time, or the body has not come: answers the client, and interrupts the application. */
  answerFor(exchange: CarriedExchange, late: BodyError | ResponseError): void {
    this.deadlines.awaitEnd()
    if (exchange.timeOut(late) === "RunsOn") this.deadlines.awaitEndForEver()
  }

  /** The application has not ended in time: interrupts it again where it asked for a delay, otherwise abandons it. */
  late(exchange: CarriedExchange | undefined): void {
    if (this.again === undefined) this.abandon(exchange)
    else this.again(this.why)
  }

  /** Drops what the application does from here on; the post hooks run without it. */
  abandon(exchange: CarriedExchange | undefined): void {
    this.isAbandoned = true
    this.destroy()
    exchange?.abandon()
  }
}
