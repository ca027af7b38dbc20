/**
 * Request targets and the Host field (RFC 9112, 3.2; RFC 3986).
 *
 * @since 0.1.0
 */

/**
 * The four forms of a request target (RFC 9112, 3.2). `path` and `query` are as received: nothing is decoded, normalized or
 * collapsed. `query` is `undefined` without a `?`, and `""` if nothing follows it.
 *
 * @since 0.1.0
 */
export type Target =
  | { readonly _tag: "Origin"; readonly path: string; readonly query: string | undefined }
  | {
    readonly _tag: "Absolute"
    readonly scheme: string
    readonly authority: string
    readonly path: string
    readonly query: string | undefined
  }
  | { readonly _tag: "Authority"; readonly authority: string }
  | { readonly _tag: "Asterisk" }

// this is an instance and not a literal, as a request's head is
class Origin {
  readonly _tag = "Origin"

  constructor(readonly path: string, readonly query: string | undefined) {}
}

// RFC 3986, 3.2.2 and 3.2.3: reg-name (an IPv4 address is one) or IP-literal in brackets, then an optional port; no
// userinfo (RFC 9110, 4.2.4)
const namedHost = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?::[0-9]*)?$/
const bracketedHost = /^\[(?:([0-9A-Fa-f:.]{2,45})|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\](?::[0-9]*)?$/
const group = /^[0-9A-Fa-f]{1,4}$/
const ipv4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/
const absolute = /^([A-Za-z][A-Za-z0-9+\-.]*):\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s

/**
 * Whether this is a value for the Host field: `uri-host [ ":" port ]`, possibly empty (RFC 9110, 7.2).
 *
 * @since 0.1.0
 */
export const isHost = (value: string): boolean => {
  if (value.charCodeAt(0) !== 91) return namedHost.test(value)
  const literal = bracketedHost.exec(value)
  return literal !== null && (literal[1] === undefined || isIpv6(literal[1]))
}

/**
 * Whether this is an IPv4 address: four decimal numbers without leading zeros (RFC 3986, 3.2.2).
 *
 * @since 0.2.0
 */
export const isIpv4 = (text: string): boolean => ipv4.test(text)

/**
 * Whether this is an IPv6 address without brackets and zone: eight groups, of which the last two may be written as IPv4, and `::`
 * may stand once for one or more groups of zeros (RFC 3986, 3.2.2).
 *
 * @since 0.2.0
 */
export const isIpv6 = (text: string): boolean => {
  const halves = text.split("::")
  if (halves.length > 2) return false
  let groups = 0
  for (let half = 0; half < halves.length; half++) {
    if (halves[half] === "") continue
    const parts = halves[half].split(":")
    if (half === halves.length - 1 && ipv4.test(parts[parts.length - 1])) {
      parts.pop()
      groups += 2
    }
    if (!parts.every((part) => group.test(part))) return false
    groups += parts.length
  }
  return halves.length === 2 ? groups < 8 : groups === 8
}

/**
 * Parses a request target. Returns `undefined` if it has none of the four forms. A target has no fragment.
 *
 * @since 0.1.0
 */
export const parseTarget = (method: string, target: string): Target | undefined => {
  if (target.includes("#")) return undefined
  if (method === "CONNECT") {
    // RFC 9110, 9.3.6: neither the host nor the port may be missing
    const port = /.:([0-9]+)$/.exec(target)
    return port !== null && Number(port[1]) <= 65535 && isHost(target)
      ? { _tag: "Authority", authority: target }
      : undefined
  }
  if (target.charCodeAt(0) === 47) {
    const mark = target.indexOf("?")
    return mark < 0 ? new Origin(target, undefined) : new Origin(target.slice(0, mark), target.slice(mark + 1))
  }
  if (target === "*") return method === "OPTIONS" ? { _tag: "Asterisk" } : undefined
  const parts = absolute.exec(target)
  // RFC 9110, 4.2.1: an empty host is an error
  if (parts === null || /^(?::|$)/.test(parts[2]) || !isHost(parts[2])) return undefined
  return {
    _tag: "Absolute",
    scheme: parts[1].toLowerCase(),
    authority: parts[2],
    path: parts[3] ?? "/",
    query: parts[4]
  }
}
