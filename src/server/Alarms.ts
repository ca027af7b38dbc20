/**
 * The two alarms of a server: one for deadlines and counts, and one for connections that wait for a place.
 *
 * @since 0.2.0
 */
import { Alarm } from "../exchange/Alarm.js"
import type { Clock } from "../exchange/Clock.js"
import { type Admission, lookPause } from "./Admission.js"
import type { Config } from "./Config.js"
import type { Runners } from "./runners.js"
import { leastInterval, longestStale, sweeper } from "./Sweep.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Alarms {
  readonly deadlines: Alarm
  /** Called after a change: counts the connections again before their counts are {@link longestStale} ms old. */
  readonly countSoon: () => void
  /** Looks soon for a place for a connection that waits. */
  readonly lookSoon: () => void
  readonly close: () => void
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  config: Config,
  time: Clock,
  connections: Admission,
  schedule: Runners["schedule"]
): Alarms => {
  const sweep = sweeper(connections, time)
  // true: the next ring comes before the counts are too old
  let isCountDue = false
  const ring = (): number => {
    isCountDue = false
    return sweep.ring()
  }
  const deadlines = new Alarm({ time, schedule, ring, interval: leastInterval(config) })
  const places = new Alarm({
    time,
    schedule,
    ring: () => {
      connections.look()
      return connections.nextLook
    },
    interval: lookPause
  })
  return {
    deadlines,
    countSoon: () => {
      if (isCountDue) return
      isCountDue = true
      deadlines.by(time.tick() + longestStale)
    },
    lookSoon: () => places.by(connections.nextLook),
    close: () => {
      deadlines.close()
      places.close()
      sweep.end()
    }
  }
}
