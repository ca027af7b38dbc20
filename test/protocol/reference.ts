/**
 * The same language, read in another way: by regular expressions over the whole text, without state and without code from `src`.
 * `RequestReader` must read what this reads, and the other way round.
 */
import { isIPv6 } from "node:net"

export interface ReferenceRequest {
  readonly line: string
  readonly fields: ReadonlyArray<string>
  readonly body: string
  /** All trailers, including those that are not allowed. */
  readonly trailers: ReadonlyArray<string>
}

export interface ReferenceReading {
  /** The complete requests. */
  readonly requests: ReadonlyArray<ReferenceRequest>
  /** With `undecided`, more bytes may make it a request, or it may already be refused. */
  readonly end: "idle" | "refused" | "undecided"
}

const tchar = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]"
const fieldLine = `${tchar}+:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n`
const headPattern = new RegExp(
  `(${tchar}+) ([\\x21-\\x7e]+) (HTTP/1\\.[0-9])\\r\\n((?:${fieldLine}){0,100})\\r\\n`,
  "y"
)
const trailersPattern = new RegExp(`((?:${fieldLine}){0,100})\\r\\n`, "y")
const chunkPattern = /([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n/y
const emptyLines = /(?:\r\n){0,4}/y

/** Reads latin-1 text by the strict rules and the default limits on counts. The text must be shorter than the other limits. */
export const referenceRead = (text: string): ReferenceReading => {
  const requests: Array<ReferenceRequest> = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  const stop = (end: ReferenceReading["end"]): ReferenceReading => ({ requests, end })
  // A part that has its end mark and does not match will never match.
  const unmatched = (endMark: string): ReferenceReading =>
    stop(
      text.includes(endMark, at) || (endMark === "\r\n\r\n" && text.startsWith("\r\n", at)) ? "refused" : "undecided"
    )

  while (true) {
    take(emptyLines)
    if (at === text.length) return stop("idle")
    const head = take(headPattern)
    if (head === null) return unmatched("\r\n\r\n")
    const [, method, target, version, lines] = head
    const fields = fieldsOf(lines)
    const length = bodyLength(version, fields)
    if (length === "refused" || !isTarget(method, target) || !isHosted(version, fields)) return stop("refused")
    let body = ""
    let trailers: ReadonlyArray<string> = []
    if (length === "chunked") {
      while (true) {
        const chunk = take(chunkPattern)
        if (chunk === null) return unmatched("\n")
        const size = BigInt(`0x${chunk[1]}`)
        if (size > BigInt(Number.MAX_SAFE_INTEGER)) return stop("refused")
        if (size === 0n) break
        const end = at + Number(size)
        if (end > text.length) return stop("undecided")
        body += text.slice(at, end)
        if (!"\r\n".startsWith(text.slice(end, end + 2))) return stop("refused")
        at = end + 2
        if (at > text.length) return stop("undecided")
      }
      const section = take(trailersPattern)
      if (section === null) return unmatched("\r\n\r\n")
      trailers = fieldsOf(section[1])
    } else {
      body = text.slice(at, at + length)
      if (body.length < length) return stop("undecided")
      at += length
    }
    requests.push({ line: `${method} ${target} ${version}`, fields, body, trailers })
  }
}

const fieldsOf = (lines: string): ReadonlyArray<string> =>
  lines.split("\r\n").slice(0, -1).flatMap((line) => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+/, "").replace(/[ \t]+$/, "")]
  })

const valuesOf = (fields: ReadonlyArray<string>, wanted: string): ReadonlyArray<string> =>
  fields.filter((_, at) => at % 2 === 1 && fields[at - 1].toLowerCase() === wanted)

const bodyLength = (version: string, fields: ReadonlyArray<string>): number | "chunked" | "refused" => {
  if (["content-type", "authorization"].some((name) => valuesOf(fields, name).length > 1)) return "refused"
  const codings = valuesOf(fields, "transfer-encoding")
  const lengths = valuesOf(fields, "content-length").flatMap((value) => value.split(/[ \t]*,[ \t]*/))
  if (codings.length > 0) {
    const plain = codings.length === 1 && /^chunked$/i.test(codings[0])
    return plain && lengths.length === 0 && version !== "HTTP/1.0" ? "chunked" : "refused"
  }
  if (lengths.length === 0) return 0
  if (new Set(lengths).size > 1 || !/^[0-9]+$/.test(lengths[0])) return "refused"
  return BigInt(lengths[0]) > BigInt(Number.MAX_SAFE_INTEGER) ? "refused" : Number(lengths[0])
}

const isHosted = (version: string, fields: ReadonlyArray<string>): boolean => {
  const hosts = valuesOf(fields, "host")
  return hosts.length === 0 ? version === "HTTP/1.0" : hosts.length === 1 && isAuthority(hosts[0])
}

const isAuthority = (text: string): boolean => {
  const [, literal, name] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::[0-9]*)?$/.exec(text) ?? []
  if (literal !== undefined) {
    return isIPv6(literal) && !literal.includes("%") || /^v[0-9a-f]+\.[\w\-.~!$&'()*+,;=:]+$/i.test(literal)
  }
  return name !== undefined && /^[\w\-.~!$&'()*+,;=]*$/.test(name.replace(/%[0-9A-Fa-f]{2}/g, ""))
}

const isTarget = (method: string, target: string): boolean => {
  if (target.includes("#")) return false
  if (method === "CONNECT") {
    const port = /[^:]:([0-9]+)$/.exec(target)
    return port !== null && BigInt(port[1]) < 65536n && isAuthority(target)
  }
  if (target.startsWith("/")) return true
  if (target === "*") return method === "OPTIONS"
  const parts = /^[a-z][a-z0-9+\-.]*:\/\/([^/?:][^/?]*)(?:[/?]|$)/i.exec(target)
  return parts !== null && isAuthority(parts[1])
}

/** The host of an absolute target replaces Host (RFC 9112, 3.2.2). */
export const hosted = (line: string, fields: ReadonlyArray<string>): ReadonlyArray<string> => {
  const authority = /^(?!CONNECT )[^ ]+ [A-Za-z][A-Za-z0-9+\-.]*:\/\/([^/? ]*)/.exec(line)?.[1]
  if (authority === undefined) return fields
  const at = fields.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "host")
  return at < 0 ? ["Host", authority, ...fields] : [...fields.slice(0, at + 1), authority, ...fields.slice(at + 2)]
}
