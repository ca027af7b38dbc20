/**
 * The Effect metrics of servers, which are always on.
 *
 * | metric                         | kind      | tags                                          |
 * | ------------------------------ | --------- | --------------------------------------------- |
 * | `tsgi_connections`             | gauge     | `state`: `idle`, `active`, `waiting`          |
 * | `tsgi_connections_accepted`    | counter   |                                               |
 * | `tsgi_requests`                | counter   | `status`: `1xx` (taken over) to `5xx`; 499: the client left; 503: cut by the stop |
 * | `tsgi_connections_lost`        | counter   | `reason`: why they were lost before they were accepted |
 * | `tsgi_requests_aborted`        | counter   | `reason`: why the exchange was aborted        |
 * | `tsgi_requests_refused`        | counter   | `reason`: why it was refused before the application was called |
 * | `tsgi_request_duration_seconds` | histogram |                                               |
 * | `tsgi_response_bytes`          | counter   | handed to the kernel, heads included          |
 *
 * @module
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import { durationBounds, type ServerMetrics } from "./ServerMetrics.js"

/**
 * Open connections. The count is at most 500 ms old.
 *
 * @since 0.1.0
 * @category metrics
 */
export const connections = Metric.gauge("tsgi_connections", { description: "Open connections by state" })

/**
 * Connections that were accepted.
 *
 * @since 0.1.0
 * @category metrics
 */
export const accepted = Metric.counter("tsgi_connections_accepted", {
  description: "Connections accepted",
  incremental: true
})

/**
 * Connections that were lost before they were accepted, by reason.
 *
 * @since 0.2.0
 * @category metrics
 */
export const lost = Metric.counter("tsgi_connections_lost", {
  description: "Connections lost before they were accepted",
  incremental: true
})

/**
 * Requests that were given to the application, by the class of the status answered.
 *
 * @since 0.1.0
 * @category metrics
 */
export const requests = Metric.counter("tsgi_requests", {
  description: "Requests given to the application, by class of the status answered",
  incremental: true
})

/**
 * Requests that were refused before the application saw them, by reason.
 *
 * @since 0.1.0
 * @category metrics
 */
export const refused = Metric.counter("tsgi_requests_refused", {
  description: "Requests refused before the application was called",
  incremental: true
})

/**
 * Requests given to the application that were aborted, by reason.
 *
 * @since 0.2.0
 * @category metrics
 */
export const aborted = Metric.counter("tsgi_requests_aborted", {
  description: "Requests given to the application that were aborted",
  incremental: true
})

/**
 * Seconds from the complete head to the end of the exchange.
 *
 * @since 0.1.0
 * @category metrics
 */
export const duration = Metric.histogram(
  "tsgi_request_duration_seconds",
  MetricBoundaries.fromIterable(durationBounds),
  "Seconds from the complete head to the end of the exchange"
)

/**
 * Bytes of exchanges that were handed to the kernel.
 *
 * @since 0.1.0
 * @category metrics
 */
export const responseBytes = Metric.counter("tsgi_response_bytes", {
  description: "Bytes of exchanges handed to the kernel",
  incremental: true
})

// A metric finds its series by the identity of the array of tags, so each series has one array.
const none: ReadonlyArray<MetricLabel.MetricLabel> = []
const statusTags = ["1xx", "2xx", "3xx", "4xx", "5xx"].map((value) => [MetricLabel.make("status", value)])
const stateTags = {
  idle: [MetricLabel.make("state", "idle")],
  active: [MetricLabel.make("state", "active")],
  waiting: [MetricLabel.make("state", "waiting")]
}
const reasonTags = new Map<string, ReadonlyArray<MetricLabel.MetricLabel>>()

/**
 * Counts an exchange that is over. Allocates nothing.
 *
 * @since 0.1.0
 * @category recording
 */
export const exchangeOver = (status: number, wireBytes: number, milliseconds: number): void => {
  requests.unsafeUpdate(1, statusTags[Math.floor(status / 100) - 1] ?? statusTags[4])
  responseBytes.unsafeUpdate(wireBytes, none)
  duration.unsafeUpdate(milliseconds / 1000, none)
}

/**
 * Counts a refused request.
 *
 * @since 0.1.0
 * @category recording
 */
export const requestRefused = (reason: string, wireBytes: number): void => {
  refused.unsafeUpdate(1, tagsOf(reason))
  responseBytes.unsafeUpdate(wireBytes, none)
}

const tagsOf = (reason: string): ReadonlyArray<MetricLabel.MetricLabel> => {
  let tags = reasonTags.get(reason)
  if (tags === undefined) {
    tags = [MetricLabel.make("reason", reason)]
    reasonTags.set(reason, tags)
  }
  return tags
}

/**
 * Counts a request that was aborted.
 *
 * @since 0.2.0
 * @category recording
 */
export const requestAborted = (reason: string): void => aborted.unsafeUpdate(1, tagsOf(reason))

/**
 * Counts a connection that was lost.
 *
 * @since 0.2.0
 * @category recording
 */
export const connectionLost = (reason: string): void => lost.unsafeUpdate(1, tagsOf(reason))

/**
 * Counts a connection that was accepted.
 *
 * @since 0.1.0
 * @category recording
 */
export const connectionAccepted = (): void => accepted.unsafeUpdate(1, none)

/**
 * The numbers of connections of a server, by state.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectionStates = ServerMetrics["connections"]

/**
 * Adds the difference of two counts of a server to the gauges, which all servers of the process share.
 *
 * @since 0.1.0
 * @category recording
 */
export const connectionStates = (before: ConnectionStates, now: ConnectionStates): void => {
  connections.unsafeModify(now.idle - before.idle, stateTags.idle)
  connections.unsafeModify(now.active - before.active, stateTags.active)
  connections.unsafeModify(now.waiting - before.waiting, stateTags.waiting)
}

/**
 * No connection in any state.
 *
 * @since 0.1.0
 * @category constants
 */
export const noConnections: ConnectionStates = { idle: 0, active: 0, waiting: 0 }
