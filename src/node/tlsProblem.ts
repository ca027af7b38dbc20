/**
 * Finds the option that TLS cannot use, because the errors of OpenSSL do not name it.
 *
 * @since 0.2.0
 */
import type * as Tls from "node:tls"
import { OptionError } from "../exchange/ServerError.js"
import { loadTls } from "./lazyTls.js"

// tried by themselves, in this order
const names = [
  "cert",
  "key",
  "pfx",
  "ca",
  "crl",
  "dhparam",
  "ciphers",
  "ecdhCurve",
  "sigalgs",
  "minVersion",
  "maxVersion",
  "secureProtocol"
] as const

/**
 * The error for the first option with which no TLS context can be made; `undefined` if one can be made with each.
 *
 * @since 0.2.0
 */
export const tlsProblem = (options: Tls.TlsOptions): OptionError | undefined => {
  const { cert, key, passphrase } = options
  for (const name of names) {
    if (options[name] === undefined) continue
    const reason = reasonAgainst({ [name]: options[name], passphrase })
    if (reason !== undefined) return new OptionError({ option: name, description: `cannot be used: ${reason}` })
  }
  const reason = cert === undefined || key === undefined ? undefined : reasonAgainst({ cert, key, passphrase })
  return reason === undefined
    ? undefined
    : new OptionError({ option: "key", description: `does not belong to cert: ${reason}` })
}

const reasonAgainst = (options: Tls.SecureContextOptions): string | undefined => {
  try {
    loadTls().createSecureContext(options)
    return undefined
  } catch (error) {
    if (!(error instanceof Error)) return String(error)
    // OpenSSL's message has a number and the name of a routine before the reason
    return "reason" in error && typeof error.reason === "string" ? error.reason : error.message
  }
}
