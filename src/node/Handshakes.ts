/**
 * Connections that have not completed their TLS handshake. node:tls gives no access to them. They are bounded in number and time,
 * and each one that fails is reported with its peer.
 *
 * @since 0.2.0
 */
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { carrierOf } from "./internal.js"
import { isSecured } from "./lazyTls.js"
import { plainAnswer, recognize } from "./plainHttp.js"

/**
 * Each new connection beyond the bound closes the oldest one, so that many silent clients cannot keep others out.
 *
 * @since 0.2.0
 * @category models
 */
export class Handshakes {
  private readonly sockets = new Map<Net.Socket, Pending>()
  private readonly reported = new WeakSet<Net.Socket>()

  constructor(
    private readonly most: number,
    /** Milliseconds for the first bytes, and for the handshake after them. */
    private readonly timeout: number,
    private readonly nameOf: (socket: Net.Socket) => string,
    private readonly lost: (cause: unknown, remote: string) => void
  ) {}

  /** Takes the connections of a server before node:tls does, because it cannot read their first bytes later. */
  watch(server: Tls.Server): void {
    const secure = server.listeners("connection")
    server.removeAllListeners("connection")
    server.on("connection", (socket: Net.Socket) => {
      const proceed = (): void => {
        for (const listener of secure) Reflect.apply(listener, server, [socket])
      }
      this.add(socket)
      // on Bun this is the secured socket
      if (isSecured(socket)) return proceed()
      this.readFirstBytes(socket, proceed)
    })
  }

  private add(socket: Net.Socket): void {
    if (this.sockets.size >= this.most) {
      const [[oldest]] = this.sockets
      this.drop(oldest, `closed for a newer connection: limits.handshakes is ${this.most}`)
    }
    const timer = setTimeout(() => this.drop(socket, "TLS handshake timeout"), this.timeout).unref()
    this.sockets.set(socket, { remote: this.nameOf(socket), timer })
    // node:tls emits its error in the same event
    socket.once("close", () => process.nextTick(() => this.forget(socket)))
  }

  // Reads until the protocol is known, and puts the bytes back for the handshake.
  private readFirstBytes(socket: Net.Socket, secure: () => void): void {
    let bytes: Buffer = Buffer.alloc(0)
    const onData = (more: Buffer): void => {
      bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more])
      const firstBytes = recognize(bytes)
      if (firstBytes === "More") return
      stopReading()
      if (firstBytes === "PlainHttp") return this.refuse(socket)
      socket.pause()
      socket.unshift(bytes)
      secure()
    }
    const onError = (cause: Error): void => {
      stopReading()
      socket.on("error", ignored)
      this.drop(socket, cause)
    }
    const onEnd = (): void => onError(new Error("the client disconnected before the handshake"))
    const stopReading = (): void => {
      socket.off("data", onData).off("error", onError).off("end", onEnd)
    }
    socket.on("data", onData).on("error", onError).on("end", onEnd)
    socket.resume()
  }

  /** Forgets a connection whose handshake has succeeded. Returns the peer's name if it is known. */
  succeeded(secured: Tls.TLSSocket): string | undefined {
    const carrier = carrierOf(secured)
    if (carrier !== undefined) {
      const remote = this.sockets.get(carrier)?.remote
      this.forget(carrier)
      return remote
    }
    // there is no bound then, but no connection with a finished handshake is closed
    for (const socket of this.sockets.keys()) this.forget(socket)
    return undefined
  }

  /** Drops a connection whose handshake has failed, after an answer to a client that speaks plain HTTP. */
  failed(cause: Error, secured: Tls.TLSSocket): void {
    const carrier = carrierOf(secured)
    const isReported = carrier !== undefined && this.reported.has(carrier)
    if (!isReported) this.lost(cause, (carrier && this.sockets.get(carrier)?.remote) ?? "unknown")
    if (isReported || carrier === undefined || carrier.destroyed || !speaksPlainHttp(cause)) {
      secured.destroy()
      return
    }
    this.reported.add(carrier)
    answer(carrier, secured)
  }

  // Answers a client that speaks plain HTTP.
  private refuse(socket: Net.Socket): void {
    this.lost(new Error("http request"), this.sockets.get(socket)?.remote ?? "unknown")
    this.reported.add(socket)
    socket.on("error", ignored)
    // the rest of the request is dropped
    socket.on("data", ignored)
    answer(socket, socket)
  }

  get size(): number {
    return this.sockets.size
  }

  dropAll(): void {
    for (const socket of this.sockets.keys()) this.drop(socket, "the server stops")
  }

  private drop(socket: Net.Socket, why: string | Error): void {
    const remote = this.sockets.get(socket)?.remote ?? "unknown"
    const isReported = this.reported.has(socket)
    this.forget(socket)
    this.reported.add(socket)
    socket.destroy()
    if (!isReported) this.lost(typeof why === "string" ? new Error(why) : why, remote)
  }

  private forget(socket: Net.Socket): void {
    clearTimeout(this.sockets.get(socket)?.timer)
    this.sockets.delete(socket)
  }
}

interface Pending {
  /** The peer's name, which a closed socket no longer has. */
  readonly remote: string
  readonly timer: NodeJS.Timeout
}

const ignored = (): void => undefined

const answer = (socket: Net.Socket, owner: Net.Socket): void => {
  socket.end(plainAnswer)
  // to close with unread bytes resets the connection, maybe before the client has read the answer
  const timer = setTimeout(() => owner.destroy(), answerTimeout).unref()
  owner.once("close", () => clearTimeout(timer))
}

/** Milliseconds for a client to read the answer. */
const answerTimeout = 1000

// A request of HTTP/0.9 has no version, so only OpenSSL recognizes it.
const speaksPlainHttp = (cause: Error): boolean =>
  "code" in cause && (cause.code === "ERR_SSL_HTTP_REQUEST" || cause.code === "ERR_SSL_HTTPS_PROXY_REQUEST")
