/**
 * The answers to requests that are refused before there is an exchange, and the errors for late bodies.
 *
 * @since 0.2.0
 */
import type { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import { schemeOf } from "../exchange/Forwarding.js"
import { BodyError, RequestError, ResponseError, type TransportError } from "../exchange/ServerError.js"
import { prepare } from "../protocol/h1/responseHead.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { Http1Host } from "./Http1Host.js"

/** @since 0.2.0 */
export const headTimeout = (description: string): RequestError =>
  new RequestError({ reason: "HeadTimeout", status: 408, description })

/** @since 0.2.0 */
export const incompleteHead = (description: string): RequestError =>
  new RequestError({ reason: "IncompleteHead", status: 400, description })

/** @since 0.2.0 */
export const othersWait = "timed out early, because other connections wait for a place (limits.connections)"

const bodyTimeout = (description: string): BodyError => new BodyError({ reason: "Timeout", status: 408, description })

/** @since 0.2.0 */
export const lateBody = {
  Request: () => bodyTimeout("the request did not come in time (timeouts.request)"),
  Place: () => bodyTimeout(othersWait),
  Body: () => bodyTimeout("the body did not come in time (timeouts.body)"),
  BodyPace: () => bodyTimeout("the body comes too slowly (rates.body)")
}

const lateApplication = (description: string): ResponseError =>
  new ResponseError({ reason: "HandlerTimeout", description })

/** @since 0.2.0 */
export const lateHandler = (): ResponseError =>
  lateApplication("the application did not begin its answer within timeouts.handler")

/** @since 0.2.0 */
export const lateReader = (): ResponseError =>
  lateApplication("the application did not read a long body within timeouts.request")

/** @since 0.2.0 */
export const noPlace = (): RequestError =>
  new RequestError({ reason: "NoRoom", status: 503, description: "the server is at capacity: see limits.connections" })

/** @since 0.2.0 */
export const misdirected = (): RequestError =>
  new RequestError({
    reason: "Misdirected",
    status: 421,
    description: "the scheme of the request target is not that of the connection"
  })

/** @since 0.2.0 */
export const refusalHead = (
  status: number,
  bodyLength: number,
  { config, time }: Pick<Http1Host, "config" | "time">
): string => {
  const fields: Array<readonly [string, string]> = [["Content-Type", "text/plain; charset=utf-8"]]
  // these are seconds, because a place may be free again at once
  if (status === 503) fields.push(["Retry-After", "1"])
  const head = prepare({ status, fields }, {
    // the method may be unknown, and the connection closes in any case
    method: "GET",
    minorVersion: config.maxMinorVersion,
    persistent: false,
    asksKeepAlive: false,
    keepAliveSeconds: undefined,
    bodyLength,
    date: time.date(time.now()),
    fieldCase: config.fieldCase
  })
  return head._tag === "PreparedHead" ? head.text : ""
}

/**
 * Whether the scheme of the request target is not that of the connection (RFC 9110, 7.4). Such a target is not on this server,
 * and no application may believe the scheme. A proxy may use the scheme of its own connection, or that of its client.
 *
 * @since 0.2.0
 */
export const isMisdirected = (head: RequestHead, peer: AcceptedPeer): boolean => {
  const { form } = head
  return form._tag === "Absolute" && form.scheme !== schemeOf(peer) && form.scheme !== peer.forwarding?.of(head)?.scheme
}

/**
 * A failure of the network, for the log.
 *
 * @since 0.2.0
 */
export const describe = (error: TransportError): string =>
  error.reason === "Reset" ? "connection reset by peer" : error.message
