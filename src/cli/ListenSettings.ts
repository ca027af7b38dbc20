/**
 * The settings for listening: addresses, TLS and PROXY headers.
 *
 * @since 0.2.0
 */
import { OptionError } from "../exchange/ServerError.js"
import * as TrustedProxies from "../node/TrustedProxies.js"
import { wrong } from "./Plan.js"
import { type Reader, type Sources, standard } from "./sources.js"
import * as Values from "./values.js"

/**
 * @since 0.2.0
 * @category models
 */
export type ListenSpec =
  | { readonly _tag: "Tcp"; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly _tag: "Unix"; readonly path: string; readonly mode: number; readonly tls: boolean }
  | { readonly _tag: "Descriptor"; readonly fd: number; readonly tls: boolean }

/**
 * @since 0.2.0
 * @category models
 */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly client: "none" | "request" | "require"
}

/**
 * @since 0.2.0
 * @category models
 */
export interface ListenSettings {
  readonly listen: ReadonlyArray<ListenSpec>
  /** Whether no address was given, so that an activated socket takes precedence. */
  readonly listenByDefault: boolean
  readonly backlog: number
  readonly bindRetry: boolean
  readonly tls: TlsFiles | undefined
  readonly proxyProtocol: "off" | "v1" | "v2" | "any"
  readonly proxyFrom: ReadonlyArray<string> | undefined
}

/**
 * Throws a `PlanError` that names the invalid setting, its source, and what is expected.
 *
 * @since 0.2.0
 * @category constructors
 */
export const readListen = (
  get: Reader,
  { env }: Pick<Sources, "env">,
  path: (given: string) => string
): ListenSettings => {
  const tls = tlsOf(get, path)
  const { listen, listenByDefault } = listenOf(get, env, tls !== undefined, path)
  if (tls === undefined && listen.some(({ tls }) => tls)) {
    throw wrong("--listen https://… needs --tls-cert and --tls-key")
  }
  return {
    listen,
    listenByDefault,
    backlog: get("backlog", Values.count(1)) ?? 511,
    bindRetry: get("bind-retry", Values.yesOrNo) ?? false,
    tls,
    proxyProtocol: get("proxy-protocol", Values.oneOf("off", "v1", "v2", "any")) ?? "off",
    proxyFrom: get("proxy-from", peers)
  }
}

const tlsOf = (get: Reader, path: (given: string) => string): TlsFiles | undefined => {
  const [cert, key, ca] = ["tls-cert", "tls-key", "tls-ca"].map((name) => get(name, Values.text))
  const client = get("tls-client", Values.oneOf("none", "request", "require")) ?? "none"
  if (cert === undefined && key === undefined) {
    if (ca !== undefined || client !== "none") throw wrong("--tls-ca and --tls-client need --tls-cert and --tls-key")
    return undefined
  }
  if (cert === undefined) throw wrong("--tls-key needs --tls-cert")
  if (key === undefined) throw wrong("--tls-cert needs --tls-key")
  return { cert: path(cert), key: path(key), ca: ca === undefined ? undefined : path(ca), client }
}

const listenOf = (
  get: Reader,
  env: Sources["env"],
  tls: boolean,
  path: (given: string) => string
): Pick<ListenSettings, "listen" | "listenByDefault"> => {
  const mode = get("unix-mode", Values.mode) ?? 0o660
  const [host, number, unix, fd] = [
    get("host", Values.text),
    get("port", port),
    get("unix", Values.text),
    get("fd", Values.count(0))
  ]
  const urls = get.many("listen")
  const kinds = [
    urls.length > 0 ? "--listen" : "",
    unix === undefined ? "" : "--unix",
    fd === undefined ? "" : "--fd",
    host === undefined && number === undefined ? "" : "--host and --port"
  ].filter((kind) => kind !== "")
  if (kinds.length > 1) throw wrong(`${kinds.join(" and ")}: give one of them, or --listen for each`)
  if (urls.length > 0) {
    const listen = urls.map((url) => fromUrl(url, tls, mode, path))
    checkDistinct(urls, listen)
    return { listen, listenByDefault: false }
  }
  if (unix !== undefined) {
    return { listen: [{ _tag: "Unix", path: path(unix), mode, tls }], listenByDefault: false }
  }
  if (fd !== undefined) return { listen: [{ _tag: "Descriptor", fd, tls }], listenByDefault: false }
  return {
    listen: [{
      _tag: "Tcp",
      host: host ?? "127.0.0.1",
      port: number ?? standard("PORT", env, port) ?? 8090,
      tls
    }],
    listenByDefault: kinds.length === 0
  }
}

const checkDistinct = (urls: ReadonlyArray<string>, specs: ReadonlyArray<ListenSpec>): void => {
  for (const [i, spec] of specs.entries()) {
    const other = specs.findIndex((one, j) => j < i && collide(one, spec))
    if (other >= 0) throw wrong(`--listen ${urls[other]} and ${urls[i]}: they are one address; give it once`)
  }
}

/**
 * Whether no two sockets can listen at these addresses.
 *
 * @since 0.2.0
 * @category accessors
 */
export const collide = (one: ListenSpec, other: ListenSpec): boolean =>
  one._tag === "Unix"
    ? other._tag === "Unix" && one.path === other.path
    : one._tag === "Descriptor"
    ? other._tag === "Descriptor" && one.fd === other.fd
    : other._tag === "Tcp" && one.port === other.port && one.port !== 0 &&
      (one.host === other.host || covers(one.host, other.host) || covers(other.host, one.host))

// An unspecified address is all of its family; that of IPv6 is also all of IPv4.
const covers = (all: string, host: string): boolean =>
  all === "::" || all === "*" || (all === "0.0.0.0" && !host.includes(":"))

const fromUrl = (given: string, tls: boolean, mode: number, path: (given: string) => string): ListenSpec => {
  const [, socket] = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(given) ?? []
  if (socket !== undefined) return { _tag: "Unix", path: path(socket), mode, tls }
  const [, fd] = /^fd:(?:\/\/)?(\d+)$/.exec(given) ?? []
  if (fd !== undefined) return { _tag: "Descriptor", fd: Number(fd), tls }
  const [, scheme, address] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(given) ?? []
  const read = addressOf(address)
  if (address !== undefined && "value" in read && read.value !== undefined) {
    return { _tag: "Tcp", ...read.value, tls: scheme === "https" }
  }
  const hint = /^\d+$/.test(given)
    ? `; did you mean http://127.0.0.1:${given}?`
    : /^[\w.-]+$/.test(given)
    ? `; did you mean http://${given}:8090?`
    : ""
  throw wrong(`--listen ${given}: must be http://host:port, https://host:port, unix:/path or fd:3${hint}`)
}

/**
 * Reads addresses and CIDR ranges, from a list or from text with commas.
 *
 * @since 0.2.0
 * @category constructors
 */
export const peers = (given: unknown): Values.Read<ReadonlyArray<string>> => {
  const entries = (Array.isArray(given) ? given.map(String) : String(given).split(","))
    .map((part) => part.trim()).filter((part) => part !== "")
  try {
    TrustedProxies.make(entries)
    return { value: entries }
  } catch (error) {
    return {
      expected: `addresses and CIDR ranges: ${error instanceof OptionError ? error.description : String(error)}`
    }
  }
}

const port = Values.count(0, 65_535)

/**
 * Reads `HOST:PORT`, or `none`, for which it returns `undefined`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const addressOf = (given: unknown): Values.Read<
  { readonly host: string; readonly port: number } | undefined
> => {
  if (given === "none") return { value: undefined }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(String(given)) ?? []
  const read = port(digits)
  return "value" in read
    ? { value: { host: bracketed ?? (plain === undefined || plain === "" ? "127.0.0.1" : plain), port: read.value } }
    : { expected: "HOST:PORT, such as 127.0.0.1:9090, or none" }
}
