/**
 * Plain HTTP where TLS is expected. OpenSSL knows GET, HEAD, POST, PUT and CONNECT by their first letters and nothing else, and
 * has read them by then.
 *
 * @since 0.2.0
 */

/**
 * What a client that must begin with TLS has begun with. `Unknown` is another protocol; `More`: it cannot be told yet.
 *
 * @since 0.2.0
 * @category models
 */
export type Beginning = "Tls" | "PlainHttp" | "Unknown" | "More"

/** Bytes of a request line that are waited for. */
const longest = 8192

// RFC 5246, 6.2.1: a handshake; RFC 6101, E.1: a hello of SSL 2, whose first bit is set
const isTls = (first: number): boolean => first === 22 || first >= 128

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
const complete = new RegExp(`^${token}+ .*HTTP/[0-9]`, "i")
const begun = new RegExp(`^(?:${token}*|${token}+ .*)$`)

/**
 * Judges by a request line (RFC 9112, 3), that of HTTP/2's preface among them (RFC 9113, 3.4): its method need not be known, nor
 * be in capitals.
 *
 * @since 0.2.0
 * @category constructors
 */
export const beginningOf = (bytes: Buffer): Beginning => {
  if (bytes.length === 0) return "More"
  if (isTls(bytes[0])) return "Tls"
  const text = bytes.toString("latin1", 0, longest).replace(/^(?:\r?\n)+/, "")
  const end = text.indexOf("\n")
  if (end >= 0) return complete.test(text.slice(0, end)) ? "PlainHttp" : "Unknown"
  if (!begun.test(text.replace(/\r$/, ""))) return "Unknown"
  return bytes.length < longest ? "More" : text.includes(" ") ? "PlainHttp" : "Unknown"
}

const text = "This port speaks HTTPS, and the request came as plain HTTP.\n"

/**
 * The answer to it.
 *
 * @since 0.2.0
 * @category constants
 */
export const plainAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`
