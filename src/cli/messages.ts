/**
 * The messages between supervisor and workers. They are plain data, so that a worker need not load Effect for them.
 *
 * @since 0.2.0
 */

import type { MetricSeries } from "../server/MetricSeries.js"
import type { ServerMetrics } from "../server/ServerMetrics.js"

/**
 * The version of the messages. A supervisor refuses a worker of another version.
 *
 * @since 0.2.0
 * @category constants
 */
export const protocol = 1

/**
 * The first descriptor of a worker's sockets, after the three standard ones and the channel.
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
 * The place of the app: an export of a file.
 *
 * @since 0.2.0
 * @category models
 */
export interface AppSource {
  /** The name as given, for messages. */
  readonly name: string
  /** The absolute path of the file. */
  readonly file: string
  readonly export: string
  readonly factory: boolean
  readonly interface: Interface
}

/**
 * PEM texts, and whether clients must show a certificate.
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
 * The place at which a worker listens: an inherited descriptor, or an address that it binds itself.
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
  /** The version of the PROXY headers with which connections begin; `undefined` for none. */
  readonly proxy: "v1" | "v2" | "any" | undefined
  readonly proxyFrom: ReadonlyArray<string> | undefined
}

/**
 * The assignment that is the same for all workers of a plan.
 *
 * @since 0.2.0
 * @category models
 */
export interface Assignment {
  readonly app: AppSource
  readonly listeners: ReadonlyArray<WorkerListener>
  /** Those of the listeners as they are shown, in the same order. */
  readonly addresses: ReadonlyArray<string>
  /** The command's other sockets in the worker's process: those of the supervisor where that serves. */
  readonly others: ReadonlyArray<Place>
  /** The engine's options, as at its two doors. */
  readonly options: Readonly<Record<string, unknown>>
  /** The file of the access log; `-` is standard error. */
  readonly accessLog: string
  readonly logFormat: string | undefined
  /** Whether workers log their addresses. On a terminal, the supervisor's banner has them. */
  readonly announce: boolean
  readonly settle: number
  readonly grace: number
  /** The title of its process, which its slot follows. */
  readonly title: string
  /** Whether other workers serve the same app. */
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
  /** The number of requests after which the worker sends `enough`; with 0 it never does. */
  readonly tellAfter: number
  /** The key that seals TLS session tickets: 48 bytes. */
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
  /** The new key that seals TLS session tickets. */
  | { readonly type: "ticketKeys"; readonly keys: Uint8Array }

/**
 * The condition of a worker, which it reports each second.
 *
 * @since 0.2.0
 * @category models
 */
export interface Beat {
  readonly type: "beat"
  readonly metrics: ServerMetrics
  /** The app's own metrics. */
  readonly series: ReadonlyArray<MetricSeries>
  /** The delay of the event loop over the last second, in milliseconds. */
  readonly loopDelay: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly rss: number
  readonly heap: number
  readonly handles: number
}

/**
 * The step of a start that failed: loading the app's module, reading options, making the app, or listening.
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
  /** The app's module is loaded; what it needs may still be awaited. */
  | { readonly type: "loaded" }
  /** `warnings` say that the app does what is the command's part. */
  | { readonly type: "ready"; readonly interface: Exclude<Interface, "auto">; readonly warnings: ReadonlyArray<string> }
  /** What its app does that is the command's part, seen after it was ready. */
  | { readonly type: "warning"; readonly text: string }
  /** It does not become ready; after that, what its process ends of. */
  | { readonly type: "failed"; readonly phase: Phase; readonly message: string; readonly stack: string | undefined }
  | Beat
  /** The worker has had `tellAfter` requests. */
  | { readonly type: "enough"; readonly requests: number }
  /** Another process has told the worker to end. */
  | { readonly type: "leaving" }
  /** The worker accepts no more connections. */
  | { readonly type: "draining" }
  | { readonly type: "stopped"; readonly cut: number; readonly interrupted: number }

// A message without the mark is the app's own, sent with `process.send`.
const isMarked = (given: unknown): boolean =>
  typeof given === "object" && given !== null && "tsgi" in given && "type" in given

/**
 * Whether this is a message of a worker to its supervisor.
 *
 * @since 0.2.0
 * @category guards
 */
export const isFromWorker = (given: unknown): given is FromWorker => isMarked(given)

/**
 * Marks a message as one between supervisor and worker.
 *
 * @since 0.2.0
 * @category conversions
 */
export const marked = <A extends ToWorker | FromWorker>(message: A): A & { readonly tsgi: true } => ({
  ...message,
  tsgi: true
})

/**
 * Whether this is a message of the supervisor to a worker.
 *
 * @since 0.2.0
 * @category guards
 */
export const isToWorker = (given: unknown): given is ToWorker => isMarked(given)
