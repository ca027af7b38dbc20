/**
 * The head of a request, in any version of HTTP.
 *
 * @since 0.1.0
 */
import type { Fields } from "./fields.js"
import type { Target } from "./target.js"

/**
 * One request head. A version without a request line makes the line, the target and the Host field of what it has in their place,
 * because the log, the doors and `Forwarding` read them: of HTTP/2, `:method`, `:path` and `:authority` (RFC 9113, 8.3.1).
 *
 * @since 0.1.0
 */
export interface RequestHead {
  readonly _tag: "RequestHead"
  /** The request in one line, for the log: of HTTP/1 its request line as received, without its line end. */
  readonly line: string
  /** The method as received; methods are case-sensitive (RFC 9110, 9.1). */
  readonly method: string
  /** The request target as received. */
  readonly target: string
  /** The target, by its form. */
  readonly form: Target
  /** The version of HTTP, such as `HTTP/1.1`; of HTTP/1 as received. */
  readonly version: string
  readonly fields: Fields
}
