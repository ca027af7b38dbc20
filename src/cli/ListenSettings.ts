/**
 * The settings for listening: addresses, TLS and PROXY headers.
 *
 * @since 0.2.0
 */
import { OptionError } from "../exchange/ServerError.js"
import * as TrustedProxies from "../node/TrustedProxies.js"
import { variableOf } from "./flags.js"
import { wrong } from "./Plan.js"
import { order, type Reader, type Source, type Sources, standard } from "./sources.js"
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
  { env, file }: Pick<Sources, "env" | "file">,
  path: (given: string) => string
): ListenSettings => {
  const tls = tlsOf(get, path)
  const { listen, listenByDefault } = listenOf(get, { env, file }, tls !== undefined, path)
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
  { env, file }: Pick<Sources, "env" | "file">,
  tls: boolean,
  path: (given: string) => string
): Pick<ListenSettings, "listen" | "listenByDefault"> => {
  const mode = get("unix-mode", Values.mode) ?? 0o660
  const kind = kindOf(get, file?.name)
  if (kind === "listen") return { listen: fromUrls(urlsOf(get), tls, mode, path), listenByDefault: false }
  if (kind === "unix") {
    return { listen: [{ _tag: "Unix", path: path(get(kind, Values.text) ?? ""), mode, tls }], listenByDefault: false }
  }
  if (kind === "fd") {
    return { listen: [{ _tag: "Descriptor", fd: get(kind, Values.count(0)) ?? 0, tls }], listenByDefault: false }
  }
  return {
    listen: [{
      _tag: "Tcp",
      host: get("host", Values.text) ?? "127.0.0.1",
      port: get("port", port) ?? standard("PORT", env, port) ?? 8090,
      tls
    }],
    listenByDefault: kind === undefined
  }
}

// In a file, a number is a port.
const urlsOf = (get: Reader): ReadonlyArray<string> => {
  const urls = get.many("listen")
  return get.originOf("listen")?.source === "file"
    ? urls.map((url) => /^\d+$/.test(url) ? `127.0.0.1:${url}` : url)
    : urls
}

const checkDistinct = (urls: ReadonlyArray<string>, specs: ReadonlyArray<ListenSpec>): void => {
  for (const [i, spec] of specs.entries()) {
    const j = specs.slice(0, i).findIndex((one) => collide(one, spec))
    const other = specs[j]
    if (j < 0 || other === undefined) continue
    const isWider = spec._tag === "Tcp" && other._tag === "Tcp" && spec.host !== other.host
    const why = isWider ? "one contains the other; leave one out" : "they are one address; give it once"
    throw wrong(`--listen ${urls[j]} and ${urls[i]}: ${why}`)
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

type Kind = "listen" | "unix" | "fd" | "tcp"

const places = ["listen", "unix", "fd", "host", "port"] as const
const kindBy: Readonly<Record<typeof places[number], Kind>> = {
  listen: "listen",
  unix: "unix",
  fd: "fd",
  host: "tcp",
  port: "tcp"
}

// The kind of place that the highest source names, which overrides those of lower sources.
const kindOf = (get: Reader, file: string | undefined): Kind | undefined => {
  const given = places.flatMap((name) => {
    const origin = name === "listen" && get.many(name).length === 0 ? undefined : get.originOf(name)
    return origin === undefined ? [] : [{ ...origin, kind: kindBy[name] }]
  })
  const highest = order.find((source) => given.some((place) => place.source === source))
  const named = given.filter(({ source }) => source === highest)
  if (highest !== undefined && new Set(named.map(({ kind }) => kind)).size > 1) {
    const where = highest === "file" ? ` in ${file}` : ""
    throw wrong(
      `${named.map(({ called }) => called).join(" and ")}${where}: give one of them, or ${listenIn[highest]} for each`
    )
  }
  return named[0]?.kind
}

const listenIn: Readonly<Record<Source, string>> = {
  flags: "--listen",
  environment: variableOf("listen"),
  file: "listen"
}

/** A place of `--listen`, and what its URL says of TLS. */
interface Located {
  readonly place: Place
  readonly scheme: string | undefined
}

type Place = ListenSpec extends infer Spec ? Spec extends ListenSpec ? Omit<Spec, "tls"> : never : never

// Where no listener is said to have TLS, those of which nothing is said have it: a certificate is there for something.
const fromUrls = (
  urls: ReadonlyArray<string>,
  tls: boolean,
  mode: number,
  path: (given: string) => string
): ReadonlyArray<ListenSpec> => {
  const located = urls.map((url) => fromUrl(url, mode, path))
  const secured = urls.find((_, i) => located[i].scheme === "https")
  if (secured !== undefined && !tls) throw wrong(`--listen ${secured} needs --tls-cert and --tls-key`)
  const listen = located.map(({ place, scheme }) => ({
    ...place,
    tls: scheme === "https" || (scheme === undefined && tls && secured === undefined)
  }))
  checkDistinct(urls, listen)
  return listen
}

const fromUrl = (given: string, mode: number, path: (given: string) => string): Located => {
  const [, withSocket, socket] = /^(?:(https?)\+)?unix:(?:\/\/(?=\/))?(.+)$/.exec(given) ?? []
  if (socket !== undefined) return { place: { _tag: "Unix", path: path(socket), mode }, scheme: withSocket }
  const [, withFd, fd] = /^(?:(https?)\+)?fd:(?:\/\/)?(\d+)$/.exec(given) ?? []
  if (fd !== undefined) return { place: { _tag: "Descriptor", fd: Number(fd) }, scheme: withFd }
  const [, scheme, address] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(given) ?? []
  const read = addressOf(address)
  if (address !== undefined && "value" in read && read.value !== undefined) {
    return { place: { _tag: "Tcp", ...read.value }, scheme }
  }
  const hint = /^\d+$/.test(given)
    ? `; did you mean http://127.0.0.1:${given}?`
    : /^[\w.-]+$/.test(given)
    ? `; did you mean http://${given}:8090?`
    : ""
  throw wrong(
    `--listen ${given}: must be http://host:port, https://host:port, unix:/path, https+unix:/path or fd:3${hint}`
  )
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
