/**
 * The condition of a worker's process, without Effect.
 *
 * @since 0.2.0
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { Beat } from "./messages.js"
import type { Serving } from "./Serving.js"

/** Milliseconds between two samples of the event loop's delay. */
const resolution = 10

/**
 * Returns a function that makes a beat. The delay of the event loop in it is that since the last beat.
 *
 * @since 0.2.0
 * @category constructors
 */
export const pulse = (): (serving: Serving) => Beat => {
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  return (serving) => {
    const { heapUsed, rss } = process.memoryUsage()
    const loopDelay = {
      p50: beyondResolution(delay.percentile(50)),
      p99: beyondResolution(delay.percentile(99)),
      max: beyondResolution(delay.max)
    }
    delay.reset()
    return {
      type: "beat",
      metrics: serving.metrics(),
      series: serving.series(),
      loopDelay,
      rss,
      heap: heapUsed,
      handles: process.getActiveResourcesInfo().length
    }
  }
}

// Node measures from sample to sample, so the resolution is subtracted. The result is in milliseconds, with two decimals.
const beyondResolution = (nanoseconds: number): number =>
  Math.max(0, Math.round(nanoseconds / 1e4 - 100 * resolution) / 100)
