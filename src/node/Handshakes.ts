/**
 * Connections within their TLS handshake, which node:tls does not give access to. They are bounded, and each that fails is logged with
 * its peer.
 *
 * @since 0.2.0
 */
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { carrierOf } from "./internal.js"
import { isSecured } from "./lazyTls.js"
import { beginningOf, plainAnswer } from "./plainHttp.js"

/**
 * The oldest makes room: it has had the longest time, and many silent ones must not keep others out.
 *
 * @since 0.2.0
 * @category models
 */
export class Handshakes {
  private readonly sockets = new Map<Net.Socket, Arrival>()
  private readonly told = new WeakSet<Net.Socket>()

  constructor(
    private readonly most: number,
    /** Milliseconds, of which the first bytes may take all. */
    private readonly timeout: number,
    private readonly nameOf: (socket: Net.Socket) => string,
    private readonly lost: (cause: unknown, remote: string) => void
  ) {}

  /** Takes the connections of a server, before `node:tls` does, because their first bytes cannot be read later. */
  watch(server: Tls.Server): void {
    const secure = server.listeners("connection")
    server.removeAllListeners("connection")
    server.on("connection", (socket: Net.Socket) => {
      const proceed = (): void => {
        for (const listener of secure) Reflect.apply(listener, server, [socket])
      }
      this.add(socket)
      // on Bun the socket is the secured one
      if (isSecured(socket)) return proceed()
      this.read(socket, proceed)
    })
  }

  private add(socket: Net.Socket): void {
    if (this.sockets.size >= this.most) {
      const [[oldest]] = this.sockets
      this.drop(oldest, `another needed its room; limits.handshakes is ${this.most}`)
    }
    const late = setTimeout(() => this.drop(socket, "TLS handshake timeout"), this.timeout).unref()
    this.sockets.set(socket, { remote: this.nameOf(socket), late })
    // node:tls emits its error in the same event
    socket.once("close", () => process.nextTick(() => this.forget(socket)))
  }

  // Reads until the bytes tell what they are, and puts them back for the handshake.
  private read(socket: Net.Socket, secure: () => void): void {
    let bytes: Buffer = Buffer.alloc(0)
    const onData = (more: Buffer): void => {
      bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more])
      const beginning = beginningOf(bytes)
      if (beginning === "More") return
      leave()
      if (beginning === "PlainHttp") return this.refuse(socket)
      socket.pause()
      socket.unshift(bytes)
      secure()
    }
    const onError = (cause: Error): void => {
      leave()
      socket.on("error", ignored)
      this.drop(socket, cause)
    }
    const onEnd = (): void => onError(new Error("the client disconnected before the handshake"))
    const leave = (): void => {
      socket.off("data", onData).off("error", onError).off("end", onEnd)
    }
    socket.on("data", onData).on("error", onError).on("end", onEnd)
    socket.resume()
  }

  /** A handshake has succeeded. Returns the peer's name, where it is known. */
  over(secured: Tls.TLSSocket): string | undefined {
    const carrier = carrierOf(secured)
    if (carrier !== undefined) {
      const remote = this.sockets.get(carrier)?.remote
      this.forget(carrier)
      return remote
    }
    // better no bound than to close a connection whose handshake is done
    for (const socket of this.sockets.keys()) this.forget(socket)
    return undefined
  }

  /** A handshake has failed: drops the socket, after an answer to a client that speaks plain HTTP. */
  failed(cause: Error, secured: Tls.TLSSocket): void {
    const carrier = carrierOf(secured)
    const told = carrier !== undefined && this.told.has(carrier)
    if (!told) this.lost(cause, (carrier && this.sockets.get(carrier)?.remote) ?? "unknown")
    if (told || carrier === undefined || carrier.destroyed || !speaksPlainHttp(cause)) {
      secured.destroy()
      return
    }
    this.told.add(carrier)
    answer(carrier, secured)
  }

  // a client that speaks plain HTTP
  private refuse(socket: Net.Socket): void {
    this.lost(new Error("http request"), this.sockets.get(socket)?.remote ?? "unknown")
    this.told.add(socket)
    socket.on("error", ignored)
    // drops the rest of the request
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
    const told = this.told.has(socket)
    this.forget(socket)
    this.told.add(socket)
    socket.destroy()
    if (!told) this.lost(typeof why === "string" ? new Error(why) : why, remote)
  }

  private forget(socket: Net.Socket): void {
    clearTimeout(this.sockets.get(socket)?.late)
    this.sockets.delete(socket)
  }
}

interface Arrival {
  /** The peer's name, which a socket that is gone has forgotten. */
  readonly remote: string
  readonly late: NodeJS.Timeout
}

const ignored = (): void => undefined

const answer = (socket: Net.Socket, owner: Net.Socket): void => {
  socket.end(plainAnswer)
  // closing at once, with some of the request unread, would reset the connection before the client has read the answer
  const closing = setTimeout(() => owner.destroy(), patience).unref()
  owner.once("close", () => clearTimeout(closing))
}

/** Milliseconds that a client has to read the answer. */
const patience = 1000

// Requests of HTTP/0.9, which have no version, get as far as OpenSSL, which recognizes GET, HEAD, POST, PUT and CONNECT.
const speaksPlainHttp = (cause: Error): boolean =>
  "code" in cause && (cause.code === "ERR_SSL_HTTP_REQUEST" || cause.code === "ERR_SSL_HTTPS_PROXY_REQUEST")
