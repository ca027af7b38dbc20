/**
 * What a worker and its door know of each other.
 *
 * @since 0.2.0
 */
import type { MetricSeries } from "../server/MetricSeries.js"
import type { ServerMetrics } from "../server/ServerMetrics.js"
import type { Interface, Serve } from "./messages.js"

/**
 * An app that is being served.
 *
 * @since 0.2.0
 * @category models
 */
export interface Serving {
  /** Warnings of what was seen at the start. */
  readonly warnings?: ReadonlyArray<string>
  readonly stop: (options: { readonly settle: number; readonly spread: number; readonly grace: number }) => Promise<
    { readonly cut: number; readonly interrupted: number } | undefined
  >
  readonly metrics: () => ServerMetrics
  /** The app's own metrics. */
  readonly series: () => ReadonlyArray<MetricSeries>
  readonly reopen: () => void
  readonly setTicketKeys: (keys: Uint8Array) => void
}

/**
 * A loaded app: `value` is a WSGI function, a function or object with `fetch`, an Effect or a Layer.
 *
 * @since 0.2.0
 * @category models
 */
export interface LoadedApp {
  readonly kind: Exclude<Interface, "auto">
  readonly value: unknown
  /** Warnings that the app does what is the command's part. */
  readonly warnings: ReadonlyArray<string>
}

/**
 * Serves a loaded app. Resolves when it listens.
 *
 * `enough` is called once the app has had as many requests as its assignment says.
 * `isAlone` says whether all fibers and sockets of the process are the worker's; the default is false.
 *
 * @since 0.2.0
 * @category models
 */
export type Open = (
  app: LoadedApp,
  serve: Serve,
  enough: (requests: number) => void,
  isAlone?: boolean
) => Promise<Serving>

/**
 * The error for an app that cannot be served. Its message says everything, so no stack is shown.
 *
 * @since 0.2.0
 * @category errors
 */
export class AppError extends Error {
  override readonly name = "AppError"
}

/**
 * Returns a function that calls `tell` at its nth call, where n is `enough`. If that is 0, it never does.
 *
 * @since 0.2.0
 * @category constructors
 */
export const counter = (enough: number, tell: (count: number) => void): () => void => {
  let count = 0
  return () => {
    count++
    if (count === enough) tell(count)
  }
}
