/**
 * A parser of response heads, as a client has it, which shares no code with their writer.
 */

export interface ReadHead {
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
}

/** Reads exactly one head with nothing after it. Throws for everything that a careful client would refuse. */
export const parseHead = (text: string): ReadHead => {
  const lines = text.split("\r\n")
  if (lines.length < 3 || lines.pop() !== "" || lines.pop() !== "") throw new Error("no empty line at the end")
  const [, version, status, reason] = /^HTTP\/(1\.[01]) ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(lines[0]) ?? []
  if (version === undefined) throw new Error(`not a status line: ${JSON.stringify(lines[0])}`)
  const fields = lines.slice(1).map((line) => {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0))
    const value = line.slice(colon + 1)
    if (!/^[\w!#$%&'*+\-.^`|~]+$/.test(name)) throw new Error(`not a field line: ${JSON.stringify(line)}`)
    // Every control character but HTAB, and every character that is not a byte.
    for (const char of value) {
      const code = char.charCodeAt(0)
      if (code !== 9 && (code < 32 || code === 127 || code > 255)) {
        throw new Error(`not a value: ${JSON.stringify(line)}`)
      }
    }
    return [name, trim(value)] as const
  })
  return { version, status: Number(status), reason, fields }
}

export const trim = (value: string): string => value.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "")

const valuesOf = (head: ReadHead, wanted: string): ReadonlyArray<string> =>
  head.fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)

/** The length that a client takes the body to have (RFC 9112, 6.3). Throws if the client would have to guess. */
export const bodyOf = (head: ReadHead, method: string): "none" | "chunked" | "until close" | number => {
  const codings = valuesOf(head, "transfer-encoding")
  const lengths = valuesOf(head, "content-length")
  if (codings.length + lengths.length > 1) throw new Error("more than one framing field")
  if (codings.length > 0 && head.version === "1.0") throw new Error("Transfer-Encoding in HTTP/1.0")
  if (lengths.some((value) => !/^(?:0|[1-9][0-9]*)$/.test(value))) throw new Error("a length that is no number")
  const { status } = head
  if (status < 200 || status === 204 || (method === "CONNECT" && status < 300)) {
    // RFC 9110, 8.6; RFC 9112, 6.1: these fields must not be sent here.
    if (codings.length + lengths.length > 0) throw new Error("a framing field where none may be")
    return "none"
  }
  if (method === "HEAD" || status === 304) return "none"
  if (codings.length > 0) {
    if (codings[0] !== "chunked") throw new Error("an unknown coding")
    return "chunked"
  }
  return lengths.length > 0 ? Number(lengths[0]) : "until close"
}

/** Whether a client sends another request after this response (RFC 9112, 9.3). Throws if RFC 9110, 7.6.1, is broken. */
export const persists = (head: ReadHead): boolean => {
  const options = valuesOf(head, "connection").flatMap((value) => value.toLowerCase().split(",").map(trim))
  if (valuesOf(head, "keep-alive").length > 0 && !options.includes("keep-alive")) {
    throw new Error("Keep-Alive not named")
  }
  return !options.includes("close") && (head.version === "1.1" || options.includes("keep-alive"))
}
