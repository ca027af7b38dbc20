/**
 * The fields that proxies add to the requests that they pass on: Forwarded (RFC 7239), and the older X-Forwarded fields.
 *
 * Each proxy appends what it has seen itself; the values to the left of that were in the request. So the fields are read from the
 * right, hop by hop, as long as the peer that sent them is trusted. The first peer that is not trusted is the client, and the
 * values that it sent are ignored.
 *
 * @since 0.2.0
 */
import type { Fields } from "./fields.js"
import { isHost, isIpv4, isIpv6 } from "./target.js"

/**
 * The fields in which proxies name the peer whose request they pass on, in lower case.
 *
 * @since 0.2.0
 * @category constants
 */
export const forwardedFields = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port"
] as const

/**
 * @since 0.2.0
 * @category models
 */
export type ForwardedField = (typeof forwardedFields)[number]

/**
 * What trusted proxies say about a request. Values that are missing or unreadable are `undefined`.
 *
 * @since 0.2.0
 * @category models
 */
export interface ForwardedValues {
  /** The address that sent the request: IPv4, or IPv6 in its canonical form without brackets, and the port if one was given. */
  readonly client: { readonly host: string; readonly port: number | undefined } | undefined
  readonly scheme: "http" | "https" | undefined
  /** The value of the client's Host field, perhaps with a port. */
  readonly host: string | undefined
  /** The port at which the client reached the proxy, by X-Forwarded-Port. */
  readonly port: number | undefined
}

const nothing: ForwardedValues = { client: undefined, scheme: undefined, host: undefined, port: undefined }

/**
 * Reads the fields of a request that came from a trusted peer. `trusts` judges the addresses in them. Forwarded and X-Forwarded
 * fields that contradict each other come from different proxies, and none of them is believed.
 *
 * @since 0.2.0
 * @category constructors
 */
export const readForwarded = (
  fields: Fields,
  believed: ReadonlySet<ForwardedField>,
  trusts: (host: string) => boolean
): ForwardedValues => {
  const lines = linesOf(fields, believed)
  if (lines.size === 0) return nothing
  const standard = lines.get("forwarded")
  const older = standard === undefined || lines.size > 1 ? fromXForwarded(lines, trusts) : nothing
  return standard === undefined ? older : agreed(fromForwarded(standard, trusts), older)
}

const linesOf = (
  fields: Fields,
  believed: ReadonlySet<ForwardedField>
): ReadonlyMap<ForwardedField, ReadonlyArray<string>> => {
  const lines = new Map<ForwardedField, Array<string>>()
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i].toLowerCase()
    const field = forwardedFields.find((known) => known === name)
    if (field === undefined || !believed.has(field)) continue
    const before = lines.get(field)
    if (before === undefined) lines.set(field, [fields[i + 1]])
    else before.push(fields[i + 1])
  }
  return lines
}

const agreed = (one: ForwardedValues, other: ForwardedValues): ForwardedValues => {
  const differ = <A>(a: A | undefined, b: A | undefined): boolean => a !== undefined && b !== undefined && a !== b
  return differ(one.client?.host, other.client?.host) || differ(one.scheme, other.scheme) ||
      differ(one.host?.toLowerCase(), other.host?.toLowerCase())
    ? nothing
    : {
      client: one.client ?? other.client,
      scheme: one.scheme ?? other.scheme,
      host: one.host ?? other.host,
      port: other.port
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// X-Forwarded-*

// These fields have no standard. Each proxy appends a member to the lists. A proxy that replaces a list makes it shorter than the
// others; its first member then counts for all earlier hops.
const fromXForwarded = (
  lines: ReadonlyMap<ForwardedField, ReadonlyArray<string>>,
  trusts: (host: string) => boolean
): ForwardedValues => {
  let client: ForwardedValues["client"] = undefined
  let hops = 0
  for (const member of membersOf(lines.get("x-forwarded-for")).reverse()) {
    hops++
    const address = isIpv6(member) ? { host: canonicalIp(member), port: undefined } : addressOf(member)
    if (address === undefined) break
    client = address
    if (!trusts(address.host)) break
  }
  const farthest = (field: ForwardedField): string => {
    const members = membersOf(lines.get(field))
    return members.length === 0 ? "" : members[Math.max(0, members.length - Math.max(1, hops))]
  }
  return {
    client,
    scheme: schemeOf(farthest("x-forwarded-proto")),
    host: hostOf(farthest("x-forwarded-host")),
    port: portOf(farthest("x-forwarded-port"), 1)
  }
}

// RFC 9110, 5.6.1.2: empty members of a list are ignored
const membersOf = (lines: ReadonlyArray<string> = []): Array<string> =>
  lines.flatMap((line) => line.split(",")).map((member) => member.trim()).filter((member) => member !== "")

// ---------------------------------------------------------------------------------------------------------------------
// Forwarded (RFC 7239, 4)

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const quoted = "\"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*\""
const pair = `${token}=(?:${token}|${quoted})`
const elementPattern = new RegExp(`^(?:${pair}[ \\t]*)?(?:;[ \\t]*(?:${pair}[ \\t]*)?)*$`)
const pairPattern = new RegExp(`(${token})=(${token}|${quoted})`, "g")

const fromForwarded = (lines: ReadonlyArray<string>, trusts: (host: string) => boolean): ForwardedValues => {
  let found = nothing
  for (const parameters of elementsOf(lines)) {
    const from = parameters.get("for")
    const client = from === undefined ? undefined : addressOf(from)
    found = {
      client: client ?? found.client,
      scheme: schemeOf(parameters.get("proto") ?? "") ?? found.scheme,
      host: hostOf(parameters.get("host") ?? "") ?? found.host,
      port: undefined
    }
    // a hop that hides its peer, or does not know it, is the last one that can be believed
    if (client === undefined || !trusts(client.host)) break
  }
  return found
}

// The elements from the last to the first. Commas may stand in quoted strings, and a client can leave a quote open, which the
// proxy's own text would then close. From the right there is no ambiguity: the shortest suffix that is an element is the one that
// the last proxy has added.
function* elementsOf(lines: ReadonlyArray<string>): Generator<ReadonlyMap<string, string>> {
  for (let line = lines.length - 1; line >= 0; line--) {
    let rest: string | undefined = lines[line]
    while (rest !== undefined) {
      let comma = rest.lastIndexOf(",")
      let text = rest.slice(comma + 1).trim()
      while (!elementPattern.test(text) && comma >= 0) {
        comma = comma === 0 ? -1 : rest.lastIndexOf(",", comma - 1)
        text = rest.slice(comma + 1).trim()
      }
      const parameters = elementPattern.test(text) ? parametersOf(text) : undefined
      if (parameters === undefined) return
      if (text !== "") yield parameters
      rest = comma < 0 ? undefined : rest.slice(0, comma)
    }
  }
}

// The parameters of an element; `undefined` if one occurs twice.
const parametersOf = (text: string): ReadonlyMap<string, string> | undefined => {
  const parameters = new Map<string, string>()
  for (const [, name, value] of text.matchAll(pairPattern)) {
    const key = name.toLowerCase()
    if (parameters.has(key)) return undefined
    parameters.set(key, value.startsWith("\"") ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : value)
  }
  return parameters
}

// ---------------------------------------------------------------------------------------------------------------------
// values

const nodePattern = /^(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}|_[0-9A-Za-z._-]+))?$/

// An address, perhaps with a port (RFC 7239, 6). `unknown` and names that begin with `_` are not addresses.
const addressOf = (node: string): ForwardedValues["client"] => {
  const [, v4, v6, port = ""] = nodePattern.exec(node) ?? []
  const given = port.startsWith("_") ? "" : port
  if (given !== "" && portOf(given, 0) === undefined) return undefined
  if (v4 !== undefined && isIpv4(v4)) return { host: v4, port: portOf(given, 0) }
  return v6 !== undefined && isIpv6(v6) ? { host: canonicalIp(v6), port: portOf(given, 0) } : undefined
}

/**
 * An address in the form that sockets report: IPv6 as in RFC 5952, without brackets; an IPv4-mapped IPv6 address (RFC 4291,
 * 2.5.5.2) as an IPv4 address.
 *
 * @since 0.2.0
 */
export const canonicalIp = (ipv6: string): string => {
  const host = new URL(`http://[${ipv6}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host) ?? []
  if (high === undefined) return host
  const bits = parseInt(high, 16) * 65_536 + parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")
}

// some proxies give the scheme of a WebSocket, which is requested over HTTP
const schemes = new Map<string, "http" | "https">([
  ["http", "http"],
  ["https", "https"],
  ["ws", "http"],
  ["wss", "https"]
])

const schemeOf = (value: string): ForwardedValues["scheme"] => schemes.get(value.toLowerCase())

const hostOf = (value: string): string | undefined => {
  const port = /:([0-9]+)$/.exec(value)
  if (port !== null && portOf(port[1], 1) === undefined) return undefined
  return value === "" || value.startsWith(":") || !isHost(value) ? undefined : value
}

const portOf = (value: string, least: number): number | undefined =>
  /^[0-9]{1,5}$/.test(value) && Number(value) >= least && Number(value) <= 65_535 ? Number(value) : undefined
