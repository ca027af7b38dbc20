/**
 * Makes the environ of a request.
 *
 * @since 0.1.0
 */
import type { Exchange } from "../exchange/Exchange.js"
import { type Forwarded, schemeOf } from "../exchange/Forwarding.js"
import type { Outcome } from "../exchange/Outcome.js"
import type { Peer } from "../exchange/Peer.js"
import type { TlsInfo } from "../exchange/PeerFacts.js"
import type { Fields } from "../protocol/fields.js"
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import type { Environ, PostHooks } from "./Environ.js"
import type { HeaderPairs } from "./HeaderPairs.js"
import type { Input } from "./Input.js"

/**
 * What an environ passes on from its call.
 *
 * @since 0.1.0
 * @category models
 */
export interface EnvironProvider {
  readonly input: Input
  readonly posthooks: PostHooks
  readonly interim: (status: number, headers?: HeaderPairs) => void
  readonly setIdle: () => void
  readonly signal: () => AbortSignal
}

/**
 * What all environs of one server share.
 *
 * @since 0.1.0
 * @category models
 */
export interface EnvironSettings {
  /** Keys that the operator adds. They may hide `wsgi.*`, but never the request. */
  readonly extra: Readonly<Record<string, unknown>> | undefined
  readonly errors: Environ["wsgi.errors"]
  readonly multiprocess: boolean
}

const version: readonly [1, 0] = [1, 0]

/**
 * The environ of one request. It is a class so that all environs share one shape. Only the signal is an accessor of the
 * prototype, because an AbortSignal is only made if an application reads it.
 *
 * @since 0.1.0
 * @category constructors
 */
export class EnvironRecord implements Environ {
  declare REQUEST_METHOD: string
  declare SCRIPT_NAME: string
  declare PATH_INFO: string
  declare RAW_PATH_INFO: string
  declare QUERY_STRING?: string
  declare REQUEST_URI: string
  declare CONTENT_TYPE?: string
  declare CONTENT_LENGTH?: string
  declare SERVER_PROTOCOL: string
  declare GATEWAY_INTERFACE: string
  declare SERVER_NAME: string
  declare SERVER_PORT: string
  declare REMOTE_ADDR: string
  declare REMOTE_PORT: string
  declare HTTPS?: string
  declare headers_raw: ReadonlyArray<readonly [name: string, value: string]>
  declare "wsgi.version": readonly [1, 0]
  declare "wsgi.url_scheme": "http" | "https"
  declare "wsgi.input": Input
  declare "wsgi.errors": Environ["wsgi.errors"]
  declare "wsgi.multithread": boolean
  declare "wsgi.multiprocess": boolean
  declare "wsgi.run_once": boolean
  declare "eventlet.input": Input
  declare "eventlet.posthooks": PostHooks
  declare "eventlet.minimum_write_chunk_size"?: number
  declare "eventlet.set_idle": () => void
  declare "tsgi.interim": (status: number, headers?: HeaderPairs) => void
  declare "tsgi.trailers"?: HeaderPairs
  declare "tsgi.outcome"?: Outcome
  declare "tsgi.tls"?: TlsInfo
  declare "tsgi.proxy"?: ProxyHeader;
  [header: `HTTP_${string}`]: string | undefined
  [key: string]: unknown
  readonly #provider: EnvironProvider

  constructor({ forwarded, peer, request }: Exchange, provider: EnvironProvider, settings: EnvironSettings) {
    this.#provider = provider
    const { local, proxy, remote, tls } = peer
    const scheme = forwarded?.scheme ?? schemeOf(peer)
    const form = request.form
    const located = form._tag === "Origin" || form._tag === "Absolute"
    const path = located ? form.path : form._tag === "Asterisk" ? "*" : form.authority
    this["wsgi.version"] = version
    this["wsgi.errors"] = settings.errors
    this["wsgi.multithread"] = true
    this["wsgi.multiprocess"] = settings.multiprocess
    this["wsgi.run_once"] = false
    this["wsgi.url_scheme"] = scheme
    if (settings.extra !== undefined) Object.assign(this, settings.extra)
    this.REQUEST_METHOD = request.method
    this.SCRIPT_NAME = ""
    this.PATH_INFO = path.includes("%") ? percentDecoded(path) : path
    this.RAW_PATH_INFO = path
    this.REQUEST_URI = request.target
    this.SERVER_PROTOCOL = request.version
    this.GATEWAY_INTERFACE = "CGI/1.1"
    this.SERVER_NAME = local._tag === "Tcp" ? local.host : "unix"
    this.SERVER_PORT = local._tag === "Tcp" ? String(local.port) : ""
    this.REMOTE_ADDR = remote._tag === "Tcp" ? remote.host : "unix"
    this.REMOTE_PORT = remote._tag === "Tcp" ? String(remote.port) : ""
    const view = viewOf(peer, request.fields)
    this.headers_raw = view.pairs()
    this["wsgi.input"] = provider.input
    this["eventlet.input"] = provider.input
    this["eventlet.posthooks"] = provider.posthooks
    this["eventlet.set_idle"] = provider.setIdle
    this["tsgi.interim"] = provider.interim
    if (located && form.query !== undefined) this.QUERY_STRING = form.query
    if (scheme === "https") this.HTTPS = "on"
    if (tls !== undefined) this["tsgi.tls"] = tls
    if (proxy !== undefined) this["tsgi.proxy"] = proxy
    const { keys, values } = view
    for (let i = 0; i < keys.length; i++) this[keys[i]] = values[i]
    // if only the end of the body tells its length, it has a transfer coding, which overrides Content-Length (RFC 9112, 6.3)
    if (provider.input.bodyLength === undefined) delete this.CONTENT_LENGTH
    if (forwarded !== undefined) this.forward(forwarded)
  }

  // The facts that trusted proxies give replace those of the connection.
  private forward({ client, server }: Forwarded): void {
    if (client._tag === "Tcp") {
      this.REMOTE_ADDR = client.host
      this.REMOTE_PORT = client.port === 0 ? "" : String(client.port)
    }
    if (server === undefined) return
    this.HTTP_HOST = server.host
    this.SERVER_NAME = server.name
    this.SERVER_PORT = String(server.port)
  }

  // what a handler of Requests reads first, when it is served without fetchApp
  get url(): never {
    throw notARequest()
  }

  get method(): never {
    throw notARequest()
  }

  get headers(): never {
    throw notARequest()
  }

  get "tsgi.signal"(): AbortSignal {
    return this.#provider.signal()
  }

  set "tsgi.signal"(signal: AbortSignal) {
    Object.defineProperty(this, "tsgi.signal", { value: signal, writable: true, enumerable: true, configurable: true })
  }
}

const notARequest = (): TypeError =>
  new TypeError("this is an environ and no Request: serve a handler of Requests by fetchApp(handler)")

const viewOf = (peer: Peer, fields: Fields): FieldView => {
  const { cached } = peer
  const last = cached instanceof FieldView ? cached : undefined
  return last !== undefined && last.fields === fields ? last : peer.cache(new FieldView(fields, last))
}

/**
 * The fields of a request under the environ's keys. A connection keeps the view of its last request, because a client that
 * repeats the names of its fields has the same keys.
 *
 * @since 0.1.0
 * @category models
 */
export class FieldView {
  readonly keys: Array<string>
  readonly values: Array<string> = []
  private readonly hasKeyForEach: boolean

  constructor(readonly fields: Fields, last: FieldView | undefined) {
    const count = fields.length / 2
    const named = last !== undefined && last.hasKeyForEach && last.hasNames(fields)
    this.keys = named ? last.keys : []
    // if there are few keys, they are searched one by one
    const indices = count > 16 && !named ? new Map<string, number>() : undefined
    for (let i = 0; i < count; i++) {
      const value = fields[2 * i + 1]
      if (named) {
        this.values.push(valueOf(this.keys[i], value))
        continue
      }
      const key = environKey(fields[2 * i])
      if (key === "") continue
      const index = indices === undefined ? this.keys.indexOf(key) : indices.get(key) ?? -1
      indices?.set(key, index < 0 ? this.keys.length : index)
      this.add(key, value, index)
    }
    this.hasKeyForEach = this.keys.length === count
  }

  /** For `headers_raw`, in order. Made for each request, because the application may write to them. */
  pairs(): ReadonlyArray<readonly [name: string, value: string]> {
    const { fields } = this
    // the array has its length from the start, so that it does not grow
    const pairs = new Array<readonly [string, string]>(fields.length / 2)
    for (let i = 0; i < pairs.length; i++) pairs[i] = [fields[2 * i], fields[2 * i + 1]]
    return pairs
  }

  // The parser gives the same string for a name that is repeated at the same index.
  private hasNames(fields: Fields): boolean {
    const names = this.fields
    if (names.length !== fields.length) return false
    for (let i = 0; i < names.length; i += 2) if (names[i] !== fields[i]) return false
    return true
  }

  private add(key: string, value: string, index: number): void {
    if (index < 0) {
      this.keys.push(key)
      this.values.push(valueOf(key, value))
    } else if (key !== "CONTENT_LENGTH") this.values[index] += (key === "HTTP_COOKIE" ? "; " : ", ") + value
  }
}

// the parser refuses repeated lengths that differ (RFC 9112, 6.3)
const valueOf = (key: string, value: string): string =>
  key === "CONTENT_LENGTH" && value.includes(",") ? value.split(",")[0].trim() : value

// Names with an underscore are dropped, because `X_Real_IP` would have the same key as `X-Real-IP`, and pass a proxy that only
// removes the latter.
const environKey = (name: string): string => {
  const known = knownKeys.get(name)
  if (known !== undefined) return known
  const upper = name.toUpperCase().replaceAll("-", "_")
  const key = name.includes("_")
    ? ""
    : upper === "CONTENT_TYPE" || upper === "CONTENT_LENGTH"
    ? upper
    : `HTTP_${upper}`
  if (knownKeys.size < mostKnownKeys && name.length <= 64) knownKeys.set(name, key)
  return key
}

// Clients send the same few names. They choose them, so the map is bounded.
const knownKeys = new Map<string, string>()
const mostKnownKeys = 512

// Each byte becomes one character (PEP 3333, "A Note on String Types"). Anything that is not an escape stays as it is.
const percentDecoded = (path: string): string =>
  path.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)))
