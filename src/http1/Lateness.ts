/**
 * Decides what a passed deadline means for its connection: it is closed, its request is refused, its application is asked to end,
 * or the client is not to blame and gets more time.
 *
 * @since 0.2.0
 */
import type { Passed } from "./Deadlines.js"
import type { Http1Connection } from "./Http1Connection.js"
import { headTimeout, lateBody, lateHandler, lateReader, noPlace } from "./refusals.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Lateness {
  constructor(private readonly connection: Http1Connection) {}

  /** Called when a deadline has passed, or several. */
  pass(): void {
    const { deadlines, end, exchange, host, leaving, peer, queue, socketEnd } = this.connection
    if (host.time.tick() >= end.deadline) return end.late(exchange)
    if (host.time.tick() >= socketEnd.deadline) return this.hooksLate()
    const passed = deadlines.take(exchange?.body.bytes ?? 0, queue.handed)
    if (passed === undefined) return
    // a client that still takes its answer is not late: the deadlines for writes judge its rate
    if (passed === "Linger" && !queue.empty) return leaving.await()
    if (passed !== "Linger") peer.log("Debug", "timed out")
    this.late(passed)
  }

  /** Called when this deadline has passed, or others need the place of a connection that has it. */
  late(passed: Passed): void {
    const { deadlines, end, exchange, queue, takenOver } = this.connection
    switch (passed) {
      case "FirstRequest":
      case "Idle":
      case "Linger":
        return end.close("timed out")
      case "Place":
        return this.connection.refuse(noPlace())
      case "Head":
        return this.connection.refuse(headTimeout("the head did not come in time (timeouts.head)"))
      case "Request":
        return this.requestLate()
      case "Body":
      case "BodyPace":
        return exchange?.body.fail(lateBody[passed]())
      case "HalfClosed":
        if (deadlines.takesNothing(queue.handed)) return end.abort(exchange, "ClientGone")
        return deadlines.awaitHalfClosed(queue.handed)
      case "Leftover":
        this.leftoverLate()
        return this.connection.bodyDropped()
      case "Handler":
        return exchange === undefined || exchange.headSent ? undefined : end.answerFor(exchange, lateHandler())
      case "Write":
        return takenOver?.takesOn() === true ? undefined : end.abort(exchange, "WriteTimeout")
      case "DownloadPace":
        return end.abort(exchange, "WriteTimeout")
    }
  }

  // Called when hooks and finalizers have not ended in time.
  private hooksLate(): void {
    const { end, exchange, socketEnd, wire } = this.connection
    end.close(wire?.closeReason ?? "timed out")
    socketEnd.late()
    // the hooks run without the finalizers of the request
    if (exchange?.isRunning === true) end.late(exchange)
  }

  // Called when the request has not arrived whole in its time.
  private requestLate(): void {
    const { deadlines, end, exchange, inflow, phase } = this.connection
    if (phase === "Head") {
      return this.connection.refuse(headTimeout("the request did not come in time (timeouts.request)"))
    }
    if (exchange === undefined || exchange.stage === "Dropping") return
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
    if (!exchange.headSent) return end.answerFor(exchange, isHeld ? lateReader() : error)
    body.fail(error)
    this.leftoverLate()
  }

  private leftoverLate(): void {
    this.connection.wire?.refuseReuse("the rest of the body is late")
  }
}
