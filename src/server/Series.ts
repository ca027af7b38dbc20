/**
 * Metrics as plain data: those of Effect, which include an application's own, and those of a server. No type of Effect is in its
 * declarations, because the plain door exports them too.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import { type Counts, durationBounds, type ServerMetrics } from "./ServerMetrics.js"

/**
 * One series: a name with its tags, and its current value.
 *
 * @since 0.2.0
 * @category models
 */
export interface MetricSeries {
  readonly name: string
  readonly description: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly state:
    | { readonly _tag: "Counter"; readonly count: number }
    | { readonly _tag: "Gauge"; readonly value: number }
    /** How often each word occurred. */
    | { readonly _tag: "Frequency"; readonly occurrences: Readonly<Record<string, number>> }
    /** Each bucket has its upper bound, and the number of values up to it. The last bound is `null`: infinity. */
    | {
      readonly _tag: "Histogram"
      readonly buckets: ReadonlyArray<readonly [bound: number | null, count: number]>
      readonly count: number
      readonly sum: number
    }
    /** A quantile is `null` if there are no recent values. The sum of several processes has no quantiles. */
    | {
      readonly _tag: "Summary"
      readonly quantiles: ReadonlyArray<readonly [quantile: number, value: number | null]>
      readonly count: number
      readonly sum: number
    }
}

/**
 * All metrics of this process of the kinds that {@link MetricSeries} has.
 *
 * @since 0.2.0
 * @category constructors
 */
export const ofProcess = (): ReadonlyArray<MetricSeries> =>
  Effect.runSync(Metric.snapshot).flatMap(({ metricKey, metricState }) => {
    const state = stateOf(metricState)
    if (state === undefined) return []
    return [{
      name: metricKey.name,
      description: Option.getOrUndefined(metricKey.description),
      tags: Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value])),
      state
    }]
  })

/**
 * The application's own metrics: those of this process whose names do not begin with `tsgi_`. Copies of Effect 3 in one process
 * share their metrics if they have the same version.
 *
 * @since 0.2.0
 * @category constructors
 */
export const ofApplication = (): ReadonlyArray<MetricSeries> =>
  ofProcess().filter(({ name }) => !name.startsWith("tsgi_"))

/**
 * The metrics of a server as series, with the names of its Effect metrics.
 *
 * @since 0.2.0
 * @category conversions
 */
export const ofServer = (metrics: ServerMetrics): ReadonlyArray<MetricSeries> => {
  const one = (name: string, description: string, state: State, tags = {}): MetricSeries => ({
    name,
    description,
    tags,
    state
  })
  const by = (name: string, description: string, tag: string, counts: Counts): ReadonlyArray<MetricSeries> =>
    Object.entries(counts).map(([value, count]) => one(name, description, { _tag: "Counter", count }, { [tag]: value }))
  let below = 0
  const buckets = durationBounds.map((bound, i): readonly [number | null, number] => {
    below += metrics.duration.buckets[i] ?? 0
    return [finite(bound), below]
  })
  return [
    ...Object.entries(metrics.connections).map(([state, value]) =>
      one("tsgi_connections", "Open connections by state", { _tag: "Gauge", value }, { state })
    ),
    one("tsgi_connections_accepted", "Connections accepted", { _tag: "Counter", count: metrics.accepted }),
    ...by("tsgi_connections_lost", "Connections lost before they were accepted", "reason", metrics.lost),
    ...by(
      "tsgi_requests",
      "Requests given to the application, by class of the status answered",
      "status",
      metrics.requests
    ),
    ...by(
      "tsgi_requests_aborted",
      "Requests given to the application that were aborted",
      "reason",
      metrics.aborted
    ),
    ...by("tsgi_requests_refused", "Requests refused before the application was called", "reason", metrics.refused),
    one("tsgi_request_duration_seconds", "Seconds from the complete head to the end of the exchange", {
      _tag: "Histogram",
      buckets,
      count: below,
      sum: metrics.duration.sum
    }),
    one("tsgi_response_bytes", "Bytes of exchanges handed to the kernel", {
      _tag: "Counter",
      count: metrics.responseBytes
    })
  ]
}

/**
 * The series that still count after their process has ended: all but gauges.
 *
 * @since 0.2.0
 * @category conversions
 */
export const lasting = (series: ReadonlyArray<MetricSeries>): ReadonlyArray<MetricSeries> =>
  series.filter(({ state }) => state._tag !== "Gauge")

/**
 * The key of a series: the same in every process, for any order of its tags.
 *
 * @since 0.2.0
 * @category accessors
 */
export const keyOf = ({ name, state, tags }: MetricSeries): string =>
  JSON.stringify([name, state._tag, Object.entries(tags).sort()])

/**
 * The sum of the series of several processes. Series with the same key are added up, gauges too.
 *
 * @since 0.2.0
 * @category conversions
 */
export const sum = (each: Iterable<ReadonlyArray<MetricSeries>>): ReadonlyArray<MetricSeries> => {
  const sums = new Map<string, MetricSeries>()
  for (const series of each) {
    for (const one of series) {
      const key = keyOf(one)
      const before = sums.get(key)
      sums.set(key, before === undefined ? one : { ...one, state: add(before.state, one.state) })
    }
  }
  return [...sums.values()]
}

type State = MetricSeries["state"]

const finite = (bound: number): number | null => Number.isFinite(bound) ? bound : null

const stateOf = (state: MetricState.MetricState.Untyped): State | undefined => {
  if (MetricState.isCounterState(state)) return { _tag: "Counter", count: Number(state.count) }
  if (MetricState.isGaugeState(state)) return { _tag: "Gauge", value: Number(state.value) }
  if (MetricState.isFrequencyState(state)) {
    return { _tag: "Frequency", occurrences: Object.fromEntries(state.occurrences) }
  }
  if (MetricState.isHistogramState(state)) {
    return {
      _tag: "Histogram",
      buckets: state.buckets.map(([bound, count]) => [finite(bound), count]),
      count: state.count,
      sum: state.sum
    }
  }
  if (MetricState.isSummaryState(state)) {
    return {
      _tag: "Summary",
      quantiles: state.quantiles.map(([quantile, value]) => [quantile, Option.getOrNull(value)]),
      count: state.count,
      sum: state.sum
    }
  }
  return undefined
}

const add = (one: State, other: State): State => {
  if (one._tag === "Counter" && other._tag === "Counter") return { ...one, count: one.count + other.count }
  if (one._tag === "Gauge" && other._tag === "Gauge") return { ...one, value: one.value + other.value }
  if (one._tag === "Frequency" && other._tag === "Frequency") {
    const occurrences: Record<string, number> = { ...one.occurrences }
    for (const [word, count] of Object.entries(other.occurrences)) occurrences[word] = (occurrences[word] ?? 0) + count
    return { ...one, occurrences }
  }
  if (one._tag === "Histogram" && other._tag === "Histogram") {
    // buckets are matched by their bounds, because a worker of another version may have other buckets
    const counts = new Map(other.buckets)
    return {
      ...one,
      buckets: one.buckets.map(([bound, count]) => [bound, count + (counts.get(bound) ?? 0)]),
      count: one.count + other.count,
      sum: one.sum + other.sum
    }
  }
  if (one._tag === "Summary" && other._tag === "Summary") {
    return { ...one, quantiles: [], count: one.count + other.count, sum: one.sum + other.sum }
  }
  return other
}
