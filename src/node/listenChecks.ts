/**
 * Checks the options of a listener.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { Buffer } from "node:buffer"
import * as Net from "node:net"
import { listenAddress } from "../exchange/Address.js"
import { OptionError } from "../exchange/ServerError.js"
import { checkOptions, type OptionTable, type TableOf } from "../server/checkOptions.js"
import { listOf, misplaced, number, oneOf, text, yesOrNo } from "../server/optionKinds.js"
import type { ListenOptions, TlsOptions } from "./ListenOptions.js"
import * as TrustedProxies from "./TrustedProxies.js"

/**
 * The options of a listener.
 *
 * @since 0.2.0
 * @category constants
 */
export const listenerTable: TableOf<ListenOptions> = {
  port: {
    ...number({ most: 65_535, whole: true }),
    accepts: (given) => isPort(typeof given === "string" && /^[0-9]+$/.test(given) ? Number(given) : given)
  },
  host: {
    expected: "an address or a name, such as \"127.0.0.1\" or \"::1\", without scheme, brackets and port",
    accepts: (given) => typeof given === "string" && isHost(given)
  },
  backlog: number({ least: 1, whole: true }),
  ipv6Only: yesOrNo,
  reusePort: yesOrNo,
  path: text,
  mode: { expected: "a number, such as 0o660", accepts: (given) => typeof given === "number" },
  fd: number({ whole: true }),
  socket: {
    expected: "a socket that bind has returned",
    accepts: (given) => Predicate.hasProperty(given, "take") && typeof given.take === "function"
  },
  proxy: { ...oneOf("v1", "v2", "any"), expected: "\"v1\", \"v2\" or \"any\", or absent" },
  proxyFrom: listOf("addresses", (each) => typeof each === "string"),
  keepAliveInitialDelay: number({ least: 1000, most: 2 ** 31 - 1, unit: "milliseconds", infinite: true })
}

const asMode = misplaced("is a part of mode here, as in mode: 0o666")

/**
 * Names that other servers have for an option of a listener, those of `node:net` among them.
 *
 * @since 0.2.0
 * @category constants
 */
export const otherNames: OptionTable = {
  hostname: misplaced("is called host here"),
  address: misplaced("is called host here, or path for a unix socket"),
  readableAll: asMode,
  writableAll: asMode,
  exclusive: misplaced(
    "is no option here: leave it out; only workers of node:cluster share a port, unless reusePort is true"
  ),
  signal: misplaced("is no option here: the listener is closed when its server stops")
}

// a host is an IPv6 address, maybe with a zone, or a name without the other parts of a URL
const isHost = (text: string): boolean => Net.isIPv6(text) || /^[^\s/:?#@[\]]+$/.test(text)

const { accepts: isPort } = number({ most: 65_535, whole: true })

/**
 * Throws an `OptionError` for an option that is unknown or invalid by itself. Options that exclude each other, or that the
 * system does not support, fail when the listener is bound. `subject` is the owner of the options, for messages.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: ListenOptions, subject = "a listener", table: OptionTable = listenerTable): void => {
  checkOptions(options, { ...otherNames, ...table }, {
    notAnObject: "must be an object, such as { port: 8090 }",
    unknown: `${subject} has no such option`
  })
  // this throws for an invalid entry
  if (options.proxyFrom !== undefined) TrustedProxies.make(options.proxyFrom, "proxyFrom")
  if (options.reusePort === true && portOf(options) > 0 && !sharesPorts(process.versions.node)) {
    // older versions ignore the option
    throw new OptionError({
      option: "reusePort",
      description: `needs Node 22.12 or later, or 23.1 or later; this is ${process.versions.node}`
    })
  }
}

/**
 * The default of `proxyFrom`: this machine.
 *
 * @since 0.2.0
 * @category constants
 */
export const defaultProxyFrom: ReadonlyArray<string> = ["127.0.0.0/8", "::1", "unix"]

const sharesPorts = (version: string): boolean => {
  const [major, minor] = version.split(".").map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

/**
 * The TCP port, given as a number or as text; 0 if none is given.
 *
 * @since 0.2.0
 * @category accessors
 */
export const portOf = (options: ListenOptions): number => Number(options.port ?? 0)

/**
 * The address that the options give, for messages.
 *
 * @since 0.2.0
 * @category conversions
 */
export const describe = (options: ListenOptions, scheme: "http" | "https" = "http"): string =>
  options.fd !== undefined
    ? `descriptor ${options.fd}`
    : options.socket !== undefined
    ? listenAddress(options.socket.address, scheme)
    : options.path !== undefined
    ? listenAddress({ _tag: "Unix", path: options.path }, scheme)
    : listenAddress({ _tag: "Tcp", host: options.host ?? "127.0.0.1", port: portOf(options) }, scheme)

/**
 * Throws for options that exclude or need each other, and for those that the system does not support.
 *
 * @since 0.2.0
 * @category constructors
 */
export const validate = (options: ListenOptions, tls: TlsOptions | undefined): void => {
  const kinds = [options.fd, options.path, options.port, options.socket].filter((given) => given !== undefined)
  if (kinds.length > 1) throw invalid("give only one of port, path, fd and socket")
  for (const name of ["host", "ipv6Only", "reusePort"] as const) {
    if (kinds.length === 1 && options.port === undefined && options[name] !== undefined) {
      throw invalid(`${name} applies to a port only, not to path, fd or socket`)
    }
  }
  if (options.mode !== undefined && options.path === undefined) throw invalid("mode goes with a path")
  if (options.proxyFrom !== undefined && options.proxy === undefined) throw invalid("proxyFrom goes with proxy")
  if (options.reusePort === true && portOf(options) === 0) {
    throw invalid("reusePort needs an explicit port, not 0")
  }
  const { mode } = options
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw invalid(`the mode of a unix socket is a number from 0 to 0o777, such as 0o660; it is ${mode}`)
  }
  // the system would cut the path and listen elsewhere
  if (options.path !== undefined && Buffer.byteLength(options.path) > longestPath) {
    throw invalid(`the path is too long: the path of a unix socket has at most ${longestPath} bytes`)
  }
  if (tls === undefined || tls.pfx !== undefined || tls.SNICallback !== undefined || tls.pskCallback !== undefined) {
    return
  }
  if (tls.cert === undefined || tls.key === undefined) {
    throw invalid("TLS needs a cert and its key, a pfx, or an SNICallback")
  }
}

/**
 * Bytes of the longest path of a unix socket: the size of `sun_path` without its last byte (unix(7)).
 *
 * @since 0.2.0
 * @category constants
 */
export const longestPath = process.platform === "linux" ? 107 : 103

const invalid = (message: string): Error => Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" })
