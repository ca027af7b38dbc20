/**
 * What a deadline that has passed means for its connection: it is closed, its request is refused, its application is told, or the
 * client is not to blame and gets more time.
 *
 * @since 0.2.0
 */
import type { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { CarriedExchange } from "../exchange/CarriedExchange.js"
import type { AbortReason } from "../exchange/Outcome.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { Closing } from "./Closing.js"
import type { Deadlines, Passed } from "./Deadlines.js"
import type { EndOfWork } from "./EndOfWork.js"
import type { Http1Wire } from "./Http1Wire.js"
import type { Inflow } from "./Inflow.js"
import type { Leaving } from "./Leaving.js"
import type { Phase } from "./Phase.js"
import { headTimeout, lateBody, lateHandler, lateReader, noRoom } from "./refusals.js"
import type { SendQueue } from "./SendQueue.js"
import type { TakenOver } from "./TakenOver.js"

/**
 * A connection that has deadlines.
 *
 * @since 0.2.0
 * @category models
 */
export interface TimedConnection {
  readonly peer: AcceptedPeer
  readonly phase: Phase
  readonly exchange: CarriedExchange | undefined
  readonly wire: Http1Wire | undefined
  readonly deadlines: Deadlines
  readonly inflow: Inflow
  readonly queue: SendQueue
  readonly work: EndOfWork
  readonly leaving: Leaving
  readonly takenOver: TakenOver | undefined
  /** Is the rest of a body being dropped, which the application did not read? */
  readonly isDropping: boolean
  readonly close: (why?: Closing) => void
  readonly refuse: (error: RequestError) => void
  readonly abort: (reason: AbortReason) => void
  readonly drained: (exchange: CarriedExchange) => void
  readonly awaitHalfClosed: () => void
}

/**
 * @since 0.2.0
 * @category models
 */
export class Lateness {
  constructor(private readonly of: TimedConnection) {}

  /** A deadline has passed, or perhaps several. */
  pass(): void {
    const { deadlines, exchange, leaving, peer, queue } = this.of
    const passed = deadlines.take(exchange?.body.bytes ?? 0, queue.handed)
    if (passed === undefined) return
    // a client that still takes its answer is not late: the deadlines for writes judge its rate
    if (passed === "Linger" && !queue.empty) return leaving.await()
    if (passed !== "Linger" && passed !== "Interrupt") peer.log("Debug", "timed out")
    this.late(passed)
  }

  /** This deadline has passed, or others need the place of a connection that has it. */
  late(passed: Passed): void {
    const { deadlines, exchange, queue, takenOver, work } = this.of
    switch (passed) {
      case "FirstRequest":
      case "Idle":
      case "Linger":
        return this.of.close("timed out")
      case "Place":
        return this.of.refuse(noRoom())
      case "Head":
        return this.of.refuse(headTimeout("the head did not come in time (timeouts.head)"))
      case "Request":
        return this.requestLate()
      case "Body":
      case "BodyPace":
        return exchange?.body.fail(lateBody[passed]())
      case "HalfClosed":
        return deadlines.takesNothing(queue.handed) ? this.of.abort("ClientGone") : this.of.awaitHalfClosed()
      case "Leftover":
        this.leftoverLate()
        return exchange === undefined ? undefined : this.of.drained(exchange)
      case "Handler":
        return exchange === undefined || exchange.headSent ? undefined : work.answerFor(exchange, lateHandler())
      case "Write":
        return takenOver?.takesOn() === true ? undefined : this.of.abort("WriteTimeout")
      case "DownloadPace":
        return this.of.abort("WriteTimeout")
      case "Interrupt":
        return work.late(exchange)
    }
  }

  // The request has not come whole in its time.
  private requestLate(): void {
    const { deadlines, exchange, inflow, phase, work } = this.of
    if (phase === "Head") return this.of.refuse(headTimeout("the request did not come in time (timeouts.request)"))
    if (exchange === undefined || this.of.isDropping) return
    const { body } = exchange
    const isUnbegun = exchange.owesContinue && !body.isAwaited && body.bytes === 0 && inflow.isEmpty
    if (inflow.readsToEnd()) return
    // a client that the server keeps waiting is not late
    const isHeld = inflow.paused && !body.isAwaited
    if (isUnbegun || (isHeld && (exchange.headSent || body.bytes > deadlines.bytesBefore))) {
      return deadlines.excuse(body.bytes)
    }
    const error = lateBody.Request()
    if (body.isAwaited) return body.fail(error)
    if (!exchange.headSent) return work.answerFor(exchange, isHeld ? lateReader() : error)
    body.fail(error)
    this.leftoverLate()
  }

  private leftoverLate(): void {
    this.of.wire?.withdraw("the rest of the body is too long, malformed or late")
  }
}
