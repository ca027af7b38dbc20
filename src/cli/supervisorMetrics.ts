/**
 * All metrics of a running server: the sums over its workers and their apps, and the supervisor's own.
 *
 * @since 0.2.0
 */
import { lasting, type MetricSeries, ofServer, sum as sumSeries } from "../server/MetricSeries.js"
import { sum } from "../server/ServerMetrics.js"
import type { Facts } from "./Facts.js"
import { asGauges, known } from "./fallenCounters.js"
import type { TextSeries } from "./PrometheusText.js"
import { isReady } from "./Status.js"
import type { WorkerState } from "./WorkerLife.js"

const states: ReadonlyArray<WorkerState> = ["booting", "ready", "settling", "draining", "hung"]

/**
 * @param now milliseconds of the monotonic clock
 *
 * @since 0.2.0
 * @category conversions
 */
export const seriesOf = (facts: Facts, now: number): ReadonlyArray<TextSeries> => {
  const workers = [...facts.workers]
  const fallenCounters = new Set([facts, ...workers].flatMap((one) => [...one.fallenCounters]))
  const gauge = (name: string, description: string, value: number, tags = {}): MetricSeries => ({
    name,
    description,
    tags,
    state: { _tag: "Gauge", value }
  })
  const counter = (name: string, description: string, count: number, tags: Record<string, string>): MetricSeries => ({
    name,
    description,
    tags,
    state: { _tag: "Counter", count }
  })
  // only workers that serve are counted, because one that leaves a slot would have the same labels as its successor
  const serving = facts.slots.flatMap(({ current }) => current === undefined ? [] : [current])
  return [
    ...ofServer(sum([facts.past, ...workers.map(({ beat }) => beat.metrics)])),
    ...sumSeries([
      lasting(asGauges(facts.pastSeries, fallenCounters)),
      ...workers.map(({ beat }) => asGauges(beat.series, fallenCounters))
    ]).map((series): TextSeries => ({
      ...series,
      wasCounter: fallenCounters.has(series.name) && !known.includes(series.name)
    })),
    ...states.map((state) =>
      gauge(
        "tsgi_workers",
        "Worker processes by state",
        workers.filter((worker) => worker.stateAt(now) === state).length,
        {
          state
        }
      )
    ),
    ...Object.entries(facts.restarts).map(([reason, count]) =>
      counter("tsgi_worker_exits_total", "Workers that were replaced, by reason", count, { reason })
    ),
    ...Object.entries(facts.reloads).map(([result, count]) =>
      counter("tsgi_reloads_total", "Reloads by result", count, { result })
    ),
    gauge("tsgi_ready", "1 while requests are served and balancers may send more", isReady(facts) ? 1 : 0),
    ...serving.map(({ beat, slot }) =>
      gauge("tsgi_worker_resident_memory_bytes", "Resident memory of a worker", beat.rss, { slot: String(slot) })
    ),
    ...serving.map(({ beat: { loopDelay: { max, p50, p99 } }, slot }): TextSeries => ({
      name: "tsgi_worker_event_loop_delay_seconds",
      description: "Delay of a worker's event loop over the last second",
      tags: { slot: String(slot) },
      state: { _tag: "Quantiles", quantiles: [[0.5, p50 / 1000], [0.99, p99 / 1000], [1, max / 1000]] }
    }))
  ]
}
