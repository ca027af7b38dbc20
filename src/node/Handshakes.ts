/**
 * Connections within their TLS handshake, which node:tls keeps to itself: they are bounded, and the log is told of each that
 * does not end, with its peer.
 *
 * @since 0.2.0
 */
import * as Net from "node:net"
import type * as Tls from "node:tls"

/**
 * The oldest makes room: it had the longest time, and a crowd of silent ones must not keep others out.
 *
 * @since 0.2.0
 * @category models
 */
export class Handshakes {
  // with the peer's name, which a socket that is gone has forgotten
  private readonly sockets = new Map<Net.Socket, string>()
  private readonly told = new WeakSet<Net.Socket>()

  constructor(
    private readonly most: number,
    private readonly nameOf: (socket: Net.Socket) => string,
    private readonly lost: (cause: unknown, remote: string) => void
  ) {}

  add(socket: Net.Socket): void {
    if (this.sockets.size >= this.most) {
      const [[oldest]] = this.sockets
      this.drop(oldest, `another needed its room; limits.handshakes is ${this.most}`)
    }
    this.sockets.set(socket, this.nameOf(socket))
    // node:tls tells of its end within the same event
    socket.once("close", () => process.nextTick(() => this.sockets.delete(socket)))
  }

  over(secured: Tls.TLSSocket): void {
    const carrier = carrierOf(secured)
    if (carrier !== undefined) this.sockets.delete(carrier)
    // rather no bound than somebody cut who has done all that was asked
    else this.sockets.clear()
  }

  /** One did not end as it should: the socket is dropped, a client that speaks plain HTTP is told what is wrong. */
  failed(cause: Error, secured: Tls.TLSSocket): void {
    const carrier = carrierOf(secured)
    const told = carrier !== undefined && this.told.has(carrier)
    if (!told) this.lost(cause, (carrier && this.sockets.get(carrier)) ?? "unknown")
    if (told || carrier === undefined || carrier.destroyed || !speaksPlainHttp(cause)) {
      secured.destroy()
      return
    }
    this.told.add(carrier)
    carrier.end(plainAnswer)
    // closed at once, with some of the request unread, it would be reset before the client has read the answer
    const closing = setTimeout(() => secured.destroy(), patience).unref()
    secured.once("close", () => clearTimeout(closing))
  }

  get size(): number {
    return this.sockets.size
  }

  dropAll(): void {
    for (const socket of this.sockets.keys()) this.drop(socket, "the server stops")
  }

  private drop(socket: Net.Socket, why: string): void {
    const remote = this.sockets.get(socket) ?? "unknown"
    const told = this.told.has(socket)
    this.sockets.delete(socket)
    this.told.add(socket)
    socket.destroy()
    if (!told) this.lost(new Error(why), remote)
  }
}

/** Milliseconds that a client has to read the answer. */
const patience = 1000

const text = "This port speaks HTTPS, and the request came as plain HTTP.\n"
const plainAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`

// OpenSSL knows GET, HEAD, POST, PUT and CONNECT by their first letters.
const speaksPlainHttp = (cause: Error): boolean =>
  "code" in cause && (cause.code === "ERR_SSL_HTTP_REQUEST" || cause.code === "ERR_SSL_HTTPS_PROXY_REQUEST")

/**
 * The socket under a secured one, as every version of Node has it. On unix sockets there is nothing else to tell by.
 *
 * @since 0.2.0
 * @category accessors
 */
export const carrierOf = (secured: Tls.TLSSocket): Net.Socket | undefined => {
  const carrier: unknown = Reflect.get(secured, "_parent")
  return carrier instanceof Net.Socket ? carrier : undefined
}
