/**
 * Recognizes plain HTTP where TLS is expected. OpenSSL only recognizes GET, HEAD, POST, PUT and CONNECT, and has consumed the
 * bytes by then.
 *
 * @since 0.2.0
 */

/**
 * The protocol of the first bytes of a connection. `Unknown` is another protocol; `More` needs more bytes.
 *
 * @since 0.2.0
 * @category models
 */
export type FirstBytes = "Tls" | "PlainHttp" | "Unknown" | "More"

/** The most bytes that are read before a protocol is known. */
const longest = 8192

// a handshake begins with 22 (RFC 5246, 6.2.1), and the first bit of a hello of SSL 2 is set (RFC 6101, E.1)
const isTls = (first: number): boolean => first === 22 || first >= 128

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
const complete = new RegExp(`^${token}+ .*HTTP/[0-9]`, "i")
const begun = new RegExp(`^(?:${token}*|${token}+ .*)$`)

/**
 * Recognizes TLS, and plain HTTP by its request line (RFC 9112, 3) with any method in any case, including that of HTTP/2's
 * preface (RFC 9113, 3.4).
 *
 * @since 0.2.0
 * @category constructors
 */
export const recognize = (bytes: Buffer): FirstBytes => {
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
 * The answer to plain HTTP: a 400 that names the reason.
 *
 * @since 0.2.0
 * @category constants
 */
export const plainAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`
