/**
 * Request fields from which the platform draws facts, with the facts in them.
 *
 * `HttpServerRequest.toURL`, and with it the request's span, takes the scheme from X-Forwarded-Proto and the host from Host;
 * `HttpMiddleware.xForwardedHeaders` takes host and address from the other two. Anybody can send these.
 *
 * @since 0.2.0
 */
import * as Headers from "@effect/platform/Headers"
import type { Exchange } from "../exchange/Exchange.js"

/**
 * X-Forwarded-Proto says what the scheme is, or is not there. With the option `forwarded` the others say what is believed,
 * or are not there, either. What has come stays in `rawHeaders`.
 *
 * @since 0.2.0
 */
export const makeTruthful = (headers: Record<string, string>, { config, forwarded, scheme }: Exchange): void => {
  if (config.forwarded !== false) {
    const host = forwarded?.server?.host
    put(headers, "x-forwarded-for", forwarded?.clientTold === true ? hostOf(forwarded) : undefined)
    put(headers, "x-forwarded-host", host)
    if (host !== undefined) headers.host = host
  }
  if (scheme === "https") saySecure(headers)
  else if (headers[proto] !== undefined && headers[proto] !== "http") delete headers[proto]
}

/**
 * Headers that took the place of a request's: they say the same scheme, unless they have one of their own.
 *
 * @since 0.2.0
 */
export const withScheme = (headers: Headers.Headers, scheme: Exchange["scheme"]): Headers.Headers => {
  if (scheme !== "https" || Headers.has(headers, proto)) return headers
  const copy = Headers.fromInput(headers)
  saySecure(copy)
  return copy
}

const proto = "x-forwarded-proto"

// Nobody sent it, so it is not counted where there was none: `toURL` finds it all the same.
const saySecure = (headers: object): void => {
  Object.defineProperty(headers, proto, { value: "https", writable: true, configurable: true })
}

const put = (headers: Record<string, string>, name: string, value: string | undefined): void => {
  if (value === undefined) delete headers[name]
  else headers[name] = value
}

const hostOf = ({ client }: NonNullable<Exchange["forwarded"]>): string | undefined =>
  client._tag === "Tcp" ? client.host : undefined
