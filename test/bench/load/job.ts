/** What a load is told to do, and what it finds: JSON between processes. */
import type { Request } from "../scenarios.js"

export type Job = ContinueJob | IdleJob | LatencyJob | ReloadJob

interface Common {
  readonly request: Request
  /** Body of the right answer. */
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

/** Slices of the time for each server in turn; a result for each of them. */
export interface LatencyJob extends Common {
  readonly _tag: "Latency"
  readonly servers: ReadonlyArray<{ readonly name: string; readonly port: number }>
  /** Requests a second. */
  readonly rate: number
  /** An even number, so that all have the same places in the turns. */
  readonly slices: number
}

export interface Result {
  /** Bytes or responses a second, or the 99th percentile in milliseconds. */
  readonly value: number
  readonly details: Readonly<Record<string, number>>
}
