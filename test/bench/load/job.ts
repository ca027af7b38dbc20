/** The job of a load and its result: JSON between processes. */
import type { Request } from "../scenarios.js"

export type Job = ContinueJob | IdleJob | LatencyJob | ReloadJob

interface Common {
  readonly request: Request
  /** The body of the correct answer. */
  readonly expected: string
  readonly connections: number
  readonly warmup: number
  readonly seconds: number
}

export interface ContinueJob extends Common {
  readonly _tag: "Continue"
  readonly port: number
  /** Bytes of each body. */
  readonly size: number
}

export interface IdleJob extends Common {
  readonly _tag: "Idle"
  readonly port: number
}

export interface ReloadJob extends Common {
  readonly _tag: "Reload"
  readonly port: number
}

/** Each server in turn has slices of the time. There is a result for each server. */
export interface LatencyJob extends Common {
  readonly _tag: "Latency"
  readonly servers: ReadonlyArray<{ readonly name: string; readonly port: number }>
  /** Requests a second. */
  readonly rate: number
  /** The number of slices. It is even, so that all servers have the same places in the turns. */
  readonly slices: number
}

export interface Result {
  /** Bytes or responses a second, or the 99th percentile in milliseconds. */
  readonly value: number
  readonly details: Readonly<Record<string, number>>
}
