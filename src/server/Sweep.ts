/**
 * Deadlines and counts, which must be attended to while a connection itself does nothing.
 *
 * @since 0.2.0
 */
import type { Config } from "../exchange/Config.js"
import type { Admission } from "./Admission.js"
import * as Metrics from "./Metrics.js"
import type { ServerMetrics } from "./ServerMetrics.js"

/**
 * Milliseconds for which the counts of connections may be out of date. While nothing happens, they are not counted.
 *
 * @since 0.2.0
 * @category constants
 */
export const mostStale = 500

/**
 * Acts on deadlines that have passed and counts the connections; returns the earliest deadline that is left.
 *
 * @since 0.2.0
 * @category constructors
 */
export const sweeper = (
  connections: Admission
): { readonly ring: () => number; readonly end: () => void } => {
  let before = Metrics.noConnections
  const count = (current: Metrics.ConnectionStates): void => {
    Metrics.connectionStates(before, current)
    before = current
  }
  return {
    ring: () => {
      for (const connection of [...connections]) {
        try {
          connection.sweep()
        } catch (error) {
          connection.broken(error)
        }
      }
      count(statesOf(connections))
      let next = Infinity
      for (const { nextDeadline } of connections) if (nextDeadline < next) next = nextDeadline
      return next
    },
    end: () => count(Metrics.noConnections)
  }
}

/**
 * How many connections there are of each kind.
 *
 * @since 0.2.0
 * @category accessors
 */
export const statesOf = (connections: Admission): ServerMetrics["connections"] => {
  let idle = 0
  for (const { activity, standing } of connections) if (activity === "Idle" && standing !== "Waiting") idle++
  return { idle, active: connections.size - idle, waiting: connections.waitingSize }
}

/**
 * An eighth of the shortest deadline, from 5 to 500 ms: none is met later than by this.
 *
 * @since 0.2.0
 * @category accessors
 */
export const leastInterval = ({ rates, timeouts }: Pick<Config, "rates" | "timeouts">): number => {
  // a handshake has a timer of its own, and a stop has its own steps
  const { body, firstRequest, halfClose, handler, head, idle, interrupt, leftoverBody, place, request, write } =
    timeouts
  const { linger, lingerTotal } = timeouts
  const ofRequests = Math.min(firstRequest, idle, place, head, body, request, handler, rates.window)
  const ofEnds = Math.min(halfClose, interrupt, leftoverBody, linger, lingerTotal, write)
  return Math.max(5, Math.min(500, Math.min(ofRequests, ofEnds) / 8))
}
