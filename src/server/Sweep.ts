/**
 * Acts on deadlines and counts connections, even while the connections themselves do nothing.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { Admission } from "./Admission.js"
import type { Config } from "./Config.js"
import * as Metrics from "./Metrics.js"
import type { ServerMetrics } from "./ServerMetrics.js"

/**
 * The most milliseconds for which the counts of connections are out of date. If nothing changes, they are not counted again.
 *
 * @since 0.2.0
 * @category constants
 */
export const longestStale = 500

/**
 * `ring` acts on the deadlines that have passed, counts the connections, and returns the earliest deadline that is left.
 * `end` sets the counts to 0.
 *
 * @since 0.2.0
 * @category constructors
 */
export const sweeper = (
  connections: Admission,
  time: Pick<Clock, "tick">
): { readonly ring: () => number; readonly end: () => void } => {
  let before = Metrics.noConnections
  const count = (current: Metrics.ConnectionStates): void => {
    Metrics.connectionStates(before, current)
    before = current
  }
  return {
    ring: () => {
      const now = time.tick()
      for (const connection of [...connections]) if (now >= connection.nextDeadline) connection.sweep()
      count(statesOf(connections))
      let next = Infinity
      for (const { nextDeadline } of connections) if (nextDeadline < next) next = nextDeadline
      return next
    },
    end: () => count(Metrics.noConnections)
  }
}

/**
 * Counts the connections of each kind.
 *
 * @since 0.2.0
 * @category accessors
 */
export const statesOf = (connections: Admission): ServerMetrics["connections"] => {
  let idle = 0
  for (const { activity, place } of connections) if (activity === "Idle" && place.state !== "Waiting") idle++
  return { idle, active: connections.size - idle, waiting: connections.waitingSize }
}

/**
 * Milliseconds between two sweeps: an eighth of the shortest deadline, from 5 to 500. A deadline acts at most this late.
 *
 * @since 0.2.0
 * @category accessors
 */
export const leastInterval = ({ rates, timeouts }: Pick<Config, "rates" | "timeouts">): number => {
  // handshakes and stops have their own timers
  const { body, firstRequest, halfClose, handler, head, hooks, idle, interrupt, leftoverBody, place, request, write } =
    timeouts
  const { linger, lingerTotal } = timeouts
  const ofRequests = Math.min(firstRequest, idle, place, head, body, request, handler, rates.window)
  const ofEnds = Math.min(halfClose, hooks, interrupt, leftoverBody, linger, lingerTotal, write)
  return Math.max(5, Math.min(500, Math.min(ofRequests, ofEnds) / 8))
}
