/**
 * Checks the options of TLS, because node:tls checks few of them and ignores unknown ones.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { Buffer } from "node:buffer"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { OptionError } from "../exchange/ServerError.js"
import { checkOption, checkOptions, type Option } from "../server/checkOptions.js"
import { anything, misplaced, yesOrNo } from "../server/optionKinds.js"
import { kindOf } from "../server/OptionNames.js"

/**
 * Throws an `OptionError` for options that are not an object, for an option that is unknown or belongs to the listener, for a
 * path, an empty text or a key where the contents of a certificate file are needed, and for an encrypted key without its
 * passphrase. `current` are the options into which these are merged.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkTls = (options: unknown, current?: Tls.TlsOptions): void => {
  checkOptions(options, { ...otherNames, ...table }, {
    argument: "tls",
    notAnObject: `give the options of TLS, such as { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") }`,
    unknown: "TLS has no such option"
  })
  if (
    Predicate.isRecord(options) && (options.passphrase ?? current?.passphrase) === undefined && isEncrypted(options.key)
  ) {
    throw new OptionError({
      option: "key",
      description: "is encrypted: give its passphrase too, in the option passphrase"
    })
  }
}

// without its passphrase, node:tls fails with "bad decrypt" or asks on the terminal
const isEncrypted = (key: unknown): boolean =>
  (Array.isArray(key) ? key : [key]).some((given: unknown) => {
    if (Predicate.hasProperty(given, "passphrase") && given.passphrase !== undefined) return false
    return partsIn(given).some((part) =>
      (typeof part === "string" || Buffer.isBuffer(part)) &&
      /^(?:-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(part.toString())
    )
  })

/**
 * Throws an `OptionError` for invalid keys of session tickets.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkTicketKeys = (keys: unknown): void => checkOption("ticketKeys", keys, ticketKeys)

const ticketKeys: Option = {
  expected: "48 bytes, such as randomBytes(48)",
  accepts: (keys) => Predicate.isUint8Array(keys) && keys.length === 48,
  explain: (keys) =>
    `must be 48 bytes, such as randomBytes(48); ${
      Predicate.isUint8Array(keys) ? `there are ${keys.length}` : `it is ${kindOf(keys)}`
    }`
}

// The contents of a certificate or key file. `pem` is the label of its PEM, and `other` the label of the one with which it is
// confused.
const contents = (kind?: { readonly pem: string; readonly other: string }): Option => {
  const problemIn = (value: unknown): string | undefined => {
    for (const part of partsIn(value)) {
      const problem = problemWith(part) ?? (kind === undefined ? undefined : mistaken(part, kind))
      if (problem !== undefined) return problem
    }
    return undefined
  }
  return {
    expected: "the contents of the file",
    accepts: (value) => problemIn(value) === undefined,
    explain: (value) => problemIn(value) ?? ""
  }
}

const certificate = { pem: "CERTIFICATE", other: "PRIVATE KEY" }
const privateKey = { pem: "PRIVATE KEY", other: "CERTIFICATE" }

const aFunction: Option = { expected: "a function", accepts: Predicate.isFunction }

const protocols: Option = {
  expected: "a list with \"http/1.1\" and without \"h2\", which this server does not speak",
  // the list may be given encoded, in a view
  accepts: (value) =>
    Array.isArray(value) ? value.includes("http/1.1") && !value.includes("h2") : ArrayBuffer.isView(value)
}

const file = (name: string): Option =>
  misplaced(`is called ${name} here, and takes the contents of the file: ${name}: readFileSync(path)`)

// names of eventlet, Python's ssl and others
const otherNames = {
  certfile: file("cert"),
  certFile: file("cert"),
  keyfile: file("key"),
  keyFile: file("key"),
  ca_certs: file("ca"),
  cafile: file("ca"),
  caFile: file("ca")
}

const notHere = misplaced("is the listener's own, and cannot be set with TLS")

// options of the listening socket, which belong to `listen` or are set by the server
const listenerOptions = {
  allowHalfOpen: notHere,
  pauseOnConnect: notHere,
  noDelay: notHere,
  keepAlive: notHere,
  keepAliveInitialDelay: notHere
} satisfies Partial<Record<keyof Net.ServerOpts, Option>>

const tlsOptions = {
  ALPNCallback: aFunction,
  ALPNProtocols: protocols,
  SNICallback: aFunction,
  allowPartialTrustChain: anything,
  ca: contents(),
  cert: contents(certificate),
  ciphers: anything,
  clientCertEngine: anything,
  crl: contents(),
  dhparam: anything,
  ecdhCurve: anything,
  enableTrace: yesOrNo,
  handshakeTimeout: anything,
  highWaterMark: anything,
  honorCipherOrder: yesOrNo,
  key: contents(privateKey),
  maxVersion: anything,
  minVersion: anything,
  passphrase: anything,
  pfx: contents(),
  privateKeyEngine: anything,
  privateKeyIdentifier: anything,
  pskCallback: aFunction,
  pskIdentityHint: anything,
  rejectUnauthorized: yesOrNo,
  requestCert: yesOrNo,
  secureContext: anything,
  secureOptions: anything,
  secureProtocol: anything,
  sessionIdContext: anything,
  sessionTimeout: anything,
  sigalgs: anything,
  ticketKeys
} satisfies Record<Exclude<keyof Tls.TlsOptions, keyof typeof listenerOptions>, Option>

/**
 * The options of TLS.
 *
 * @since 0.2.0
 * @category constants
 */
export const table = {
  ...tlsOptions,
  // Node has this since 22.13
  blockList: anything,
  ...listenerOptions
}

// an option has a value, a list of values, or an object with a passphrase
const partsIn = (value: unknown): ReadonlyArray<unknown> =>
  (Array.isArray(value) ? value : [value]).map((given: unknown) =>
    Predicate.isRecord(given) && ("pem" in given || "buf" in given) ? given.pem ?? given.buf : given
  )

const problemWith = (part: unknown): string | undefined => {
  const text = textOf(part)
  if (text === undefined) {
    return `takes the contents of the file, text or bytes, not ${kindOf(part)}${
      Predicate.isPromiseLike(part) ? ": await it" : ""
    }`
  }
  if (text.trim() === "") return empty
  if (isPath(text)) return `takes the contents of the file, not its path: give readFileSync(${JSON.stringify(text)})`
  if (text.startsWith(beginInBase64)) return "is PEM in base64: give Buffer.from(text, \"base64\")"
  if (/^-----BEGIN [^\r\n]*\\n/.test(text)) {
    return "has \\n in place of its line ends: give text.replaceAll(\"\\\\n\", \"\\n\")"
  }
  return undefined
}

// Bytes as text of as many characters: PEM has ASCII only.
const textOf = (part: unknown): string | undefined => {
  if (typeof part === "string") return part
  return Predicate.isObject(part) && ArrayBuffer.isView(part)
    ? Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("latin1")
    : undefined
}

const empty = "is empty: give the contents of the file"

// "-----BEGIN"
const beginInBase64 = "LS0tLS1CRUdJTi"

const mistaken = (
  part: unknown,
  { other, pem }: { readonly pem: string; readonly other: string }
): string | undefined => {
  const text = textOf(part) ?? ""
  return text.includes("-----BEGIN") && text.includes(other) && !text.includes(pem)
    ? `has a ${other} and no ${pem}: key and cert may be swapped`
    : undefined
}

// the contents of a file have several lines, or at least another beginning and end
const isPath = (text: string): boolean =>
  !/[\r\n]/.test(text) && text.length <= 4096 && !text.startsWith(beginInBase64) && !text.startsWith("-----BEGIN") &&
  (/^(?:file:|[A-Za-z]:[\\/]|[.~]{0,2}[\\/])/.test(text) || /^[\w.-]+(?:[\\/][\w.-]+)+$/.test(text) ||
    /\.(?:pem|crt|cer|cert|key|ca|der|p12|pfx|crl)$/i.test(text))
