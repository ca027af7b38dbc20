/**
 * What supervisor and workers say to each other. Plain data: a worker loads this, and no Effect.
 *
 * @since 0.2.0
 */

import type { MetricSeries } from "../server/MetricSeries.js"
import type { ServerMetrics } from "../server/ServerMetrics.js"

/**
 * Goes up when the messages change: a worker of another version than its supervisor's is not taken.
 *
 * @since 0.2.0
 * @category constants
 */
export const protocol = 1

/**
 * The first descriptor that a worker is given to listen on: after the three standard ones and the channel.
 *
 * @since 0.2.0
 * @category constants
 */
export const firstDescriptor = 4

/**
 * @since 0.2.0
 * @category models
 */
export type Interface = "auto" | "fetch" | "wsgi" | "effect"

/**
 * Which export of which file is the app.
 *
 * @since 0.2.0
 * @category models
 */
export interface AppSource {
  /** As it was given, for messages. */
  readonly name: string
  /** Absolute. */
  readonly file: string
  readonly export: string
  readonly factory: boolean
  readonly interface: Interface
}

/**
 * PEM texts, and what of clients is asked.
 *
 * @since 0.2.0
 * @category models
 */
export interface Tls {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly client: "none" | "request" | "require"
}

/**
 * Where a worker listens: on a descriptor that it is given, or at an address that it binds by itself.
 *
 * @since 0.2.0
 * @category models
 */
export type Place =
  | { readonly fd: number }
  | { readonly host: string; readonly port: number }
  | { readonly path: string; readonly mode: number }

/**
 * @since 0.2.0
 * @category models
 */
export type WorkerListener = Place & {
  readonly backlog: number
  readonly tls: Tls | undefined
  /** Which PROXY headers its connections begin with; `undefined`: none. */
  readonly proxy: "v1" | "v2" | "any" | undefined
  readonly proxyFrom: ReadonlyArray<string> | undefined
}

/**
 * All that a worker needs to know.
 *
 * @since 0.2.0
 * @category models
 */
export interface Assignment {
  readonly app: AppSource
  readonly listeners: ReadonlyArray<WorkerListener>
  /** Of the engine, as at its two doors. */
  readonly options: Readonly<Record<string, unknown>>
  /** `-` is standard error. */
  readonly accessLog: string
  readonly logFormat: string | undefined
  readonly settle: number
  readonly grace: number
  readonly title: string
  /** Are there others that serve the same app? */
  readonly multiprocess: boolean
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Serve extends Assignment {
  readonly type: "serve"
  readonly slot: number
  readonly generation: number
  /** Say so after so many requests; 0: never. */
  readonly tellAfter: number
  /** What TLS session tickets are sealed with: 48 bytes. */
  readonly ticketKeys: Uint8Array
}

/**
 * @since 0.2.0
 * @category models
 */
export type ToWorker =
  | Serve
  | { readonly type: "drain"; readonly settle: number; readonly spread: number; readonly grace: number }
  | { readonly type: "reopen" }
  /** What TLS session tickets are sealed with from here on. */
  | { readonly type: "ticketKeys"; readonly keys: Uint8Array }

/**
 * How a worker is, each second.
 *
 * @since 0.2.0
 * @category models
 */
export interface Beat {
  readonly type: "beat"
  readonly metrics: ServerMetrics
  /** The app's own. */
  readonly series: ReadonlyArray<MetricSeries>
  /** Milliseconds over the last second. */
  readonly loopDelay: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly rss: number
  readonly heap: number
  readonly handles: number
}

/**
 * Which step of its start a worker failed at: its app's module, an option, what the app makes, or a socket.
 *
 * @since 0.2.0
 * @category models
 */
export type Phase = "load" | "options" | "boot" | "listen"

/**
 * @since 0.2.0
 * @category models
 */
export type FromWorker =
  | { readonly type: "hello"; readonly protocol: number }
  /** `warnings` are of what the app does that is the command's part. */
  | { readonly type: "ready"; readonly interface: Exclude<Interface, "auto">; readonly warnings: ReadonlyArray<string> }
  | { readonly type: "failed"; readonly phase: Phase; readonly message: string; readonly stack: string | undefined }
  | Beat
  /** So many requests, as it was asked to tell. */
  | { readonly type: "enough"; readonly requests: number }
  /** It was told to end by another process. */
  | { readonly type: "leaving" }
  /** It accepts no more connections. */
  | { readonly type: "draining" }
  | { readonly type: "stopped"; readonly cut: number; readonly interrupted: number }

// What an app sends with `process.send` is not ours.
const isMarked = (given: unknown): boolean =>
  typeof given === "object" && given !== null && "tsgi" in given && "type" in given

/**
 * Whether this is a message of a worker.
 *
 * @since 0.2.0
 * @category guards
 */
export const isFromWorker = (given: unknown): given is FromWorker => isMarked(given)

/**
 * Marks a message as ours.
 *
 * @since 0.2.0
 * @category conversions
 */
export const marked = <A extends ToWorker | FromWorker>(message: A): A & { readonly tsgi: true } => ({
  ...message,
  tsgi: true
})

/**
 * Whether this is a message of the supervisor.
 *
 * @since 0.2.0
 * @category guards
 */
export const isToWorker = (given: unknown): given is ToWorker => isMarked(given)
