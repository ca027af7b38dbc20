/**
 * The options of TLS, checked: node:tls looks at few of them, and ignores what it does not know.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { OptionError } from "../exchange/ServerError.js"
import { kindOf, noSuchOption } from "../server/OptionNames.js"

/**
 * Throws an `OptionError` for what are no options, for one that is unknown or the listener's own, and for a path where
 * node:tls takes what is in the file.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkTls = (options: unknown): void => {
  if (!Predicate.isRecord(options)) {
    throw new OptionError({
      option: "tls",
      description:
        `give the options of TLS, such as { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") }, not ${
          kindOf(options)
        }`
    })
  }
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (listeners.includes(option)) {
      throw new OptionError({ option, description: "is the listener's own, and cannot be set with TLS" })
    }
    if (!known.includes(option)) {
      throw new OptionError({ option, description: noSuchOption(option, known, "TLS has no such option") })
    }
    if (option === "ticketKeys") checkTicketKeys(value)
    if (contents.includes(option)) { for (const part of partsOf(value)) checkContent(option, part) }
  }
}

/**
 * Throws an `OptionError` for what cannot be the keys of session tickets.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkTicketKeys = (keys: unknown): void => {
  if (Predicate.isUint8Array(keys) && keys.length === 48) return
  throw new OptionError({
    option: "ticketKeys",
    description: `must be 48 bytes, such as randomBytes(48); ${
      Predicate.isUint8Array(keys) ? `there are ${keys.length}` : `it is ${kindOf(keys)}`
    }`
  })
}

// those of the listening socket, which are given to `listen` or are what the server needs
const own = {
  allowHalfOpen: true,
  pauseOnConnect: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: true
} satisfies Partial<
  Record<keyof Net.ServerOpts, true>
>

const names = {
  ALPNCallback: true,
  ALPNProtocols: true,
  SNICallback: true,
  allowPartialTrustChain: true,
  ca: true,
  cert: true,
  ciphers: true,
  clientCertEngine: true,
  crl: true,
  dhparam: true,
  ecdhCurve: true,
  enableTrace: true,
  handshakeTimeout: true,
  highWaterMark: true,
  honorCipherOrder: true,
  key: true,
  maxVersion: true,
  minVersion: true,
  passphrase: true,
  pfx: true,
  privateKeyEngine: true,
  privateKeyIdentifier: true,
  pskCallback: true,
  pskIdentityHint: true,
  rejectUnauthorized: true,
  requestCert: true,
  secureContext: true,
  secureOptions: true,
  secureProtocol: true,
  sessionIdContext: true,
  sessionTimeout: true,
  sigalgs: true,
  ticketKeys: true
} satisfies Record<Exclude<keyof Tls.TlsOptions, keyof typeof own>, true>

const listeners = Object.keys(own)
// the last one came with Node 22.13
const known = [...Object.keys(names), "blockList"]
const contents = ["ca", "cert", "crl", "key", "pfx"]

// each may be one, a list, or an object that has a passphrase beside
const partsOf = (value: unknown): ReadonlyArray<unknown> =>
  (Array.isArray(value) ? value : [value]).map((part: unknown) =>
    Predicate.isRecord(part) && !Predicate.isUint8Array(part) ? part.pem ?? part.buf : part
  )

const checkContent = (option: string, part: unknown): void => {
  if (typeof part !== "string" || !isPath(part)) return
  throw new OptionError({
    option,
    description: `takes what is in the file, not its path: give readFileSync(${JSON.stringify(part)})`
  })
}

// what is in such a file has lines, or at least no such end and beginning
const isPath = (text: string): boolean =>
  !/[\r\n]/.test(text) && text.length <= 4096 &&
  (/^(?:file:|[A-Za-z]:[\\/]|[.~]{0,2}[\\/])/.test(text) ||
    /\.(?:pem|crt|cer|cert|key|ca|der|p12|pfx|crl)$/i.test(text))
