/**
 * Metrics as plain data: those of Effect, which include an application's own, and those of a server.
 *
 * @module
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import { type MetricSeries, ofProcess } from "./Series.js"

export { keyOf, lasting, type MetricSeries, ofApplication, ofServer, sum } from "./Series.js"

/**
 * All metrics of this process of the kinds that {@link MetricSeries} has.
 *
 * @since 0.2.0
 * @category constructors
 */
export const snapshot: Effect.Effect<ReadonlyArray<MetricSeries>> = Effect.sync(ofProcess)
