/**
 * Sums over workers, those that are gone included.
 *
 * @since 0.2.0
 */
import type { Beat } from "./messages.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Totals {
  readonly requests: number
  readonly refused: number
  readonly aborted: number
  readonly responseBytes: number
}

/**
 * @since 0.2.0
 * @category constants
 */
export const noTotals: Totals = { requests: 0, refused: 0, aborted: 0, responseBytes: 0 }

/**
 * @since 0.2.0
 * @category combinators
 */
export const addBeat = (totals: Totals, beat: Beat): Totals => ({
  requests: totals.requests + beat.requests,
  refused: totals.refused + beat.refused,
  aborted: totals.aborted + beat.aborted,
  responseBytes: totals.responseBytes + beat.responseBytes
})
