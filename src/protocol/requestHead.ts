/**
 * The head of a request, in any version of HTTP.
 *
 * @since 0.1.0
 */
import type { Fields } from "./fields.js"
import type { Target } from "./target.js"

/**
 * One request head.
 *
 * @since 0.1.0
 */
export interface RequestHead {
  readonly _tag: "RequestHead"
  /** The request line as received, without its line end. */
  readonly line: string
  /** The method as received; methods are case-sensitive (RFC 9110, 9.1). */
  readonly method: string
  /** The request target as received. */
  readonly target: string
  /** The target, by its form. */
  readonly form: Target
  /** The version as received, such as `HTTP/1.1`. */
  readonly version: string
  readonly fields: Fields
}
