/**
 * The options of `server`: those of eventlet, in camel case and with its defaults, and our own in groups.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { listenerTable } from "../node/listenChecks.js"
import * as TrustedProxies from "../node/TrustedProxies.js"
import type { Leniency } from "../protocol/limits.js"
import { compile, defaultTemplate, json } from "../server/AccessLogFormat.js"
import type { AccessRecord } from "../server/AccessRecord.js"
import { checkOptions, type OptionTable, type TableOf } from "../server/checkOptions.js"
import * as Config from "../server/Config.js"
import * as FormLimits from "../server/FormLimits.js"
import { isClass } from "../server/guards.js"
import { group, listOf, misplaced, number, oneOf, record, yesOrNo } from "../server/optionKinds.js"
import { type LogTarget, target } from "./Log.js"
import { formats, type LogEntryFormat } from "./LogEntry.js"

/**
 * The options of a server; src/wsgi/README.md#options has a table.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /**
   * The target of access-log lines. With `false`, requests are not logged, for instance because a proxy logs them. Default:
   * standard error.
   */
  readonly log?: LogTarget | false | undefined
  /**
   * The target of all other lines: failures, refusals, starts and stops, `wsgi.errors`. Default: the target of `log`, or standard
   * error if that is `false`.
   *
   * @since 0.2.0
   */
  readonly errorLog?: LogTarget | undefined
  /**
   * How these lines are written: `"text"`, `"json"` (one line of JSON each), or a function of the entry. Default: `"json"` if
   * that is the `logFormat`, otherwise `"text"`.
   *
   * @since 0.2.0
   */
  readonly errorFormat?: "text" | "json" | LogEntryFormat | undefined
  /** Keys that are added to every environ. They may hide `wsgi.*`, but never the request. Default: none. */
  readonly environ?: Readonly<Record<string, unknown>> | undefined
  /** The most connections that are served at a time. Further ones wait, and idle ones are closed for them. Default 1024. */
  readonly maxSize?: number | undefined
  /** Default `"HTTP/1.1"`. */
  readonly maxHttpVersion?: "HTTP/1.0" | "HTTP/1.1" | "1.0" | "1.1" | undefined
  /** Bytes of a body's parts to gather before they are sent; 0 or 1 gathers nothing. Default 4096. */
  readonly minimumChunkSize?: number | undefined
  /**
   * With `true` the addresses in X-Forwarded-For are logged before the peer's, if the peer is a trusted proxy. Default `true`.
   */
  readonly logXForwardedFor?: boolean | undefined
  /**
   * With `false` or 0, each connection has one request. A number is how many seconds a connection may be idle, also before its
   * first request. Default `true`, which means `timeouts.idle`.
   */
  readonly keepalive?: boolean | number | undefined
  /** With `false`, nothing is logged at all. Default `true`. */
  readonly logOutput?: boolean | undefined
  /**
   * With `false`, no line says where the server listens, once it does. Default `true`.
   *
   * @since 0.2.0
   */
  readonly announce?: boolean | undefined
  /** Template of an access-log line, `"json"` for a line of JSON, or a function of a record. Default: eventlet's line. */
  readonly logFormat?: string | ((record: AccessRecord) => string) | undefined
  /** The longest request line in bytes, the same as `limits.requestLine`. Default 8192. */
  readonly urlLengthLimit?: number | undefined
  /** With `true`, a 500 has the text of the failure, and debug lines are logged. Default `false`. */
  readonly debug?: boolean | undefined
  /** Seconds for which a read or a write of the socket may take, also between requests; `undefined` leaves that to `timeouts`. */
  readonly socketTimeout?: number | undefined
  /** With `true`, the names of response fields are title-cased. Default `true`. */
  readonly capitalizeResponseHeaders?: boolean | undefined

  /** Bounds on what clients may send. Default: `maxSize` and `urlLengthLimit` set two; src/wsgi/README.md#limits has all. */
  readonly limits?: { readonly [K in keyof Config.ServerLimits]?: number | undefined } | undefined
  /** Deadlines in milliseconds; src/wsgi/README.md#timeouts has their defaults. */
  readonly timeouts?: { readonly [K in keyof Config.Timeouts]?: number | undefined } | undefined
  /** The least rates of clients, in bytes a second; 0 means no least rate. src/wsgi/README.md#rates has their defaults. */
  readonly rates?: { readonly [K in keyof Config.Rates]?: number | undefined } | undefined
  /**
   * Bounds on forms of several parts, as `formData` of a request of `fetchApp` reads them: `maxFields` 1000, `maxFieldsSize`
   * 10485760 bytes, `maxFiles` 100, `maxTotalSize` `Infinity`.
   *
   * @since 0.2.0
   */
  readonly forms?: FormLimits.FormOptions | undefined
  /** Rules that are relaxed. Default: none. */
  readonly parser?: { readonly [K in keyof Leniency]?: boolean | undefined } | undefined
  /**
   * Addresses and CIDR ranges of peers that may speak for others; `"unix"` for unix sockets, and `"loopback"`, `"linklocal"`,
   * `"uniquelocal"`. Default: none.
   */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  /**
   * Which fields of trusted proxies are believed about client, scheme, host and port: `"x-forwarded"`, `"forwarded"` (RFC
   * 7239), a list of fields, or `true` for both kinds. Default `false`: they are fields like any other.
   */
  readonly forwarded?: Config.ForwardedOption | undefined
  /** What happens if a client closes its sending half: it is answered, or counts as gone (`"abort"`). Default `"answer"`. */
  readonly halfClose?: "answer" | "abort" | undefined
  /** With `true`, another chunked body may follow in the same request, after an explicit 100. Default `false`. */
  readonly multiPhaseBody?: boolean | undefined
  /**
   * Whether another process may serve the same application at the same time, for `wsgi.multiprocess`. Default `false`.
   *
   * @since 0.2.0
   */
  readonly multiprocess?: boolean | undefined
}

/**
 * Options, read and checked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly config: Config.Config
  readonly environ: Readonly<Record<string, unknown>> | undefined
  readonly minimumChunkSize: number
  readonly multiprocess: boolean
  readonly forms: FormLimits.FormLimits
  /** Absent if requests are not logged. */
  readonly format: ((record: AccessRecord) => string) | undefined
  /** Whether nothing is logged at all. */
  readonly isSilent: boolean
  readonly announce: boolean
  readonly log: LogTarget | undefined
  readonly errorLog: LogTarget | undefined
  readonly entryFormat: LogEntryFormat
}

/**
 * Reads options. Throws an `OptionError` that names the first unknown or invalid one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (options: ServerOptions): Settings => {
  checkOptions(options, whole)
  const { keepalive = true, limits, maxHttpVersion = "HTTP/1.1", socketTimeout, timeouts } = options
  const idle = typeof keepalive === "number" && keepalive !== 0 ? keepalive * 1000 : undefined
  const socket = socketTimeout === undefined ? undefined : socketTimeout * 1000
  once("maxSize", options.maxSize, "limits.connections", limits?.connections)
  once("urlLengthLimit", options.urlLengthLimit, "limits.requestLine", limits?.requestLine)
  const trustedProxies = options.trustedProxies === undefined ? undefined : TrustedProxies.make(options.trustedProxies)
  const config = Config.make({
    limits: {
      connections: options.maxSize,
      requestLine: options.urlLengthLimit,
      ...limits
    },
    timeouts: {
      head: socket,
      body: socket,
      write: socket,
      firstRequest: idle ?? socket,
      idle: idle ?? socket,
      ...timeouts
    },
    rates: options.rates,
    parser: options.parser,
    keepAlive: keepalive !== false && keepalive !== 0,
    keepAliveSeconds: typeof keepalive === "number" && keepalive !== Infinity ? Math.floor(keepalive) : undefined,
    maxMinorVersion: maxHttpVersion.endsWith("0") ? 0 : 1,
    fieldCase: options.capitalizeResponseHeaders === false ? "preserve" : "title",
    halfClose: options.halfClose,
    multiPhaseBody: options.multiPhaseBody,
    trustedProxies,
    forwarded: options.forwarded,
    debug: options.debug
  })
  const { log, logFormat = defaultTemplate } = options
  const inJson = logFormat === "json"
  const format = typeof logFormat === "function" ? logFormat : inJson ? json : compile(logFormat, {
    forwardedFor: config.forwarded === false && (options.logXForwardedFor ?? true),
    trustedProxies: config.trustedProxies
  })
  const { errorFormat = inJson ? "json" : "text" } = options
  return {
    config,
    environ: options.environ,
    minimumChunkSize: options.minimumChunkSize ?? 4096,
    multiprocess: options.multiprocess ?? false,
    forms: FormLimits.make(options.forms),
    format: options.logOutput === false || log === false ? undefined : format,
    isSilent: options.logOutput === false,
    announce: options.announce ?? true,
    log: log === false ? undefined : log,
    errorLog: options.errorLog,
    entryFormat: typeof errorFormat === "function" ? errorFormat : formats[errorFormat]
  }
}

/**
 * The options of `server`.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: TableOf<ServerOptions> = {
  log: { expected: `${target.expected}, or false`, accepts: (given) => given === false || target.accepts(given) },
  environ: {
    ...record,
    expected: "an object with names for keys",
    accepts: (given) => Predicate.isRecord(given) && !(given instanceof Map)
  },
  maxSize: number({ least: 1, whole: true, infinite: true }),
  maxHttpVersion: oneOf("HTTP/1.1", "HTTP/1.0", "1.1", "1.0"),
  minimumChunkSize: number({ whole: true, unit: "bytes", infinite: true }),
  logXForwardedFor: yesOrNo,
  keepalive: {
    expected: "true, false, 0, or a number of seconds above 0",
    accepts: (given) => typeof given === "boolean" || (typeof given === "number" && given >= 0)
  },
  logOutput: yesOrNo,
  announce: yesOrNo,
  logFormat: {
    expected: "a template, \"json\" or a function",
    accepts: (given) => typeof given === "string" || (typeof given === "function" && !isClass(given))
  },
  urlLengthLimit: number({ least: 1, whole: true, unit: "bytes", infinite: true }),
  debug: yesOrNo,
  socketTimeout: number({ above: 0, unit: "seconds", infinite: true }),
  capitalizeResponseHeaders: yesOrNo,
  ...Config.groups,
  forms: group(FormLimits.table),
  trustedProxies: listOf("addresses"),
  forwarded: Config.forwardedOption,
  halfClose: oneOf("answer", "abort"),
  multiPhaseBody: yesOrNo,
  errorLog: target,
  errorFormat: {
    expected: "\"text\", \"json\" or a function",
    accepts: (given) => given === "text" || given === "json" || (typeof given === "function" && !isClass(given))
  },
  multiprocess: yesOrNo
}

/**
 * Names under which users may look for the options of TLS.
 *
 * @since 0.2.0
 * @category constants
 */
export const tlsNames: OptionTable = Object.fromEntries(
  ["tls", "https", "cert", "key"].map((name) => [
    name,
    misplaced("TLS is wrapTls's, as in wrapTls(listen(), { cert, key })")
  ])
)

// these are all options, with the names of the listener's, which are refused here
const whole: OptionTable = {
  ...Object.fromEntries(
    Object.keys(listenerTable).map((
      name
    ) => [name, misplaced(`is an option of listen, as in listen({ ${name}: ... })`)])
  ),
  ...tlsNames,
  ...Config.otherNames,
  logger: misplaced("is called log here"),
  ...table
}

// refuses two names for one option
const once = (option: string, value: unknown, other: string, given: unknown): void => {
  if (value === undefined || given === undefined || value === given) return
  throw new OptionError({
    option,
    description: `is the same option as ${other}, which has another value; give one of the two`
  })
}
