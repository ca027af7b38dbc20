/**
 * Counters that fall. An Effect counter may fall unless it is `incremental`, a flag that most programs do not set. A counter that
 * has fallen is exported as a gauge, because Prometheus takes a falling counter for a new process.
 *
 * @since 0.2.0
 */
import { keyOf, type MetricSeries } from "../server/MetricSeries.js"

/**
 * The counters of Effect itself that fall.
 *
 * @since 0.2.0
 * @category constants
 */
export const known: ReadonlyArray<string> = ["effect_fiber_active"]

/**
 * The names of counters that are lower than before. A counter that is new was 0 before.
 *
 * @since 0.2.0
 * @category accessors
 */
export const fallen = (
  before: ReadonlyArray<MetricSeries>,
  now: ReadonlyArray<MetricSeries>
): ReadonlyArray<string> => {
  const counts = new Map(before.map((series) => [keyOf(series), countOf(series)]))
  return now.filter((series) => countOf(series) < (counts.get(keyOf(series)) ?? 0)).map(({ name }) => name)
}

/**
 * Makes gauges of the counters with these names.
 *
 * @since 0.2.0
 * @category conversions
 */
export const asGauges = (
  series: ReadonlyArray<MetricSeries>,
  names: ReadonlySet<string>
): ReadonlyArray<MetricSeries> =>
  series.map((one) =>
    one.state._tag === "Counter" && names.has(one.name)
      ? { ...one, state: { _tag: "Gauge", value: one.state.count } }
      : one
  )

const countOf = ({ state }: MetricSeries): number => state._tag === "Counter" ? state.count : Infinity
