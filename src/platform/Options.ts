/**
 * The options of the HttpServer: where to listen, TLS, the engine's settings, and those that only this door has.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { listenerTable, otherNames } from "../node/listenChecks.js"
import type { ListenOptions, TlsOptions, TlsSettings } from "../node/NodeListener.js"
import * as TrustedProxies from "../node/TrustedProxies.js"
import { checkOptions, type OptionTable, pick, refuseMore, type TableOf } from "../server/checkOptions.js"
import { otherNames as engineNames } from "../server/Config.js"
import * as FormLimits from "../server/FormLimits.js"
import { anything, group, listOf, misplaced, number, yesOrNo } from "../server/optionKinds.js"
import { invalidOption } from "../server/OptionNames.js"
import * as ServerConfig from "../server/ServerConfig.js"
import * as Upgrade from "./Upgrade.js"

/**
 * Where and how to serve. Everything but the listening address has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ListenOptions, Omit<ServerConfig.PartialConfig, "trustedProxies">, DoorOptions {
  /**
   * Address or name to listen on. Default: all addresses of the machine, as with `NodeHttpServer`. `127.0.0.1` only accepts
   * connections from this machine.
   */
  readonly host?: string | undefined
  /**
   * Addresses and CIDR ranges of peers that may speak for others: see `forwarded`. Also `"unix"` for unix sockets, and
   * `"loopback"`, `"linklocal"` and `"uniquelocal"`. Default: none.
   */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  /** `node:tls` server options; with them the server speaks HTTPS. */
  readonly tls?: TlsOptions | TlsSettings | undefined
}

/**
 * The options of this door alone.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoorOptions {
  /**
   * Whether a handler is interrupted when its client leaves. Default `true`; `TsgiHttpServer.keepRunning` decides for a single
   * route.
   */
  readonly interruptOnDisconnect?: boolean | undefined
  /**
   * Bytes that `text`, `json`, `urlParamsBody` and `arrayBuffer` may read, in place of `limits.wholeBody` and
   * `limits.parsedBody`; `MaxBodySize` overrides it. Default: those limits.
   */
  readonly maxBufferedBody?: number | undefined
  /** Bounds on forms: `maxFields` 1000, `maxFieldsSize` 10485760 bytes, `maxFiles` 100, `maxTotalSize` `Infinity`. */
  readonly forms?: FormLimits.FormOptions | undefined
  /** Bounds on WebSockets, and their pings. */
  readonly websocket?: Upgrade.WebSocketOptions | undefined
}

/**
 * The defaults of this door that differ from the engine's, to match `NodeHttpServer`. A client that has closed its sending half
 * counts as gone. Names of response fields are sent as given. A URL, or a field such as Cookie, may have the 16 KiB that
 * node:http allows a whole head. And 65536 connections are served at a time, because WebSockets and event streams last for hours,
 * and node:http is bounded by the process's descriptors alone.
 *
 * They apply if no `ServerConfig` is provided. If you provide one, spread them, and their `limits`, into it.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults = {
  halfClose: "abort",
  fieldCase: "preserve",
  limits: { requestLine: 16_384, fieldLine: 16_384, connections: 65_536 }
} as const satisfies ServerConfig.PartialConfig

/**
 * The options of this door alone.
 *
 * @since 0.2.0
 * @category constants
 */
export const door: TableOf<DoorOptions> = {
  interruptOnDisconnect: yesOrNo,
  maxBufferedBody: number({ whole: true, unit: "bytes", infinite: true }),
  forms: group(FormLimits.table),
  websocket: group(Upgrade.table)
}

const { trustedProxies: _, ...engine } = ServerConfig.table

/**
 * All options of this door.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: TableOf<Options> = {
  ...listenerTable,
  tls: anything,
  ...door,
  ...engine,
  trustedProxies: listOf("addresses")
}

const ofTls = misplaced("belongs to tls, as in tls: { cert, key }")

const ofAccessLog = misplaced("is no option here: provide AccessLogFile.layer, or another AccessLog, to layerWith")

const logNames: OptionTable = { log: ofAccessLog, logFormat: ofAccessLog, accessLog: ofAccessLog, logger: ofAccessLog }

// these are all options, with the names that other servers have for them
const whole: OptionTable = {
  ...engineNames,
  ...otherNames,
  signal: misplaced("is no option here: close the layer's scope, which stops the server"),
  cert: ofTls,
  key: ofTls,
  https: ofTls,
  ...logNames,
  ...table
}

const elsewhere = (options: object, place: string): OptionTable =>
  Object.fromEntries(Object.keys(options).map((name) => [name, misplaced(`is an option of ${place}`)]))

// these are all options of a server whose services are given, with those that belong to the services
const ofDoor: OptionTable = {
  ...logNames,
  ...elsewhere(ServerConfig.table, "ServerConfig.layer"),
  ...elsewhere(listenerTable, "NodeListener.layer"),
  tls: misplaced("is the second argument of NodeListener.layer"),
  ...door
}

// the listener's options are checked when it is bound, which fails with a BindError
const checkedLater: ReadonlyArray<string> = Object.keys(listenerTable)

/**
 * Throws an `OptionError` if there is a second argument, or the first one is a function, because `NodeHttpServer` takes a node
 * server before its options.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkArguments = (options: unknown, more: ReadonlyArray<unknown>): void => {
  if (Config.isConfig(options)) {
    throw new OptionError({ option: "options", description: "is a Config: give it to layerConfig" })
  }
  refuseMore(
    Predicate.isFunction(options) ? [options, ...more] : more,
    "options",
    "must be the only argument, such as { port: 8090 }: there is no node server, and TLS is the option tls"
  )
}

/**
 * Throws an `OptionError` for an option that is not a `Config`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkConfigs = (options: unknown, path = ""): void => {
  if (Config.isConfig(options)) return
  if (!Predicate.isRecord(options) || Array.isArray(options)) {
    throw invalidOption(path === "" ? "options" : path, "a Config, such as Config.succeed(...)", options)
  }
  for (const [name, value] of Object.entries(options)) checkConfigs(value, path === "" ? name : `${path}.${name}`)
}

/**
 * The options for each layer. Throws an `OptionError` for an option that is unknown, and for an invalid option of the engine or
 * of this door.
 *
 * @since 0.1.0
 * @category conversions
 */
export const split = (options: Options): {
  readonly listening: ListenOptions
  readonly tls: TlsOptions | TlsSettings | undefined
  readonly door: DoorOptions
  readonly config: ServerConfig.Config
} => {
  checkOptions(options, whole, { notAnObject: "must be an object, such as { port: 8090 }", unchecked: checkedLater })
  const { fd, host, limits, path, socket, tls, trustedProxies } = options
  // the default host is that of NodeHttpServer
  const everywhere = path === undefined && fd === undefined && socket === undefined ? "*" : undefined
  return {
    listening: { ...pick(options, listenerTable), host: host ?? everywhere },
    tls,
    door: pick(options, door),
    config: ServerConfig.make({
      ...pick(options, engine),
      halfClose: options.halfClose ?? defaults.halfClose,
      fieldCase: options.fieldCase ?? defaults.fieldCase,
      trustedProxies: trustedProxies === undefined ? undefined : TrustedProxies.make(trustedProxies),
      limits: {
        ...limits,
        requestLine: limits?.requestLine ?? defaults.limits.requestLine,
        fieldLine: limits?.fieldLine ?? defaults.limits.fieldLine,
        connections: limits?.connections ?? defaults.limits.connections
      }
    })
  }
}

/**
 * Throws an `OptionError` for an option of this door that is unknown or invalid, because a caller without types can give
 * anything.
 *
 * @since 0.1.0
 * @category conversions
 */
export const check = (options: DoorOptions): void => checkOptions(options, ofDoor)
