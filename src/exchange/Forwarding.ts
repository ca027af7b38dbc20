/**
 * The origin of a request, as trusted proxies give it.
 *
 * @since 0.2.0
 */
import { type ForwardedField, forwardedFields, readForwarded } from "../protocol/forwarded.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { Address } from "./Address.js"
import type { EngineConfig, ForwardedOption } from "./Config.js"
import type { PeerFacts } from "./PeerFacts.js"
import { isTrusted } from "./TrustedProxies.js"

/**
 * The facts that replace those of the connection.
 *
 * @since 0.2.0
 * @category models
 */
export interface Forwarded {
  /** The client. An unknown port is 0. */
  readonly client: Address
  /** Whether a proxy gave the client's address. Otherwise `client` is the peer. */
  readonly clientForwarded: boolean
  readonly scheme: "http" | "https"
  /** The address at which the client reached the outermost proxy; `undefined` if it is unknown, so that the Host field counts. */
  readonly server: Authority | undefined
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Authority {
  /**
   * The host as in a Host field: with brackets around an IPv6 address, and with the port if that is not the default of the
   * scheme.
   */
  readonly host: string
  /** The host without brackets and port. */
  readonly name: string
  readonly port: number
}

/**
 * The scheme of a connection.
 *
 * @since 0.2.0
 * @category getters
 */
export const schemeOf = ({ tls }: Pick<PeerFacts, "tls">): "http" | "https" => tls === undefined ? "http" : "https"

/**
 * Reads the fields of one connection's requests.
 *
 * @since 0.2.0
 * @category models
 */
export class Forwarding {
  private readonly fields: ReadonlySet<ForwardedField>
  // the last request and the result for it, because the door and the log both need it
  private request: RequestHead | undefined = undefined
  private forwarded: Forwarded | undefined = undefined

  constructor(private readonly config: EngineConfig, private readonly transport: Pick<PeerFacts, "remote" | "tls">) {
    this.fields = new Set(believed(config.forwarded))
  }

  /** What proxies say about a request; `undefined` if none says anything that is believed. */
  of(request: RequestHead): Forwarded | undefined {
    if (this.request !== request) {
      this.request = request
      // if the proxies' service throws, it does so once, and not again for the log
      this.forwarded = undefined
      this.forwarded = this.read(request)
    }
    return this.forwarded
  }

  private read({ fields }: RequestHead): Forwarded | undefined {
    const { trustedProxies } = this.config
    const { client, host, port, scheme: told } = readForwarded(
      fields,
      this.fields,
      (host) => isTrusted(trustedProxies, { _tag: "Tcp", host, port: 0 })
    )
    const scheme = told ?? schemeOf(this.transport)
    const authority = host ?? (port === undefined ? undefined : hostField(fields))
    const server = authority === undefined ? undefined : authorityOf(authority, port, scheme)
    if (client === undefined && told === undefined && server === undefined) return undefined
    return {
      client: client === undefined
        ? this.transport.remote
        : { _tag: "Tcp", host: client.host, port: client.port ?? 0 },
      clientForwarded: client !== undefined,
      scheme,
      server
    }
  }
}

/**
 * The reader for a connection; `undefined` if its peer is not trusted, or nothing is believed. This is decided once, here.
 *
 * @since 0.2.0
 * @category constructors
 */
export const forwardingFor = (
  config: EngineConfig,
  transport: Pick<PeerFacts, "remote" | "tls">
): Forwarding | undefined =>
  config.forwarded !== false && isTrusted(config.trustedProxies, transport.remote)
    ? new Forwarding(config, transport)
    : undefined

const believed = (option: ForwardedOption): ReadonlyArray<ForwardedField> =>
  typeof option === "object"
    ? option
    : forwardedFields.filter((field) => option === true || (option === "forwarded") === (field === "forwarded"))

const hostField = (fields: RequestHead["fields"]): string | undefined => {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i].toLowerCase() === "host") return fields[i + 1] === "" ? undefined : fields[i + 1]
  }
  return undefined
}

const standardPorts = { http: 80, https: 443 }

const authorityOf = (authority: string, told: number | undefined, scheme: "http" | "https"): Authority => {
  const colon = authority.lastIndexOf(":")
  const end = colon > authority.lastIndexOf("]") ? colon : authority.length
  const host = authority.slice(0, end)
  const given = authority.slice(end + 1)
  const standard = standardPorts[scheme]
  const port = told ?? (given === "" ? standard : Number(given))
  return {
    host: port === standard ? host : `${host}:${port}`,
    name: host.startsWith("[") ? host.slice(1, -1) : host,
    port
  }
}
