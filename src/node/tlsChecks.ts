/**
 * Checks the options of TLS: node:tls checks few of them, and ignores unknown ones.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { checkOption, checkOptions, type Option } from "../server/checkOptions.js"
import { anything } from "../server/optionKinds.js"
import { kindOf } from "../server/OptionNames.js"

/**
 * Throws an `OptionError` for options that are no object, for an option that is unknown or belongs to the listener, and for a path
 * where node:tls takes the contents of the file.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkTls = (options: unknown): void =>
  checkOptions(options, table, {
    argument: "tls",
    noObject: `give the options of TLS, such as { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") }`,
    unknown: "TLS has no such option"
  })

/**
 * Throws an `OptionError` for invalid keys of session tickets.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkTicketKeys = (keys: unknown): void => checkOption("ticketKeys", keys, ticketKeys)

const ticketKeys: Option = {
  meant: "48 bytes, such as randomBytes(48)",
  accepts: (keys) => Predicate.isUint8Array(keys) && keys.length === 48,
  explain: (keys) =>
    `must be 48 bytes, such as randomBytes(48); ${
      Predicate.isUint8Array(keys) ? `there are ${keys.length}` : `it is ${kindOf(keys)}`
    }`
}

// of certificates and keys
const contents: Option = {
  meant: "what is in the file",
  accepts: (value) => pathIn(value) === undefined,
  explain: (value) => `takes what is in the file, not its path: give readFileSync(${JSON.stringify(pathIn(value))})`
}

const notHere: Option = { ...anything, misplaced: "is the listener's own, and cannot be set with TLS" }

// options of the listening socket, which belong to `listen`, or which the server sets itself
const own = {
  allowHalfOpen: notHere,
  pauseOnConnect: notHere,
  noDelay: notHere,
  keepAlive: notHere,
  keepAliveInitialDelay: notHere
} satisfies Partial<Record<keyof Net.ServerOpts, Option>>

const names = {
  ALPNCallback: anything,
  ALPNProtocols: anything,
  SNICallback: anything,
  allowPartialTrustChain: anything,
  ca: contents,
  cert: contents,
  ciphers: anything,
  clientCertEngine: anything,
  crl: contents,
  dhparam: anything,
  ecdhCurve: anything,
  enableTrace: anything,
  handshakeTimeout: anything,
  highWaterMark: anything,
  honorCipherOrder: anything,
  key: contents,
  maxVersion: anything,
  minVersion: anything,
  passphrase: anything,
  pfx: contents,
  privateKeyEngine: anything,
  privateKeyIdentifier: anything,
  pskCallback: anything,
  pskIdentityHint: anything,
  rejectUnauthorized: anything,
  requestCert: anything,
  secureContext: anything,
  secureOptions: anything,
  secureProtocol: anything,
  sessionIdContext: anything,
  sessionTimeout: anything,
  sigalgs: anything,
  ticketKeys
} satisfies Record<Exclude<keyof Tls.TlsOptions, keyof typeof own>, Option>

/**
 * The options of TLS.
 *
 * @since 0.2.0
 * @category constants
 */
export const table = {
  ...names,
  // since Node 22.13
  blockList: anything,
  ...own
}

// each may be one, a list, or an object with a passphrase
const pathIn = (value: unknown): string | undefined => {
  for (const given of Array.isArray(value) ? value : [value]) {
    const part: unknown = Predicate.isRecord(given) && !Predicate.isUint8Array(given) ? given.pem ?? given.buf : given
    if (typeof part === "string" && isPath(part)) return part
  }
  return undefined
}

// the contents of such a file have several lines, or at least no such beginning and end
const isPath = (text: string): boolean =>
  !/[\r\n]/.test(text) && text.length <= 4096 &&
  (/^(?:file:|[A-Za-z]:[\\/]|[.~]{0,2}[\\/])/.test(text) ||
    /\.(?:pem|crt|cer|cert|key|ca|der|p12|pfx|crl)$/i.test(text))
