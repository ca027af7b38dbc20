/**
 * The lines about workers that end, and the fields of their JSON lines.
 *
 * @since 0.2.0
 */
import type { Recycling } from "./Plan.js"
import type { ChildExit } from "./Spawner.js"
import { describeCount, describeTime, plural } from "./values.js"
import type { Worker } from "./WorkerLife.js"

/**
 * The end of a worker that was ready.
 *
 * @since 0.2.0
 * @category models
 */
export interface Departure {
  readonly worker: Worker
  readonly exit: ChildExit
  /** Milliseconds for which the worker lived. */
  readonly lived: number
}

/**
 * How a process ended.
 *
 * @since 0.2.0
 * @category conversions
 */
export const endOf = ({ code, signal }: ChildExit): string =>
  signal === null ? `exited with code ${code}` : `was killed by ${signal}`

/**
 * `worker 1 (4720) exited with code 0 after 46 min, 18,231 requests; 2 cut`
 *
 * @since 0.2.0
 * @category conversions
 */
export const goneLine = ({ exit, lived, worker }: Departure): string => {
  const { cut = 0, interrupted = 0 } = worker.stopReport ?? {}
  const lost = [
    ...(interrupted > 0 ? [`${describeCount(interrupted)} interrupted`] : []),
    ...(cut > 0 ? [`${describeCount(cut)} cut`] : [])
  ]
  return `${worker.name} ${endOf(exit)} after ${describeTime(lived)}, ${plural(worker.requests, "request")}${
    lost.length === 0 ? "" : `; ${lost.join(", ")}`
  }`
}

/**
 * @since 0.2.0
 * @category conversions
 */
export const goneFields = ({ exit, worker }: Departure): Readonly<Record<string, unknown>> => ({
  slot: worker.slot,
  pid: worker.pid,
  ...exit,
  requests: worker.requests,
  ...worker.stopReport
})

/**
 * The presumed cause of an end that the supervisor did not ask for.
 *
 * @since 0.2.0
 * @category conversions
 */
export const suspectedCause = ({ exit, worker }: Departure): string =>
  worker.reason === "hang"
    ? "; its event loop had hung;"
    : worker.cause !== undefined
    ? `; ${worker.cause};`
    : exit.signal === "SIGKILL"
    ? "; nobody here did it: out of memory?"
    : ";"

/**
 * @since 0.2.0
 * @category conversions
 */
export const nextTry = (milliseconds: number): string => ` next try in ${describeTime(milliseconds)}`

/**
 * @since 0.2.0
 * @category conversions
 */
export const requestsReached = (requests: number, { maxRequests }: Recycling): string =>
  `${plural(requests, "request")}, with --max-requests ${describeCount(maxRequests)}`
