/**
 * Counts connections and requests of one server, for its own metrics and for Effect's.
 *
 * @since 0.2.0
 */
import type { Outcome } from "../exchange/Outcome.js"
import type { TransportError } from "../exchange/ServerError.js"
import * as Metrics from "./Metrics.js"
import { durationBounds, type ServerMetrics } from "./ServerMetrics.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Counters {
  private accepted = 0
  private responseBytes = 0
  private seconds = 0
  // responses by class of status, from 1xx to 5xx
  private readonly statuses = [0, 0, 0, 0, 0]
  private readonly buckets = durationBounds.map(() => 0)
  private readonly lostBy = new Map<string, number>()
  private readonly abortedBy = new Map<string, number>()
  private readonly refusedBy = new Map<string, number>()

  /** Counts an exchange that is over. Where `outcome` is absent, the response was sent. */
  exchangeOver(status: number, wireBytes: number, milliseconds: number, outcome: Outcome | undefined): void {
    this.statuses[Math.min(Math.max(Math.floor(status / 100), 1), 5) - 1]++
    this.responseBytes += wireBytes
    this.seconds += milliseconds / 1000
    this.buckets[bucketOf(milliseconds)]++
    if (outcome?._tag === "Aborted") {
      count(this.abortedBy, outcome.reason)
      Metrics.requestAborted(outcome.reason)
    }
    Metrics.exchangeOver(status, wireBytes, milliseconds)
  }

  requestRefused(reason: string, wireBytes: number): void {
    count(this.refusedBy, reason)
    this.responseBytes += wireBytes
    Metrics.requestRefused(reason, wireBytes)
  }

  connectionAccepted(): void {
    this.accepted++
    Metrics.connectionAccepted()
  }

  connectionLost({ detail, reason }: Pick<TransportError, "detail"> & { readonly reason: string }): void {
    const why = detail === undefined ? reason : `${reason}${detail}`
    count(this.lostBy, why)
    Metrics.connectionLost(why)
  }

  metrics(connections: ServerMetrics["connections"]): ServerMetrics {
    const requests: Record<string, number> = {}
    this.statuses.forEach((count, i) => {
      if (count > 0) requests[`${i + 1}xx`] = count
    })
    return {
      connections,
      accepted: this.accepted,
      lost: Object.fromEntries(this.lostBy),
      requests,
      aborted: Object.fromEntries(this.abortedBy),
      refused: Object.fromEntries(this.refusedBy),
      responseBytes: this.responseBytes,
      duration: { buckets: [...this.buckets], sum: this.seconds }
    }
  }
}

const count = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

const bucketOf = (milliseconds: number): number => {
  let bucket = 0
  while (milliseconds / 1000 > durationBounds[bucket]) bucket++
  return bucket
}
