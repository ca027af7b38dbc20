/**
 * How a connection ends, and why. It is done with its last exchange, which ends first.
 *
 * @since 0.2.0
 */
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import { ExchangeEnd } from "../exchange/ExchangeEnd.js"
import type { AbortReason } from "../exchange/Outcome.js"
import type { BodyError, ResponseError } from "../exchange/ServerError.js"
import type { Session } from "../exchange/Session.js"
import type { Transport } from "../transport/Transport.js"
import type { CloseReason } from "./CloseReason.js"
import type { Deadlines } from "./Deadlines.js"
import type { Http1Host } from "./Http1Host.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Http1End {
  private begun = false
  private drains = false
  private isReasonLogged = false
  private why: AbortReason = "ClientGone"
  // that of the last exchange
  private ofExchange: ExchangeEnd | undefined = undefined
  private whenHooksRun: (() => void) | undefined = undefined

  constructor(
    private readonly of: Pick<Session, "peer" | "scope">,
    private readonly deadlines: Deadlines,
    private readonly transport: Pick<Transport, "destroy">,
    private readonly host: Pick<Http1Host, "alarm" | "config" | "log" | "time">
  ) {}

  /** Whether the connection has begun to end. */
  get isBegun(): boolean {
    return this.begun
  }

  /** Called when the server stops. The next answer is the last. */
  drain(): void {
    this.drains = true
  }

  get isDraining(): boolean {
    return this.drains
  }

  /** The reason why the running exchange is interrupted: the first that was given. */
  get reason(): AbortReason {
    return this.why
  }

  /** Whether the application was abandoned before it had ended. */
  get abandoned(): boolean {
    return this.ofExchange?.abandoned === true
  }

  /** Says in the debug log why the connection closes. The first reason stays. */
  logReason(why: CloseReason): void {
    if (this.isReasonLogged) return
    this.isReasonLogged = true
    this.host.log("Debug", () => `closing (${this.of.peer.name}): ${why}`)
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
    if (why !== undefined) this.logReason(why)
    this.begun = true
    return true
  }

  /** Ends the running exchange and the connection. The first reason stays. */
  abort(exchange: CarriedExchange | undefined, reason: AbortReason): void {
    if (this.begun) {
      if (reason === "Stopped") this.of.peer.run(Http1End.interruptDelayed, this, undefined)
      return
    }
    // its answer says that the connection closes, and then it does
    if (reason === "Stopped" && exchange?.isUninterruptible === true) return exchange.interruptLater()
    this.why = reason
    this.closeWith(reason, reason)
  }

  /** Called when the server stops. Ends an exchange that has no end of its own. */
  sayGoodbye(exchange: CarriedExchange | undefined): void {
    if (exchange === undefined || this.begun) return
    if (exchange.isEndless) return this.abort(exchange, "Stopped")
    if (exchange.takenOver) this.endOf(exchange).sayGoodbye()
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
      if (exchange?.isRunning === true) return this.endOf(exchange).abandon()
      this.transport.destroy()
    } catch (failure) {
      this.of.peer.log("Error", "a connection cannot be closed", failure)
    }
    this.of.scope.goOn()
  }

  /** Called when the scope closes for any reason. */
  scopeCloses(): void {
    if (!this.begun) this.why = "Closed"
    this.logReason("Closed")
    this.begun = true
    this.deadlines.close()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // its last exchange

  // A connection that ends one of its exchanges carries no other.
  private endOf(exchange: CarriedExchange): ExchangeEnd {
    return this.ofExchange ??= new ExchangeEnd(exchange, this.host, () => this.transport.destroy())
  }

  /** The time by which an application that was asked to end must have ended. */
  get deadline(): number {
    return this.ofExchange?.deadline ?? Infinity
  }

  /** Called when it has not. */
  late(exchange: CarriedExchange | undefined): void {
    if (exchange !== undefined) this.endOf(exchange).late()
  }

  private static readonly interruptDelayed = (end: Http1End): void => end.ofExchange?.interruptDelayed()

  /** Ends the application, and calls back when it has ended. */
  interrupt(exchange: CarriedExchange, ended: () => void): void {
    this.endOf(exchange).interrupt(this.why, ended)
  }

  /** Answers for an application that is late, or whose body is, and tells it to end. */
  answerFor(exchange: CarriedExchange, late: BodyError | ResponseError): void {
    this.endOf(exchange).timeOut(late)
  }

  /** Runs the hooks, and calls back when they have run. */
  runHooks(exchange: CarriedExchange, done: () => void): void {
    this.whenHooksRun = done
    this.endOf(exchange).runHooks(this.why)
  }

  get onHooksRun(): (() => void) | undefined {
    return this.whenHooksRun
  }
}
