/**
 * Decides whether a connection carries another request (RFC 9112, 9.3), as far as the connection and the server are concerned.
 *
 * A reason against that is given by a request; before a head, which then says `Connection: close`, or by the head itself; after
 * an answer whose head has promised to stay; or while there is no request. `Http1Wire` keeps the first reason, and adds those of
 * its exchange and of the rest of a body.
 *
 * @since 0.2.0
 */
import type { ReceivedBody } from "../exchange/ReceivedBody.js"
import type { Shared } from "../exchange/Session.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import type { HeadDraft, PreparedHead } from "../protocol/h1/responseHead.js"
import type { CloseReason } from "./CloseReason.js"
import type { Http1End } from "./Http1End.js"
import type { Http1Host } from "./Http1Host.js"
import type { Inflow } from "./Inflow.js"
import type { PlaceClaim } from "./PlaceClaim.js"

/**
 * The parts of a connection that tell whether it carries another request.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reusable {
  readonly host: Pick<Http1Host, "config" | "closingWithAnswer">
  readonly session: Shared
  readonly inflow: Pick<Inflow, "ended" | "buffered">
  readonly end: Pick<Http1End, "isBegun" | "isDraining">
  /** The number of requests that have begun. */
  readonly requests: number
}

/**
 * The parts of a connection that tell whether it waits for another request.
 *
 * @since 0.2.0
 * @category models
 */
export interface Answered {
  readonly host: Pick<Http1Host, "closingAfterAnswer">
  readonly session: Shared
  readonly inflow: Inflow
  readonly claim: Pick<PlaceClaim, "next">
}

/**
 * The reason why a request is the last one on its connection, as the request itself tells.
 *
 * @since 0.2.0
 */
export const closingByRequest = ({ demands, head }: RequestStart): CloseReason =>
  head.minorVersion === 0 && !demands.asksKeepAlive
    ? "the client speaks HTTP/1.0 without keep-alive"
    : demands.asksClose
    ? "the client asked for it"
    : head.method === "CONNECT"
    ? "the request is CONNECT"
    : "the request has both Content-Length and Transfer-Encoding"

/**
 * The reason why the head of an answer must say that the connection closes. `isWhole` tells that the application gives the whole
 * answer, and so reads no more of the body; `owesContinue` tells that the client still waits for a 100.
 *
 * @since 0.2.0
 */
export const closingWithHead = (
  { end, host, inflow, requests, session }: Reusable,
  body: ReceivedBody,
  isWhole: boolean,
  owesContinue: boolean
): CloseReason | undefined => {
  const { keepAlive, limits } = host.config
  // the client may send the body or not (RFC 9110, 10.1.1)
  if (owesContinue && !body.complete) return "the 100 was not sent"
  if (body.failed) return "the body could not be read"
  if (isWhole && body.length !== undefined && body.length - body.bytes > limits.leftoverBody) {
    return "the rest of the body is too long"
  }
  if (!keepAlive) return "keep-alive is off"
  if (end.isBegun) return "the connection is closing"
  if (end.isDraining) return "the server stops"
  const why = host.closingWithAnswer(session)
  if (why !== undefined) return why
  if (inflow.ended && inflow.buffered === 0) return "the client has closed its sending half"
  return requests < limits.requestsPerConnection ? undefined : "limits.requestsPerConnection is reached"
}

/**
 * The reason why a head says that the connection closes, if nothing else asks for that. The application has given the head, and
 * the body has `bodyLength` bytes, if that is known.
 *
 * @since 0.2.0
 */
export const closingByHead = (
  { close }: HeadDraft,
  { framing }: PreparedHead,
  bodyLength: number | undefined
): CloseReason =>
  close
    ? "the application asked for it"
    : framing._tag === "Close"
    ? "the end of the body is that of the connection"
    : framing._tag === "Length" && bodyLength !== undefined && bodyLength > framing.length
    ? "the body is not as long as its Content-Length says"
    : "the server speaks HTTP/1.0"

/**
 * The reason why the connection closes after an answer that has promised to stay. A request that has arrived meanwhile is still
 * answered.
 *
 * @since 0.2.0
 */
export const closingAfterAnswer = ({ claim, host, inflow, session }: Answered): CloseReason | undefined => {
  if (inflow.gone) return "the client has left"
  const why = host.closingAfterAnswer(session)
  return why !== undefined && inflow.buffered === 0 && claim.next === undefined ? why : undefined
}

/**
 * The reason why a connection closes that waits for a request.
 *
 * @since 0.2.0
 */
export const closingAtRest = (inflow: Inflow): CloseReason | undefined =>
  inflow.ended ? "the client has closed its sending half" : undefined
