/**
 * How a connection ends: the reason, its scope, and the running application. That is interrupted, interrupted again if it asked
 * for a delay, and abandoned if it has not ended in time.
 *
 * @since 0.2.0
 */
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import type { Engine } from "../exchange/Engine.js"
import type { AbortReason } from "../exchange/Outcome.js"
import type { BodyError, ResponseError } from "../exchange/ServerError.js"
import type { Session } from "../exchange/Session.js"
import type { Transport } from "../transport/Transport.js"
import type { CloseReason } from "./CloseReason.js"
import type { Deadlines } from "./Deadlines.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Http1End {
  private begun = false
  private told = false
  private why: AbortReason = "ClientGone"
  private again: ((reason: AbortReason) => void) | undefined = undefined
  // the server asked the application to end, so a closed connection does not mean ClientGone
  private saidGoodbye = false
  private isAbandoned = false
  private whenHooksRun: (() => void) | undefined = undefined

  constructor(
    private readonly of: Pick<Session, "peer" | "scope">,
    private readonly deadlines: Deadlines,
    private readonly transport: Pick<Transport, "destroy">,
    private readonly log: Engine["log"]
  ) {}

  /** Whether the connection has begun to end. */
  get isBegun(): boolean {
    return this.begun
  }

  /** The reason why the running exchange is interrupted: the first that was given. */
  get reason(): AbortReason {
    return this.why
  }

  /** Whether the application was abandoned before it had ended. */
  get abandoned(): boolean {
    return this.isAbandoned
  }

  /** Tells the debug log why the connection closes. The first reason stays. */
  tell(why: CloseReason): void {
    if (this.told) return
    this.told = true
    this.log("Debug", () => `closing (${this.of.peer.name}): ${why}`)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the connection

  /** Closes the connection. The reason is left out if it was given before, as for a connection that lingers. */
  close(why?: CloseReason): void {
    if (this.begins(why)) this.of.scope.done()
  }

  /** The same, because of this failure. */
  closeWith(failure: unknown, why: CloseReason): void {
    if (this.begins(why)) this.of.scope.failed(failure)
  }

  private begins(why: CloseReason | undefined): boolean {
    if (this.begun) return false
    if (why !== undefined) this.tell(why)
    this.begun = true
    return true
  }

  /** Ends the running exchange and the connection. The first reason stays. */
  abort(exchange: CarriedExchange | undefined, reason: AbortReason): void {
    if (this.begun) return this.of.peer.run(Http1End.interruptAgain, this, reason)
    // its answer says that the connection closes, and then it does
    if (reason === "Stopped" && exchange?.isUninterruptible === true) return exchange.interruptLater()
    this.why = reason
    this.closeWith(reason, reason)
  }

  /** Called when the server stops. Ends an exchange that has no end of its own. */
  sayGoodbye(exchange: CarriedExchange | undefined): void {
    if (exchange === undefined || this.begun) return
    if (exchange.isEndless) return this.abort(exchange, "Stopped")
    if (!exchange.takenOver) return
    this.saidGoodbye = true
    exchange.sayGoodbye()
  }

  /** Called when code that ran for the connection has thrown. Never throws. */
  broken(exchange: CarriedExchange | undefined, error: unknown): void {
    try {
      this.of.peer.run(() => this.breaks(exchange, error), undefined, undefined)
    } catch {
      // the transport is what throws
      this.breaks(exchange, error)
    }
  }

  private breaks(exchange: CarriedExchange | undefined, error: unknown): void {
    this.of.peer.log("Error", "a connection broke", error, exchange?.request)
    exchange?.recordFailure(error)
    if (this.begins("a defect of the server")) return this.of.scope.died(error)
    try {
      // the result of an application that still runs is dropped; its end is that of the current step
      if (exchange?.isRunning === true) return this.abandon(exchange)
      this.transport.destroy()
    } catch (failure) {
      this.of.peer.log("Error", "a connection cannot be closed", failure)
    }
    this.of.scope.goOn()
  }

  /** Called when the scope closes for any reason. */
  scopeCloses(): void {
    if (!this.begun) this.why = "Closed"
    this.tell("Closed")
    this.begun = true
    this.deadlines.close()
  }

  /** Calls back when the hooks of the last exchange have run. */
  awaitHooks(callback: () => void): void {
    this.whenHooksRun = callback
  }

  get onHooksRun(): (() => void) | undefined {
    return this.whenHooksRun
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the running application

  /** Ends the application, and calls back when it has ended. */
  interrupt(exchange: CarriedExchange, ended: () => void, reason = this.why): void {
    this.deadlines.awaitEnd()
    this.again = undefined
    exchange.interrupt(reason, {
      onEnded: () => {
        this.deadlines.awaitEndForEver()
        this.again = undefined
        ended()
      },
      onDelayed: (delay) => {
        if (delay === "RunsOn") this.deadlines.awaitEndForEver()
        this.transport.destroy()
        this.again = (reason) => this.interrupt(exchange, ended, this.saidGoodbye ? "Stopped" : reason)
      }
    })
  }

  // An application that has asked for a delay is interrupted again by a stop.
  private static readonly interruptAgain = (end: Http1End, reason: AbortReason): void => {
    if (reason === "Stopped") end.again?.(reason)
  }

  /**
   * Called when the application has not answered in time, or the body has not arrived. Answers the client, and interrupts the
   * application.
   */
  answerFor(exchange: CarriedExchange, late: BodyError | ResponseError): void {
    this.deadlines.awaitEnd()
    if (exchange.timeOut(late) === "RunsOn") this.deadlines.awaitEndForEver()
  }

  /**
   * Called when the application has not ended in time. Interrupts it again if it asked for a delay, and abandons it otherwise.
   */
  late(exchange: CarriedExchange | undefined): void {
    if (this.again === undefined) this.abandon(exchange)
    else this.again(this.why)
  }

  // Drops what the application does from now on; the post hooks run without it.
  private abandon(exchange: CarriedExchange | undefined): void {
    this.isAbandoned = true
    try {
      this.transport.destroy()
    } finally {
      exchange?.abandon()
    }
  }
}
