/**
 * Whether a connection carries another request (RFC 9112, 9.3): what the connection and the server say of it.
 *
 * A reason against that is given before a head, which then says `Connection: close`; after an answer whose head has promised to stay;
 * or while no request is there. `Http1Wire` adds what its exchange says, and keeps the first reason.
 *
 * @since 0.2.0
 */
import type { SessionHost } from "../exchange/Session.js"
import type { Closing } from "./Closing.js"
import type { EndOfWork } from "./EndOfWork.js"
import type { Http1Config } from "./Http1Config.js"
import type { Inflow } from "./Inflow.js"
import type { Reader } from "./Reader.js"

/**
 * What a connection knows of its future.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reusable {
  readonly host: Pick<SessionHost, "mayPersist" | "mayStay"> & { readonly config: SessionHost["config"] & Http1Config }
  readonly inflow: Pick<Inflow, "ended" | "gone">
  readonly reader: Pick<Reader, "buffered">
  readonly work: Pick<EndOfWork, "isBegun">
  readonly requests: number
}

/**
 * Why the head of an answer must say that the connection closes, as far as the connection and the server are concerned.
 *
 * @since 0.2.0
 */
export const closingWithHead = (connection: Reusable): Closing | undefined => {
  const { host, inflow, reader } = connection
  if (!host.config.keepAlive) return "keep-alive is off"
  if (connection.work.isBegun) return "the connection is closing"
  if (!host.mayPersist()) return "the server stops, or others wait for room"
  if (inflow.ended && reader.buffered === 0) return "the client has closed its sending half"
  return connection.requests < host.config.limits.requestsPerConnection
    ? undefined
    : "limits.requestsPerConnection is reached"
}

/**
 * Why the connection closes after an answer that has promised to stay. A request that has come meanwhile is still answered.
 *
 * @since 0.2.0
 */
export const closingAfterAnswer = ({ host, inflow, reader }: Reusable): Closing | undefined =>
  inflow.gone
    ? "the client has left"
    : !host.mayStay() && reader.buffered === 0
    ? "the server stops, or others wait for room"
    : undefined

/**
 * Why a connection closes that waits for a request.
 *
 * @since 0.2.0
 */
export const closingAtRest = ({ inflow }: Reusable): Closing | undefined =>
  inflow.ended ? "the client has closed its sending half" : undefined
