/**
 * The options of a listener, checked.
 *
 * @since 0.2.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { Buffer } from "node:buffer"
import { format } from "../exchange/Address.js"
import { OptionError } from "../exchange/ServerError.js"
import { noSuchOption } from "../server/OptionNames.js"
import type { ListenOptions, TlsOptions } from "./ListenOptions.js"
import * as TrustedProxies from "./TrustedProxies.js"

/**
 * Throws an `OptionError` that names an option which is unknown or cannot be meant, whatever the others are. Options that do
 * not go together, or not with the system, fail the binding. `who` has these options, all or the ones that are `known`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: ListenOptions, who = "a listener", known = listenerNames): void => {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue
    throw new OptionError({ option, description: noSuchOption(option, known, `${who} has no such option`) })
  }
  for (const [option, [meant, holds]] of Object.entries(checks)) {
    const given: unknown = Reflect.get(options, option)
    if (given === undefined || holds(given)) continue
    throw new OptionError({ option, description: `must be ${meant}; it is ${Inspectable.toStringUnknown(given)}` })
  }
  // names an entry that is none
  if (options.proxyFrom !== undefined) TrustedProxies.make(options.proxyFrom, "proxyFrom")
  if (options.reusePort === true && portOf(options) > 0 && !sharesPorts(process.versions.node)) {
    // node:net would ignore it
    throw new OptionError({
      option: "reusePort",
      description: `needs Node 22.12 or later, or 23.1 or later; this is ${process.versions.node}`
    })
  }
}

/**
 * @since 0.2.0
 * @category constants
 */
export const defaultProxyFrom: ReadonlyArray<string> = ["127.0.0.0/8", "::1", "unix"]

type Check = readonly [meant: string, holds: (given: unknown) => boolean]

const whole = (from: number, to: number) => (given: unknown): boolean =>
  typeof given === "number" && Number.isInteger(given) && given >= from && given <= to
const isPort = whole(0, 65_535)
const text: Check = ["text", (given) => typeof given === "string" && given !== ""]
const yesOrNo: Check = ["true or false", (given) => typeof given === "boolean"]

const checks: Readonly<Record<keyof ListenOptions, Check>> = {
  port: [
    "a whole number from 0 to 65535",
    (given) => isPort(typeof given === "string" && /^[0-9]+$/.test(given) ? Number(given) : given)
  ],
  host: text,
  backlog: ["a whole number, 1 or more", whole(1, Infinity)],
  ipv6Only: yesOrNo,
  reusePort: yesOrNo,
  path: text,
  mode: ["a number, such as 0o660", (given) => typeof given === "number"],
  fd: ["a whole number, 0 or more", whole(0, Infinity)],
  socket: [
    "what bind gave",
    (given) => Predicate.hasProperty(given, "take") && typeof given.take === "function"
  ],
  proxy: [
    "\"v1\", \"v2\" or \"any\", or absent",
    (given) => given === "v1" || given === "v2" || given === "any"
  ],
  proxyFrom: [
    "a list of addresses",
    (given) => Array.isArray(given) && given.every((each) => typeof each === "string")
  ],
  keepAliveInitialDelay: [
    "a number of milliseconds from 1000 to 2147483647, or Infinity",
    (given) => typeof given === "number" && (given === Infinity || (given >= 1000 && given <= 2 ** 31 - 1))
  ]
}

/**
 * Those that there are.
 *
 * @since 0.2.0
 * @category constants
 */
export const listenerNames: ReadonlyArray<string> = Object.keys(checks)

const sharesPorts = (version: string): boolean => {
  const [major, minor] = version.split(".").map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

/**
 * The TCP port, which may be given as text; 0 where none is.
 *
 * @since 0.2.0
 * @category accessors
 */
export const portOf = (options: ListenOptions): number => Number(options.port ?? 0)

/**
 * Where options say to listen, in words.
 *
 * @since 0.2.0
 * @category conversions
 */
export const describe = (options: ListenOptions, scheme: "http" | "https" = "http"): string =>
  options.fd !== undefined
    ? `descriptor ${options.fd}`
    : options.socket !== undefined
    ? format(options.socket.address, scheme)
    : options.path !== undefined
    ? format({ _tag: "Unix", path: options.path }, scheme)
    : format({ _tag: "Tcp", host: options.host ?? "127.0.0.1", port: portOf(options) }, scheme)

/**
 * Throws for options that do not go together, or not with the system.
 *
 * @since 0.2.0
 * @category constructors
 */
export const validate = (options: ListenOptions, tls: TlsOptions | undefined): void => {
  const kinds = [options.fd, options.path, options.port, options.socket].filter((given) => given !== undefined)
  if (kinds.length > 1) throw invalid("give one of port, path and fd, or a socket")
  for (const name of ["host", "ipv6Only", "reusePort"] as const) {
    if (kinds.length === 1 && options.port === undefined && options[name] !== undefined) {
      throw invalid(`${name} goes with a port, not with path, fd or socket`)
    }
  }
  if (options.mode !== undefined && options.path === undefined) throw invalid("mode goes with a path")
  if (options.reusePort === true && portOf(options) === 0) {
    throw invalid("reusePort needs a port of its own, not a free one")
  }
  const { mode } = options
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) {
    throw invalid(`the mode of a unix socket is a number from 0 to 0o7777; it is ${mode}`)
  }
  // the system would cut it, and listen elsewhere
  if (options.path !== undefined && Buffer.byteLength(options.path) > longestPath) {
    throw invalid(`the path is too long, a unix socket's has at most ${longestPath} bytes`)
  }
  if (tls === undefined || tls.pfx !== undefined || tls.SNICallback !== undefined || tls.pskCallback !== undefined) {
    return
  }
  if (tls.cert === undefined || tls.key === undefined) {
    throw invalid("TLS needs a cert and its key, a pfx, or an SNICallback")
  }
}

/**
 * Of a unix socket's path, in bytes: sun_path (unix(7)), without its last byte.
 *
 * @since 0.2.0
 * @category constants
 */
export const longestPath = process.platform === "linux" ? 107 : 103

const invalid = (message: string): Error => Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" })
