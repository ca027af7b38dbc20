/**
 * The options of the HttpServer: where to listen, TLS, the engine's settings, and what is this door's own.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { listenerNames } from "../node/listenChecks.js"
import type { ListenOptions, TlsOptions, TlsSettings } from "../node/NodeListener.js"
import * as TrustedProxies from "../node/TrustedProxies.js"
import { kindOf, noSuchOption, pathsIn } from "../server/OptionNames.js"
import * as ServerConfig from "../server/ServerConfig.js"
import type { FormOptions } from "./FormLimits.js"
import type { WebSocketOptions } from "./Upgrade.js"

/**
 * Where and how to serve. Everything but the listening address has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ListenOptions, Omit<ServerConfig.Partial, "trustedProxies">, DoorOptions {
  /**
   * Address or name to listen on. Default: all addresses of the machine, as `NodeHttpServer` listens, so that the swap takes
   * nobody's connections away; `127.0.0.1` is for this machine alone.
   */
  readonly host?: string | undefined
  /** Addresses and CIDR ranges of peers that may speak for others, see `forwarded`; `"unix"` for unix sockets. Default: none. */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  /** `node:tls` server options; with them the server speaks HTTPS. */
  readonly tls?: TlsOptions | TlsSettings | undefined
}

/**
 * What is this door's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface DoorOptions {
  /** Interrupt a handler when its client leaves? Default `true`; `TsgiHttpServer.keepRunning` is the switch for a route. */
  readonly interruptOnDisconnect?: boolean | undefined
  /**
   * Bytes that `text`, `json`, `urlParamsBody` and `arrayBuffer` may read, in place of `limits.wholeBody` and
   * `limits.parsedBody`; `MaxBodySize` overrides it. Default: not given.
   */
  readonly maxBufferedBody?: number | undefined
  /** Bounds on forms, by number and in bytes. */
  readonly forms?: FormOptions | undefined
  readonly websocket?: WebSocketOptions | undefined
}

/**
 * Where this door's settings differ from the engine's, to be as `NodeHttpServer` is. A client that has closed its sending
 * half is gone. Names of response fields are sent as they are given. A URL, or a field such as Cookie, may have the 16 KiB
 * that node:http gives a whole head. And 65536 connections are served at a time: WebSockets and event streams hold theirs
 * for hours, and node:http has no bound but the process's descriptors.
 *
 * They hold where no `ServerConfig` is provided; spread them, and their `limits`, into one that is.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults = {
  halfClose: "abort",
  fieldCase: "preserve",
  limits: { requestLine: 16_384, fieldLine: 16_384, connections: 65_536 }
} as const satisfies ServerConfig.Partial

/**
 * What each layer is to be told. Throws an `OptionError` for a setting of the engine that is unknown or cannot be meant.
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
  if (typeof options !== "object" || options === null) {
    throw new OptionError({ option: "options", description: `must be an object, not ${kindOf(options)}` })
  }
  for (const option of Object.keys(options)) {
    if (names.includes(option)) continue
    const meant = [...names, ...doorNames, ...pathsIn(ServerConfig.defaults)]
    throw new OptionError({ option, description: noSuchOption(option, names, undefined, meant) })
  }
  const {
    backlog,
    fd,
    host,
    ipv6Only,
    keepAliveInitialDelay,
    mode,
    path,
    port,
    proxy,
    proxyFrom,
    reusePort,
    socket,
    tls,
    ...withoutListening
  } = options
  const { forms, interruptOnDisconnect, maxBufferedBody, trustedProxies, websocket, ...config } = withoutListening
  // without a host: where NodeHttpServer listens, so that a swap takes nobody's connections away
  const everywhere = path === undefined && fd === undefined && socket === undefined ? "*" : undefined
  const listening = {
    backlog,
    fd,
    host: host ?? everywhere,
    ipv6Only,
    keepAliveInitialDelay,
    mode,
    path,
    port,
    proxy,
    proxyFrom,
    reusePort,
    socket
  }
  const door = { forms, interruptOnDisconnect, maxBufferedBody, websocket }
  const { limits } = config
  const whole = ServerConfig.make({
    ...config,
    halfClose: config.halfClose ?? defaults.halfClose,
    fieldCase: config.fieldCase ?? defaults.fieldCase,
    trustedProxies: trustedProxies === undefined ? undefined : readProxies(trustedProxies),
    limits: {
      ...limits,
      requestLine: limits?.requestLine ?? defaults.limits.requestLine,
      fieldLine: limits?.fieldLine ?? defaults.limits.fieldLine,
      connections: limits?.connections ?? defaults.limits.connections
    }
  })
  return { listening, tls, door, config: whole }
}

/**
 * Throws an `OptionError` for one of this door's own that is unknown or cannot be meant: callers may not be held to the
 * types. `ws` takes 0, and what is no 32-bit number, for no bound at all.
 *
 * @since 0.1.0
 * @category conversions
 */
export const check = ({ forms, interruptOnDisconnect, maxBufferedBody, websocket, ...rest }: DoorOptions): void => {
  for (const [option, group] of Object.entries({ forms, websocket })) {
    const given: unknown = group
    if (given === undefined || Predicate.isRecord(given)) continue
    throw new OptionError({ option, description: `must be an object, not ${kindOf(given)}` })
  }
  const { highWaterMark, idle, maxPayload, perMessageDeflate, ...others } = websocket ?? {}
  const { maxFields, maxFieldsSize, maxFiles, maxTotalSize, ...otherForms } = forms ?? {}
  const unknown = [
    ...Object.keys(rest),
    ...Object.keys(others).map((name) => `websocket.${name}`),
    ...Object.keys(otherForms).map((name) => `forms.${name}`)
  ]
  for (const option of unknown) {
    const group = option.slice(0, option.lastIndexOf(".") + 1)
    const known = doorNames.filter((name) => name.startsWith(group) && !name.slice(group.length).includes("."))
    const own = known.map((name) => name.slice(group.length))
    throw new OptionError({ option, description: noSuchOption(option, own, undefined, doorNames) })
  }
  const must = (option: string, holds: boolean, what: string, value: boolean | number | undefined) => {
    if (value === undefined || holds) return
    throw new OptionError({ option, description: `must be ${what}; it is ${String(value)}` })
  }
  const within = (value: number | undefined, least: number, most: number): boolean =>
    value === Infinity || (value !== undefined && Number.isInteger(value) && value >= least && value <= most)
  must("interruptOnDisconnect", typeof interruptOnDisconnect === "boolean", "a boolean", interruptOnDisconnect)
  const amounts = {
    maxBufferedBody,
    "forms.maxFieldsSize": maxFieldsSize,
    "forms.maxTotalSize": maxTotalSize
  }
  for (const [option, value] of Object.entries(amounts)) {
    must(option, within(value, 0, Infinity), "a whole number of bytes, 0 or more, or Infinity", value)
  }
  for (const [option, value] of Object.entries({ "forms.maxFields": maxFields, "forms.maxFiles": maxFiles })) {
    must(option, within(value, 0, Infinity), "a whole number, 0 or more, or Infinity", value)
  }
  must(
    "websocket.maxPayload",
    within(maxPayload, 1, 2 ** 31 - 1),
    "a whole number of bytes, from 1 to 2147483647, or Infinity",
    maxPayload
  )
  must(
    "websocket.highWaterMark",
    within(highWaterMark, 1, Infinity),
    "a whole number of bytes, 1 or more, or Infinity",
    highWaterMark
  )
  must(
    "websocket.idle",
    typeof idle === "number" && idle >= 1,
    "a number of milliseconds, 1 or more, or Infinity",
    idle
  )
  must("websocket.perMessageDeflate", typeof perMessageDeflate === "boolean", "a boolean", perMessageDeflate)
}

// `satisfies` holds them to the types
const formNames = Object.keys(
  { maxFields: 0, maxFieldsSize: 0, maxFiles: 0, maxTotalSize: 0 } satisfies Record<keyof FormOptions, 0>
)
const socketNames = Object.keys(
  { highWaterMark: 0, idle: 0, maxPayload: 0, perMessageDeflate: 0 } satisfies Record<keyof WebSocketOptions, 0>
)
const doorNames = [
  ...Object.keys(
    { interruptOnDisconnect: 0, maxBufferedBody: 0, forms: 0, websocket: 0 } satisfies Record<keyof DoorOptions, 0>
  ),
  ...formNames.map((name) => `forms.${name}`),
  ...socketNames.map((name) => `websocket.${name}`)
]
const names = [
  ...listenerNames,
  "tls",
  ...doorNames.filter((name) => !name.includes(".")),
  ...Object.keys(ServerConfig.defaults)
]

const readProxies = (given: unknown): ReturnType<typeof TrustedProxies.make> => {
  if (Array.isArray(given)) return TrustedProxies.make(given)
  throw new OptionError({ option: "trustedProxies", description: `must be a list; it is ${String(given)}` })
}
