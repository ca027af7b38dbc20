/**
 * The bound on a body that is read whole.
 *
 * @since 0.2.0
 */
import type { ServerLimits } from "../exchange/Config.js"

/**
 * The most bytes that may be read, and the option that raises it.
 *
 * @since 0.2.0
 * @category models
 */
export interface BodyBound {
  readonly most: number
  readonly lift: string
}

/**
 * What is done with a body: it stays as it is, or it is parsed, which takes a multiple of its length.
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
): BodyBound =>
  reading === "parsed" && parsedBody < wholeBody
    ? { most: parsedBody, lift: "limits.parsedBody" }
    : { most: wholeBody, lift: "limits.wholeBody" }
