/**
 * The bound on a body that is read into memory.
 *
 * @since 0.2.0
 */
import type { EngineLimits } from "../exchange/Config.js"

/**
 * The most bytes that the body may have, and the name of the option that raises this number.
 *
 * @since 0.2.0
 * @category models
 */
export interface BodyBound {
  readonly most: number
  readonly lift: string
}

/**
 * How a body is read: whole, as it is, or parsed, which takes a multiple of its length in memory.
 *
 * @since 0.2.0
 * @category models
 */
export type Reading = "whole" | "parsed"

/**
 * The bound on a body that is read in this way.
 *
 * @since 0.2.0
 * @category accessors
 */
export const boundOf = (
  reading: Reading,
  { parsedBody, wholeBody }: Pick<EngineLimits, "parsedBody" | "wholeBody">
): BodyBound =>
  reading === "parsed" && parsedBody < wholeBody
    ? { most: parsedBody, lift: "limits.parsedBody" }
    : { most: wholeBody, lift: "limits.wholeBody" }
