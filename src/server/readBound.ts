/**
 * How much of a body may be read whole.
 *
 * @since 0.2.0
 */
import type { ServerLimits } from "../exchange/Config.js"

/**
 * Bytes that one kind of reading may take, and the option that lifts that bound.
 *
 * @since 0.2.0
 * @category models
 */
export interface Bound {
  readonly most: number
  readonly lift: string
}

/**
 * What becomes of a body: it stays as it is, or a parser makes more of it.
 *
 * @since 0.2.0
 * @category models
 */
export type Reading = "whole" | "parsed"

/**
 * The bound that the server's limits set.
 *
 * @since 0.2.0
 * @category accessors
 */
export const boundOf = (
  reading: Reading,
  { parsedBody, wholeBody }: Pick<ServerLimits, "parsedBody" | "wholeBody">
): Bound =>
  reading === "parsed" && parsedBody < wholeBody
    ? { most: parsedBody, lift: "limits.parsedBody" }
    : { most: wholeBody, lift: "limits.wholeBody" }
