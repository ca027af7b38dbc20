/**
 * Creates the records of the access log.
 *
 * @since 0.2.0
 */
import type { RecordedExchange } from "../exchange/CarriedExchange.js"
import type { Clock } from "../exchange/Clock.js"
import type { Peer } from "../exchange/Peer.js"
import type { Refused } from "../exchange/Session.js"
import type { AccessRecord } from "./AccessRecord.js"

/**
 * The status for the log and the metrics. If none was sent, it is 101 for a connection that was taken over, 503 for a request
 * that the server has cut, and 499, as in nginx, for a client that left.
 *
 * @since 0.2.0
 * @category accessors
 */
export const statusOf = (exchange: RecordedExchange): number => {
  if (exchange.status !== undefined) return exchange.status
  const outcome = exchange.outcome
  if (outcome?._tag === "Sent") return 101
  return outcome?._tag === "Aborted" && (outcome.reason === "Stopped" || outcome.reason === "Closed") ? 503 : 499
}

/**
 * The record of an exchange that is over.
 *
 * @since 0.2.0
 * @category constructors
 */
export const exchangeRecord = (exchange: RecordedExchange, time: Clock): AccessRecord => {
  const outcome = exchange.conclude()
  return {
    connectionId: exchange.peer.id,
    remote: exchange.peer.remote,
    client: exchange.forwarded?.client,
    requestLine: exchange.request.line,
    request: exchange.request,
    status: statusOf(exchange),
    bodyBytes: outcome.bodyBytes,
    wireBytes: outcome.wireBytes,
    startTime: time.shown(outcome.startTime),
    endTime: time.shown(outcome.endTime),
    outcome,
    refused: undefined
  }
}

/**
 * The record of a request that was refused before there was an exchange.
 *
 * @since 0.2.0
 * @category constructors
 */
export const refusedRecord = (
  peer: Peer,
  line: string,
  { bodyBytes, error, since, wireBytes }: Refused,
  time: Clock
): AccessRecord => {
  const now = time.now()
  return {
    connectionId: peer.id,
    remote: peer.remote,
    requestLine: line,
    request: undefined,
    status: error.status,
    bodyBytes,
    wireBytes,
    startTime: time.shown(since ?? now),
    endTime: time.shown(now),
    outcome: undefined,
    refused: error
  }
}
