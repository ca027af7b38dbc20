/**
 * Decides whether a connection carries another request (RFC 9112, 9.3), as far as the connection and the server are concerned.
 *
 * A reason against that is given before a head, which then says `Connection: close`; after an answer whose head has promised to
 * stay; or while there is no request. `Http1Wire` adds the reasons of its exchange, and keeps the first one.
 *
 * @since 0.2.0
 */
import type { CloseReason } from "./CloseReason.js"
import type { Http1End } from "./Http1End.js"
import type { Http1Host } from "./Http1Host.js"
import type { Inflow } from "./Inflow.js"

/**
 * The reason why the head of an answer must say that the connection closes. `requests` have begun on it.
 *
 * @since 0.2.0
 */
export const closingWithHead = (
  host: Pick<Http1Host, "config" | "mayPersist">,
  inflow: Pick<Inflow, "ended" | "buffered">,
  end: Pick<Http1End, "isBegun">,
  requests: number
): CloseReason | undefined => {
  if (!host.config.keepAlive) return "keep-alive is off"
  if (end.isBegun) return "the connection is closing"
  if (!host.mayPersist()) return "the server stops, or others wait for room"
  if (inflow.ended && inflow.buffered === 0) return "the client has closed its sending half"
  return requests < host.config.limits.requestsPerConnection ? undefined : "limits.requestsPerConnection is reached"
}

/**
 * The reason why the connection closes after an answer that has promised to stay. A request that has arrived meanwhile is still
 * answered.
 *
 * @since 0.2.0
 */
export const closingAfterAnswer = (host: Pick<Http1Host, "mayStay">, inflow: Inflow): CloseReason | undefined =>
  inflow.gone
    ? "the client has left"
    : !host.mayStay() && inflow.buffered === 0
    ? "the server stops, or others wait for room"
    : undefined

/**
 * The reason why a connection closes that waits for a request.
 *
 * @since 0.2.0
 */
export const closingAtRest = (inflow: Inflow): CloseReason | undefined =>
  inflow.ended ? "the client has closed its sending half" : undefined
