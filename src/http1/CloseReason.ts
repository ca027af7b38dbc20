/**
 * The reason why an HTTP/1 connection carries no further request, in words for the log.
 *
 * @since 0.2.0
 */
import type { AbortReason } from "../exchange/Outcome.js"
import type { ReuseRefusal } from "../exchange/Wire.js"

/**
 * The exchange gives some of these reasons, the connection the others.
 *
 * @since 0.2.0
 * @category models
 */
export type CloseReason =
  | ReuseRefusal
  | AbortReason
  | "the client asked for it"
  | "the application asked for it, or the client speaks HTTP/1.0"
  | "keep-alive is off"
  | "the connection is closing"
  | "the server stops, or others wait for room"
  | "limits.requestsPerConnection is reached"
  | "the client has closed its sending half"
  | "the client has left"
  | "the 100 was not sent"
  | "the body could not be read"
  | "the rest of the body is too long, malformed or late"
  | "the request was refused"
  | "timed out"
  | "a defect of the server"
