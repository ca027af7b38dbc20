/**
 * The metrics of one server as plain data: for a message to another process, or for JSON.
 *
 * @module
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { invalidOption } from "./OptionNames.js"

/**
 * The metrics of a server. `connections` are those that are open now; all other numbers are counted since the start and never
 * fall. Reasons and classes that have not occurred are absent.
 *
 * @since 0.2.0
 * @category models
 */
export interface ServerMetrics {
  readonly connections: {
    /** Open, without a request in progress. */
    readonly idle: number
    readonly active: number
    /** Accepted, and waiting for a place (`limits.connections`). */
    readonly waiting: number
  }
  /** Connections that were served. */
  readonly accepted: number
  /**
   * Connections that were lost before they were served, by reason: `Handshake`, `Accept`, `Reset`; with PROXY headers
   * `ProxyMissing`, `ProxyMalformed`, `ProxyLate` and `ProxyStranger`; `NoRoom` if more came than can wait for a place or be
   * refused, `Stopped` after the stop.
   */
  readonly lost: Counts
  /** Requests for which the application was called, by class of status: `"1xx"` (connection taken over) to `"5xx"`. */
  readonly requests: Counts
  /** Of these, the aborted ones by reason: `ClientGone`, `Stopped`, `WriteTimeout` and so on. */
  readonly aborted: Counts
  /** Requests that were refused before the application was called, by the reason of their `RequestError`. */
  readonly refused: Counts
  /** Bytes handed to the kernel: interim responses, heads, framing and bodies. */
  readonly responseBytes: number
  /** From the complete head to the end of the exchange. */
  readonly duration: {
    /** Requests in each bucket, whose upper bound in seconds {@link durationBounds} has at the same index. */
    readonly buckets: ReadonlyArray<number>
    /** Seconds of all requests together. */
    readonly sum: number
  }
}

/**
 * Numbers by name: of requests by class of status, or by reason.
 *
 * @since 0.2.0
 * @category models
 */
export type Counts = Readonly<Record<string, number>>

/**
 * Upper bounds of the buckets in seconds. Each is twice the one before, and the last is `Infinity`.
 *
 * @since 0.2.0
 * @category constants
 */
export const durationBounds: ReadonlyArray<number> = [
  ...Array.from({ length: 15 }, (_, i) => 0.0005 * 2 ** i),
  Infinity
]

/**
 * The metrics of a new server.
 *
 * @since 0.2.0
 * @category constants
 */
export const zero: ServerMetrics = {
  connections: { idle: 0, active: 0, waiting: 0 },
  accepted: 0,
  lost: {},
  requests: {},
  aborted: {},
  refused: {},
  responseBytes: 0,
  duration: { buckets: durationBounds.map(() => 0), sum: 0 }
}

/**
 * The sum of the metrics of several servers, such as the workers of one port, or a server and its successor. Throws an
 * `OptionError` for a value that is not a list of metrics.
 *
 * @since 0.2.0
 * @category conversions
 */
export const sum = (each: Iterable<ServerMetrics>): ServerMetrics => {
  if (!Predicate.isIterable(each)) throw invalidOption("metrics", list, each)
  let total = zero
  for (const one of each) {
    if (!Predicate.hasProperty(one, "connections")) throw invalidOption("metrics", list, one)
    total = add(total, one)
  }
  return total
}

const list = "a list of what metrics() returns"

/**
 * The sum of the counts of all reasons or classes.
 *
 * @since 0.2.0
 * @category conversions
 */
export const total = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)

const add = (one: ServerMetrics, other: ServerMetrics): ServerMetrics => ({
  connections: {
    idle: one.connections.idle + other.connections.idle,
    active: one.connections.active + other.connections.active,
    waiting: one.connections.waiting + other.connections.waiting
  },
  accepted: one.accepted + other.accepted,
  lost: addCounts(one.lost, other.lost),
  requests: addCounts(one.requests, other.requests),
  aborted: addCounts(one.aborted, other.aborted),
  refused: addCounts(one.refused, other.refused),
  responseBytes: one.responseBytes + other.responseBytes,
  duration: {
    buckets: durationBounds.map((_, i) => (one.duration.buckets[i] ?? 0) + (other.duration.buckets[i] ?? 0)),
    sum: one.duration.sum + other.duration.sum
  }
})

const addCounts = (one: Counts, other: Counts): Counts => {
  const sum: Record<string, number> = { ...one }
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
