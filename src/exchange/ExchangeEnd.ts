/**
 * The end of one exchange that does not end by itself, for a session of any protocol. A session makes it when such an end begins.
 *
 * Its application is interrupted, interrupted again if it asked for a delay, and abandoned if it has not ended within
 * `timeouts.interrupt`. When it has ended, the session calls `runHooks`: at once for an exchange that ends alone, and when all of
 * its applications have ended for a session that ends. The wire's `exchangeOver` is the last that follows.
 *
 * @since 0.2.0
 */
import type { Alarm } from "./Alarm.js"
import type { Delay } from "./Application.js"
import type { CarriedExchange, InterruptListener } from "./CarriedExchange.js"
import type { AbortReason } from "./Outcome.js"
import type { BodyError, ResponseError } from "./ServerError.js"
import type { SessionHost } from "./Session.js"

/**
 * @since 0.2.0
 * @category models
 */
export class ExchangeEnd implements InterruptListener {
  private begun = false
  private why: AbortReason = "ClientGone"
  private endBy = Infinity
  private isDelayed = false
  private isAbandoned = false
  // the server asked the application to end, so a closed connection does not mean ClientGone
  private saidGoodbye = false
  private whenEnded: (() => void) | undefined = undefined

  /** @param dropClient called when the application goes on without its client, to which nothing more is sent */
  constructor(
    private readonly exchange: CarriedExchange,
    private readonly host: Pick<SessionHost, "config" | "time"> & { readonly alarm: Pick<Alarm, "by"> },
    private readonly dropClient: () => void
  ) {}

  /** The time by which the application must have ended; `Infinity` if there is none. Then `late` is to be called. */
  get deadline(): number {
    return this.exchange.isRunning ? this.endBy : Infinity
  }

  /** Whether the application was abandoned before it had ended. */
  get abandoned(): boolean {
    return this.isAbandoned
  }

  /** Ends the application, and calls back when it has ended. A second call replaces the callback of the first, and no more. */
  interrupt(reason: AbortReason, ended: () => void): void {
    const isOver = this.begun && this.whenEnded === undefined
    if (this.exchange.hasEnded || isOver) return ended()
    this.whenEnded = ended
    if (this.begun) return
    this.begun = true
    this.why = reason
    this.tell(reason)
  }

  private tell(reason: AbortReason): void {
    this.isDelayed = false
    this.awaitEnd()
    this.exchange.interrupt(reason, this)
  }

  private awaitEnd(): void {
    const { alarm, config, time } = this.host
    this.endBy = time.now() + config.timeouts.interrupt
    alarm.by(this.endBy)
  }

  onEnded(): void {
    const { whenEnded } = this
    this.isDelayed = false
    this.whenEnded = undefined
    whenEnded?.()
  }

  onDelayed(delay: Delay): void {
    if (delay === "RunsOn") this.endBy = Infinity
    this.isDelayed = true
    this.dropClient()
  }

  /** Called when the server stops. Interrupts an application again that has asked for a delay. */
  interruptDelayed(): void {
    if (this.isDelayed) this.tell("Stopped")
  }

  /** Called when the server stops. Asks an application to end that has taken its connection over. */
  sayGoodbye(): void {
    this.saidGoodbye = true
    this.exchange.sayGoodbye()
  }

  /** Called when the application has not answered in time, or its body has not come. Answers for it, and tells it to end. */
  timeOut(late: BodyError | ResponseError): void {
    this.awaitEnd()
    if (this.exchange.timeOut(late) === "RunsOn") this.endBy = Infinity
  }

  /** Called when the application has not ended in time. Interrupts it again if it asked for a delay; otherwise abandons it. */
  late(): void {
    this.endBy = Infinity
    if (this.isDelayed) this.tell(this.saidGoodbye ? "Stopped" : this.why)
    else this.abandon()
  }

  /** Drops what the application does from now on. The exchange ends without it. */
  abandon(): void {
    this.isAbandoned = true
    try {
      this.dropClient()
    } finally {
      this.exchange.abandon()
    }
  }

  /**
   * Called when the application has ended. Fixes the outcome, waits for no more of the body, and runs the hooks. `unsent` is the
   * reason why the answer was not sent, if it was not.
   */
  runHooks(unsent: AbortReason): void {
    const { exchange } = this
    exchange.lost(unsent)
    if (exchange.stage === "Dropping") exchange.bodyDropped()
  }
}
