/**
 * Corrects the request's fields that the platform trusts.
 *
 * `HttpServerRequest.toURL`, and with it the request's span, takes the scheme from X-Forwarded-Proto and the host from Host;
 * `HttpMiddleware.xForwardedHeaders` takes host and address from X-Forwarded-Host and -For. Any client can send these.
 *
 * @since 0.2.0
 */
import * as Headers from "@effect/platform/Headers"
import type { Exchange } from "../exchange/Exchange.js"

/**
 * Makes X-Forwarded-Proto say the scheme, or removes it. With the option `forwarded`, the other fields say what is believed, or
 * are removed. `rawHeaders` has the fields as received.
 *
 * @since 0.2.0
 */
export const applyTrusted = (headers: Record<string, string>, { config, forwarded, scheme }: Exchange): void => {
  if (config.forwarded !== false) {
    const host = forwarded?.server?.host
    put(headers, "x-forwarded-for", forwarded?.clientForwarded === true ? hostOf(forwarded) : undefined)
    put(headers, "x-forwarded-host", host)
    if (host !== undefined) headers.host = host
  }
  if (scheme === "https") setSecure(headers)
  else if (headers[proto] !== undefined && headers[proto] !== "http") delete headers[proto]
}

/**
 * Headers in place of a request's, with the request's scheme unless they have one.
 *
 * @since 0.2.0
 */
export const withScheme = (headers: Headers.Headers, scheme: Exchange["scheme"]): Headers.Headers => {
  if (scheme !== "https" || Headers.has(headers, proto)) return headers
  const copy = Headers.fromInput(headers)
  setSecure(copy)
  return copy
}

/**
 * The argument of a request's `modify`.
 *
 * @since 0.2.0
 */
export interface Changes {
  readonly url?: string | undefined
  readonly headers?: Headers.Headers | undefined
  readonly remoteAddress?: string | undefined
}

/**
 * Changes without what `HttpMiddleware.xForwardedHeaders` takes from the client's fields, if the option `forwarded` believes
 * none. That middleware is recognized by its call, which gives headers and address together, both as the fields say. Changes that
 * the program decides itself are kept.
 *
 * @since 0.2.0
 */
export const withoutClaims = (changes: Changes, current: Headers.Headers, came: Headers.Headers): Changes => {
  if (!("headers" in changes && "remoteAddress" in changes)) return changes
  const { headers, remoteAddress } = changes
  const taken = claimsOf(current)
  if (remoteAddress !== taken.address || headers?.host !== taken.host) return changes
  // a field that the program has replaced is kept
  const claimed = claimsOf(came)
  const address = taken.address !== undefined && taken.address === claimed.address
  const host = taken.host !== undefined && taken.host === claimed.host
  if (!address && !host) return changes
  return {
    ...changes,
    remoteAddress: address ? undefined : remoteAddress,
    headers: host && headers !== undefined ? withHost(headers, current.host) : headers
  }
}

const claimsOf = (
  headers: Headers.Headers
): { readonly host: string | undefined; readonly address: string | undefined } => ({
  host: headers["x-forwarded-host"],
  address: headers["x-forwarded-for"]?.split(",")[0].trim()
})

const withHost = (headers: Headers.Headers, host: string | undefined): Headers.Headers =>
  host === undefined ? Headers.remove(headers, "host") : Headers.set(headers, "host", host)

const proto = "x-forwarded-proto"

// The field is not enumerable, because the request did not have it. `toURL` finds it.
const setSecure = (headers: object): void => {
  Object.defineProperty(headers, proto, { value: "https", writable: true, configurable: true })
}

const put = (headers: Record<string, string>, name: string, value: string | undefined): void => {
  if (value === undefined) delete headers[name]
  else headers[name] = value
}

const hostOf = ({ client }: NonNullable<Exchange["forwarded"]>): string | undefined =>
  client._tag === "Tcp" ? client.host : undefined
