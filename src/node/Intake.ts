/**
 * Takes each connection that a listening socket accepts, and makes a transport of it.
 *
 * ```
 *  accepted ----> PROXY header ----> TLS handshake ----> transport
 *                      |                   |
 *                      +-------------------+-----------> lost
 * ```
 *
 * Both steps are optional. The connections in each step are bounded in number and time.
 *
 * @since 0.2.0
 */
import * as Net from "node:net"
import type * as Tls from "node:tls"
import { type Address, peerName } from "../exchange/Address.js"
import { TransportError } from "../exchange/ServerError.js"
import type { Acceptor, PendingHandshakes } from "../server/Listener.js"
import { onClosed } from "./Closing.js"
import { Descriptors, isExhaustion } from "./Descriptors.js"
import { Handshakes } from "./Handshakes.js"
import { carrierOf } from "./internal.js"
import { isSecured, loadTls } from "./lazyTls.js"
import { defaultProxyFrom } from "./listenChecks.js"
import type { ListenOptions } from "./ListenOptions.js"
import { NodeTransport, remoteOf } from "./NodeTransport.js"
import { type ProxiedPeer, ProxyHeaders } from "./ProxyHeaders.js"
import { guardedCallbacks } from "./tlsCallbacks.js"
import type { TlsSettings } from "./TlsSettings.js"
import * as TrustedProxies from "./TrustedProxies.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface IntakeOptions {
  readonly listen: ListenOptions
  readonly tls: TlsSettings | undefined
  /** The most connections that may be in each of these steps. */
  readonly handshakes: number
  /** Milliseconds for the PROXY header, and again for the handshake. */
  readonly handshakeTimeout: number
}

/**
 * @since 0.2.0
 * @category models
 */
export class Intake {
  /** The server to call `listen` of. */
  readonly server: Net.Server
  private readonly descriptors = new Descriptors(() => this.lost("Accept", new Error(noDescriptor)))
  private readonly handshakes: Handshakes
  private readonly headers: ProxyHeaders | undefined
  private readonly secured: Tls.Server | undefined
  private readonly proxied = new WeakMap<Net.Socket, ProxiedPeer>()
  private readonly detachTls: () => void
  private path: string | undefined
  private local: Address | undefined = undefined

  constructor(private readonly acceptor: Acceptor, private readonly options: IntakeOptions) {
    const { handshakes, handshakeTimeout, listen, tls } = options
    this.path = listen.path
    this.handshakes = new Handshakes(
      handshakes,
      Math.min(handshakeTimeout, longestDelay),
      (socket) => peerName(this.peerOf(socket)),
      (cause, remote) => this.lost("Handshake", cause, remote)
    )
    this.headers = listen.proxy === undefined ? undefined : new ProxyHeaders({
      versions: listen.proxy,
      from: TrustedProxies.make(listen.proxyFrom ?? defaultProxyFrom, "proxyFrom"),
      most: handshakes,
      timeout: handshakeTimeout,
      peerOf: this.peerOf,
      read: this.headerRead,
      lost: (error, peer) => acceptor.lost(error, peerName(peer))
    })
    this.secured = tls === undefined ? undefined : this.secure(tls)
    this.detachTls = tls !== undefined && this.secured !== undefined ? tls.attach(this.secured) : nothing
    this.server = this.headers === undefined
      ? this.secured ?? Net.createServer(socketOptions(listen), this.accepted)
      : this.readingHeaders(this.headers)
  }

  /** Called when the server listens at `address`. Connections are accepted from now on. */
  begin(address: Address): void {
    // to accept a connection may fail, for instance without a free descriptor, and then succeed with the next one (accept(2))
    this.server.on("error", (cause) => isExhaustion(cause) ? this.descriptors.report() : this.lost("Accept", cause))
    onClosed(this.server, () => this.acceptor.closed?.())
    if (address._tag === "Unix") this.path = address.path
    // a socket on all addresses has a different one for each connection
    else if (address.host !== "0.0.0.0" && !address.host.startsWith("::")) this.local = address
  }

  /** Connections that have not completed their PROXY header or handshake; `undefined` if there can be none. */
  get pending(): PendingHandshakes | undefined {
    const { handshakes, headers, secured } = this
    if (secured === undefined && headers === undefined) return undefined
    return {
      get size() {
        return handshakes.size + (headers?.size ?? 0)
      },
      dropAll: () => {
        handshakes.dropAll()
        headers?.dropAll()
      }
    }
  }

  /** Closes the listening socket, and no connection. */
  close(): void {
    this.detachTls()
    this.server.close()
    this.descriptors.close()
  }

  private secure(tls: TlsSettings): Tls.Server {
    const secured = loadTls().createServer({
      // node:tls accepts only one of the two
      ...(tls.options.ALPNCallback === undefined ? { ALPNProtocols: ["http/1.1"] } : undefined),
      handshakeTimeout: Math.min(this.options.handshakeTimeout, longestDelay),
      ...tls.effective,
      ...guardedCallbacks(tls.options, (error) => this.lost("Handshake", error)),
      ...socketOptions(this.options.listen),
      // this ends a handshake whose client has left
      allowHalfOpen: false
    }, this.accepted)
    // there is no transport before the handshake has succeeded
    secured.on("tlsClientError", (cause, socket) => this.handshakes.failed(cause, socket))
    this.handshakes.watch(secured)
    // with PROXY headers, a connection is counted before its header is read
    if (this.headers === undefined) {
      secured.prependListener("connection", (socket: Net.Socket) => this.descriptors.accepted(socket))
    }
    return secured
  }

  private readingHeaders(headers: ProxyHeaders): Net.Server {
    const settings = { ...socketOptions(this.options.listen), allowHalfOpen: this.secured === undefined }
    return Net.createServer(settings, (socket) => {
      this.descriptors.accepted(socket)
      headers.add(socket)
    })
  }

  private readonly headerRead = (socket: Net.Socket, peer: ProxiedPeer): void => {
    this.proxied.set(socket, peer)
    if (this.secured === undefined) this.accepted(socket)
    // node:tls takes connections that other code has accepted by this event
    else this.secured.emit("connection", socket)
  }

  private readonly accepted = (socket: Net.Socket): void => {
    const proxied = this.proxied.get(isSecured(socket) ? carrierOf(socket) ?? socket : socket)
    if (isSecured(socket)) {
      const remote = this.handshakes.succeeded(socket)
      // the client has reset it right after the handshake: node:tls then neither sends what is written nor fails
      if (this.path === undefined && socket.remotePort === undefined) {
        socket.destroy()
        return this.lost("Reset", new Error("the client left right after the handshake"), remote ?? "unknown")
      }
    } else this.descriptors.accepted(socket)
    // a connection whose client is unknown is not served
    if (this.headers !== undefined && proxied === undefined) return void socket.destroy()
    socket.allowHalfOpen = true
    this.acceptor.accepted(new NodeTransport(socket, this.path, this.local, proxied))
  }

  private readonly peerOf = (socket: Net.Socket): Address =>
    this.proxied.get(socket)?.remote ?? remoteOf(socket, this.path)

  private lost(reason: TransportError["reason"], cause: unknown, remote?: string): void {
    this.acceptor.lost(new TransportError({ reason, cause }), remote)
  }
}

const socketOptions = ({ keepAliveInitialDelay = 60_000 }: ListenOptions): Net.ServerOpts => ({
  allowHalfOpen: true,
  noDelay: true,
  pauseOnConnect: true,
  keepAlive: keepAliveInitialDelay !== Infinity,
  ...(keepAliveInitialDelay === Infinity ? {} : { keepAliveInitialDelay })
})

const nothing = (): void => undefined

/** The longest delay of a timer, in milliseconds. */
const longestDelay = 2 ** 31 - 1

const noDescriptor = "the process has no descriptor left, so that connections are closed as they come; " +
  "let it have more (ulimit -n), or lower limits.connections"
