/**
 * Request targets and the Host field (RFC 9112, 3.2; RFC 3986).
 *
 * @since 0.1.0
 */

/**
 * The four forms of a request target (RFC 9112, 3.2). `path` and `query` are as they came: nothing is decoded,
 * normalized or collapsed. `query` is `undefined` without a `?` and `""` for a bare one.
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

// RFC 3986: IP-literal in brackets or reg-name, then an optional port; no userinfo (RFC 9110, 4.2.4)
const authority =
  /^(?:\[[0-9A-Fa-fv:.\-_~!$&'()*+,;=]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?$/
const absolute = /^([A-Za-z][A-Za-z0-9+\-.]*):\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s

/**
 * Is this a value for the Host field: `uri-host [ ":" port ]`, possibly empty (RFC 9110, 7.2)?
 *
 * @since 0.1.0
 */
export const isHost = (value: string): boolean => authority.test(value)

/**
 * Tells the form of a request target, or answers `undefined` where it has none of the four. Fragments are no part of a
 * target.
 *
 * @since 0.1.0
 */
export const parseTarget = (method: string, target: string): Target | undefined => {
  if (target.includes("#")) return undefined
  if (method === "CONNECT") {
    return /:[0-9]+$/.test(target) && isHost(target) ? { _tag: "Authority", authority: target } : undefined
  }
  if (target.charCodeAt(0) === 47) {
    const mark = target.indexOf("?")
    return mark < 0
      ? { _tag: "Origin", path: target, query: undefined }
      : { _tag: "Origin", path: target.slice(0, mark), query: target.slice(mark + 1) }
  }
  if (target === "*") return method === "OPTIONS" ? { _tag: "Asterisk" } : undefined
  const parts = absolute.exec(target)
  if (parts === null || parts[2] === "" || !isHost(parts[2])) return undefined
  return {
    _tag: "Absolute",
    scheme: parts[1].toLowerCase(),
    authority: parts[2],
    path: parts[3] ?? "/",
    query: parts[4]
  }
}
