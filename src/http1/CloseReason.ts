/**
 * The reason why an HTTP/1 connection carries no further request, in words for the log.
 *
 * @since 0.2.0
 */
import type { AbortReason } from "../exchange/Outcome.js"
import type { ServerReason } from "../exchange/Session.js"
import type { ReuseRefusal } from "../exchange/Wire.js"

/**
 * The exchange gives some of these reasons, the connection the others.
 *
 * @since 0.2.0
 * @category models
 */
export type CloseReason =
  | ReuseRefusal
  | ServerReason
  | AbortReason
  | LeftoverFault
  | "the client asked for it"
  | "the client speaks HTTP/1.0 without keep-alive"
  | "the client has closed its sending half"
  | "the client has left"
  | "the request has both Content-Length and Transfer-Encoding"
  | "the request is CONNECT"
  | "the request was refused"
  | "the application asked for it"
  | "the end of the body is that of the connection"
  | "the server speaks HTTP/1.0"
  | "keep-alive is off"
  | "limits.requestsPerConnection is reached"
  | "the 100 was not sent"
  | "the body could not be read"
  | "the connection is closing"
  | "timed out"
  | "a defect of the server"

/**
 * Why the rest of a body, which the application did not read, cannot be dropped.
 *
 * @since 0.2.0
 * @category models
 */
export type LeftoverFault =
  | "the rest of the body is too long"
  | "the rest of the body is malformed"
  | "the rest of the body is late"
  | "the rest of the body will not come"
