/**
 * An app that is served in a worker.
 *
 * @since 0.2.0
 */
import type { MetricSeries } from "../server/MetricSeries.js"
import type { ServerMetrics } from "../server/ServerMetrics.js"
import type { Interface, Serve } from "./messages.js"

/**
 * What both doors give.
 *
 * @since 0.2.0
 * @category models
 */
export interface Serving {
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
 * An app that was loaded: `value` is a WSGI function, an object with `fetch`, or an Effect or Layer.
 *
 * @since 0.2.0
 * @category models
 */
export interface LoadedApp {
  readonly kind: Exclude<Interface, "auto">
  readonly value: unknown
  /** What it does that is the command's part. */
  readonly warnings: ReadonlyArray<string>
}

/**
 * Serves a loaded app: resolves when it listens.
 *
 * @since 0.2.0
 * @category models
 */
export type Open = (
  app: LoadedApp,
  serve: Serve,
  enough: (requests: number) => void
) => Promise<Serving>

/**
 * The app cannot be served as it is: the message is all that there is to say.
 *
 * @since 0.2.0
 * @category errors
 */
export class AppError extends Error {
  override readonly name = "AppError"
}

/**
 * Calls back once, after so many calls of what it gives; 0 is never.
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
