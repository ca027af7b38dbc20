/**
 * A `net.Socket`, plain or TLS, as a transport.
 *
 * @since 0.1.0
 */
import { AsyncResource } from "node:async_hooks"
import type * as Net from "node:net"
import type { DetailedPeerCertificate, TLSSocket } from "node:tls"
import type { Address } from "../exchange/Address.js"
import { transportErrorFrom } from "../exchange/ServerError.js"
import type { TlsInfo, Transport, TransportEvents } from "../http1/Transport.js"
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import { bytesTaken } from "./bytesTaken.js"
import { flowForNext } from "./internal.js"
import { isSecured } from "./lazyTls.js"
import type { Introduced } from "./ProxyHeaders.js"

/**
 * @since 0.1.0
 * @category models
 */
export class NodeTransport implements Transport {
  readonly remote: Address
  readonly proxy: ProxyHeader | undefined
  private events: TransportEvents | undefined = undefined
  private written = 0
  private taken = 0
  // whether bytes were left in the socket when `write` returned
  private late = false
  private corked = false
  private readonly secured: boolean
  private closed = false
  private detached = false
  // what the kernel had taken when the connection was taken over
  private detachedAt = 0
  private leaving = false
  private failure: Error | undefined = undefined
  private tlsInfo: TlsInfo | undefined = undefined
  private readonly context = new AsyncResource("TSGI_CONNECTION", { requireManualDestroy: true })

  /**
   * @param localAddress where it was accepted, if that is the same for all of the listener's connections, which saves a system call
   * for each
   * @param introduced the peer by its PROXY header
   */
  constructor(
    private readonly socket: Net.Socket,
    private readonly path: string | undefined,
    private localAddress: Address | undefined = undefined,
    introduced?: Introduced
  ) {
    this.secured = isSecured(socket)
    // Read now: a closed socket has no peer, and the log still needs its name.
    this.remote = introduced?.remote ?? remoteOf(socket, path)
    this.proxy = introduced?.header
    socket.on("error", this.onError)
    socket.once("close", this.onClose)
  }

  get local(): Address {
    return this.localAddress ??= this.path === undefined
      ? { _tag: "Tcp", host: unmapped(this.socket.localAddress), port: this.socket.localPort ?? 0 }
      : { _tag: "Unix", path: this.path }
  }

  get tls(): TlsInfo | undefined {
    if (this.secured && this.tlsInfo === undefined && isSecured(this.socket)) this.tlsInfo = tlsInfoOf(this.socket)
    return this.tlsInfo
  }

  get pending(): number {
    return this.detached ? this.socket.writableLength : this.written - this.taken
  }

  get handed(): number {
    return this.detached ? bytesTaken(this.socket) - this.detachedAt : this.taken
  }

  open(events: TransportEvents): void {
    this.events = events
    if (this.closed) return events.closed(this.error)
    this.socket.on("data", events.data)
    this.socket.on("end", events.end)
    this.socket.resume()
  }

  write(data: string | Uint8Array): void {
    const alone = !this.corked && !this.secured && this.written === this.taken
    this.written += data.length
    // the kernel takes most single writes at once, except for TLS: then no callback is needed
    const told = alone ? undefined : this.onWritten
    if (typeof data === "string") this.socket.write(data, "latin1", told)
    else this.socket.write(data, told)
    this.look()
    if (alone && this.late) this.socket.write(nothing, this.onWritten)
  }

  cork(): void {
    this.corked = true
    this.socket.cork()
  }

  uncork(): void {
    this.corked = false
    this.socket.uncork()
    this.look()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    if (this.secured && !this.leaving && this.owesGoodbye) this.leave()
    else this.socket.destroy()
  }

  // TLS ends with a message of its own, close_notify (RFC 9112, 9.8), which must leave first. A peer that is cut off must not get it.
  private get owesGoodbye(): boolean {
    return this.events === undefined || (this.socket.writableEnded && !this.socket.writableFinished)
  }

  private leave(): void {
    const { socket } = this
    this.leaving = true
    socket.end()
    if (this.events !== undefined) {
      socket.off("data", this.events.data)
      socket.off("end", this.events.end)
    }
    const late = setTimeout(() => socket.destroy(), goodbye)
    socket.once("finish", () => socket.destroy())
    socket.once("close", () => clearTimeout(late))
  }

  run<A, B>(callback: (first: A, second: B) => void, first: A, second: B): void {
    this.context.runInAsyncScope(callback, undefined, first, second)
  }

  detach(owes: () => void): Net.Socket {
    this.detachedAt = bytesTaken(this.socket) - this.taken
    if (this.events !== undefined) {
      this.socket.off("data", this.events.data)
      this.socket.off("end", this.events.end)
    }
    this.detached = true
    this.socket.pause()
    // neither flowing nor paused: it begins to flow for the next listener, as a new socket does
    flowForNext(this.socket)
    tellWrites(this.socket, owes)
    return this.socket
  }

  // When nothing is left in the socket, the kernel has it: libuv tries to write before it queues. A failed write leaves nothing either,
  // but it has an error.
  private look(): void {
    if (this.socket.writableLength === 0) {
      if (this.socket.errored === null && !this.socket.destroyed) this.taken = this.written
      this.late = false
    } else this.late = true
  }

  private readonly onWritten = (error?: Error | null): void => {
    if (!this.late || error) return
    const left = this.socket.writableLength
    this.late = left > 0
    // writes that were taken at once call back too, though their bytes are counted already
    if (this.taken === this.written - left) return
    this.taken = this.written - left
    if (!this.detached) this.events?.progress()
  }

  private readonly onError = (error: Error): void => {
    this.failure = error
    // with some errors the listener must close the socket: endless TLS renegotiation, for instance
    this.socket.destroy()
  }

  private readonly onClose = (): void => {
    this.closed = true
    this.events?.closed(this.error)
  }

  private get error() {
    return this.failure === undefined ? undefined : transportErrorFrom(this.failure)
  }
}

/**
 * The peer of a socket that was accepted on TCP, or at the path of a unix socket.
 *
 * @since 0.2.0
 * @category accessors
 */
export const remoteOf = (socket: Net.Socket, path: string | undefined): Address =>
  path === undefined
    ? { _tag: "Tcp", host: unmapped(socket.remoteAddress), port: socket.remotePort ?? 0 }
    : { _tag: "Unix", path: "" }

// Every way to write to a stream ends here. What is still there afterwards waits.
const tellWrites = (socket: Net.Socket, owes: () => void): void => {
  const { _write, _writev } = socket
  const tell = (): void => {
    if (socket.writableLength > 0) owes()
  }
  socket._write = (...given: Parameters<typeof _write>) => {
    _write.apply(socket, given)
    tell()
  }
  if (_writev === undefined) return
  socket._writev = (...given: Parameters<typeof _writev>) => {
    _writev.apply(socket, given)
    tell()
  }
}

const nothing = new Uint8Array(0)

/** Milliseconds that a TLS stream has to say that it ends. */
const goodbye = 1000

// An IPv4 peer of an IPv6 socket (RFC 4291, 2.5.5.2) is an IPv4 peer.
const unmapped = (host: string | undefined): string =>
  host === undefined ? "" : host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host

const tlsInfoOf = (socket: TLSSocket): TlsInfo => {
  // the addresses of a socket that was just reset are `undefined`, whatever the types say
  const certificate: Partial<DetailedPeerCertificate> | null = socket.getPeerCertificate()
  const cipher: { readonly name: string } | undefined = socket.getCipher()
  const serverName: unknown = Reflect.get(socket, "servername")
  return {
    protocol: socket.getProtocol() ?? undefined,
    cipher: cipher?.name,
    serverName: typeof serverName === "string" ? serverName : undefined,
    alpnProtocol: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined,
    // a resumed session is authorized, whether it ever had a certificate or not
    authorized: socket.authorized && certificate?.raw !== undefined,
    peerCertificate: certificate?.raw
  }
}
