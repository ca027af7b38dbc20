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
import type { ProxyHeader } from "../protocol/proxyHeader.js"
import type { TlsInfo, Transport, TransportEvents } from "../transport/Transport.js"
import { bytesTaken } from "./bytesTaken.js"
import { flowForNext, onWriteWaiting, serverNameOf } from "./internal.js"
import { isSecured } from "./lazyTls.js"
import type { ProxiedPeer } from "./ProxyHeaders.js"

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
  // true: the last write has left bytes in the socket
  private waits = false
  private corked = false
  private readonly secured: boolean
  private closed = false
  private detached = false
  // bytes that the kernel had taken when the application took the connection over
  private detachedAt = 0
  private closingTls = false
  private failure: Error | undefined = undefined
  private tlsInfo: TlsInfo | undefined = undefined
  private readonly context = new AsyncResource("TSGI_CONNECTION", { requireManualDestroy: true })

  /**
   * @param path the path of the unix socket on which it was accepted; `undefined` for TCP
   * @param localAddress where it was accepted, if that is the same for all connections of the listener; otherwise the system
   *   is asked
   * @param proxied the peer that the PROXY header names
   */
  constructor(
    private readonly socket: Net.Socket,
    private readonly path: string | undefined,
    private localAddress: Address | undefined = undefined,
    proxied?: ProxiedPeer
  ) {
    this.secured = isSecured(socket)
    // a closed socket no longer has a peer, but the log needs its name
    this.remote = proxied?.remote ?? remoteOf(socket, path)
    this.proxy = proxied?.header
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
    // without TLS, the kernel takes most single writes at once, and no callback is needed
    const callback = alone ? undefined : this.onWritten
    if (typeof data === "string") this.socket.write(data, "latin1", callback)
    else this.socket.write(data, callback)
    this.countTaken()
    if (alone && this.waits) this.socket.write(nothing, this.onWritten)
  }

  cork(): void {
    this.corked = true
    this.socket.cork()
  }

  uncork(): void {
    this.corked = false
    this.socket.uncork()
    this.countTaken()
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
    if (this.secured && !this.closingTls && this.owesCloseNotify) this.closeTls()
    else this.socket.destroy()
  }

  // TLS ends with the alert close_notify (RFC 9112, 9.8), which must be sent before the socket closes. A peer that is cut off
  // must not receive it.
  private get owesCloseNotify(): boolean {
    return this.events === undefined || (this.socket.writableEnded && !this.socket.writableFinished)
  }

  private closeTls(): void {
    const { socket } = this
    this.closingTls = true
    socket.end()
    if (this.events !== undefined) {
      socket.off("data", this.events.data)
      socket.off("end", this.events.end)
    }
    const timer = setTimeout(() => socket.destroy(), closeNotifyTimeout)
    socket.once("finish", () => socket.destroy())
    socket.once("close", () => clearTimeout(timer))
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
    flowForNext(this.socket)
    onWriteWaiting(this.socket, owes)
    return this.socket
  }

  // When no byte is left in the socket, the kernel has all, because libuv tries to write before it queues. A failed write leaves
  // no byte either, but sets an error.
  private countTaken(): void {
    if (this.socket.writableLength === 0) {
      if (this.socket.errored === null && !this.socket.destroyed) this.taken = this.written
      this.waits = false
    } else this.waits = true
  }

  private readonly onWritten = (error?: Error | null): void => {
    if (!this.waits || error) return
    const left = this.socket.writableLength
    this.waits = left > 0
    // this is the callback of a write that was taken at once, and has been counted
    if (this.taken === this.written - left) return
    this.taken = this.written - left
    if (!this.detached) this.events?.progress()
  }

  private readonly onError = (error: Error): void => {
    this.failure = error
    // some errors leave the socket open, for instance that of endless TLS renegotiation
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

const nothing = new Uint8Array(0)

/** Milliseconds for a TLS connection to send its close_notify. */
const closeNotifyTimeout = 1000

// An IPv4 peer of an IPv6 socket (RFC 4291, 2.5.5.2) is an IPv4 peer.
const unmapped = (host: string | undefined): string =>
  host === undefined ? "" : host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host

const tlsInfoOf = (socket: TLSSocket): TlsInfo => {
  // contrary to their types, both may be missing in a socket that was just reset
  const certificate: Partial<DetailedPeerCertificate> | null = socket.getPeerCertificate()
  const cipher: { readonly name: string } | undefined = socket.getCipher()
  return {
    protocol: socket.getProtocol() ?? undefined,
    cipher: cipher?.name,
    serverName: serverNameOf(socket),
    alpnProtocol: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined,
    // a resumed session is authorized even if it never had a certificate
    authorized: socket.authorized && certificate?.raw !== undefined,
    peerCertificate: certificate?.raw
  }
}
