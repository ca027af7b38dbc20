/**
 * Connections that begin with a PROXY header, until it is read. They are bounded in number and time. One without a valid header is
 * closed and never answered.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import type * as Net from "node:net"
import type { Address } from "../exchange/Address.js"
import { TransportError } from "../exchange/ServerError.js"
import type { TrustedProxies } from "../exchange/TrustedProxies.js"
import {
  type ProxyFailure,
  type ProxyHeader,
  type ProxyReading,
  type ProxyVersions,
  readProxyHeader
} from "../protocol/proxyHeader.js"

/**
 * The header of a connection, and the peer by that header.
 *
 * @since 0.2.0
 * @category models
 */
export interface Introduced {
  readonly header: ProxyHeader
  readonly remote: Address
}

/**
 * @since 0.2.0
 * @category models
 */
export interface ProxyHeadersOptions {
  readonly versions: ProxyVersions
  readonly from: TrustedProxies
  /** How many may be under way; the oldest makes room. */
  readonly most: number
  /** Milliseconds that a header may take. */
  readonly timeout: number
  readonly peerOf: (socket: Net.Socket) => Address
  /** The header is read: what follows it is with the socket, which is paused. */
  readonly introduced: (socket: Net.Socket, introduced: Introduced) => void
  readonly lost: (error: TransportError, peer: Address) => void
}

/**
 * @since 0.2.0
 * @category models
 */
export class ProxyHeaders {
  private readonly arrivals = new Set<Arrival>()

  constructor(private readonly options: ProxyHeadersOptions) {}

  add(socket: Net.Socket): void {
    const { from, introduced, lost, most, peerOf, timeout, versions } = this.options
    const peer = peerOf(socket)
    if (!from.trusts(peer)) {
      socket.on("error", ignored)
      socket.destroy()
      // the peer is unknown
      const isGone = peer._tag === "Tcp" && peer.host === ""
      return lost(
        isGone
          ? proxyError("Missing", leftEarly)
          : proxyError("Stranger", "this peer is not in proxyFrom; add it there if it is a proxy of yours"),
        peer
      )
    }
    if (this.arrivals.size >= most) {
      const [oldest] = this.arrivals
      oldest.fail("Late", `another needed its room; limits.handshakes is ${most}`)
    }
    const arrival = new Arrival(socket, versions, timeout, (read) => {
      this.arrivals.delete(arrival)
      if (read._tag === "Lost") return lost(proxyError(read.detail, read.why), peer)
      introduced(socket, {
        header: read.header,
        remote: read._tag === "Source" ? addressOf(read.source) : peer
      })
    })
    this.arrivals.add(arrival)
  }

  get size(): number {
    return this.arrivals.size
  }

  dropAll(): void {
    for (const arrival of [...this.arrivals]) arrival.fail("Late", "the server stops")
  }
}

type Detail = ProxyFailure["reason"] | "Late" | "Stranger"

const proxyError = (detail: Detail, why: string): TransportError =>
  new TransportError({ reason: "Proxy", detail, cause: new Error(why) })

const addressOf = (source: Extract<ProxyReading, { readonly _tag: "Source" }>["source"]): Address =>
  "path" in source ? { _tag: "Unix", path: "" } : { _tag: "Tcp", host: source.host, port: source.port }

const leftEarly = "the peer left before its PROXY header was complete"

const ignored = (): void => undefined

type Read =
  | Extract<ProxyReading, { readonly _tag: "Local" | "Source" }>
  | { readonly _tag: "Lost"; readonly detail: Detail; readonly why: string }

class Arrival {
  private bytes: Buffer = Buffer.alloc(0)
  private over = false
  private readonly timer: ReturnType<typeof setTimeout>

  constructor(
    private readonly socket: Net.Socket,
    private readonly versions: ProxyVersions,
    timeout: number,
    private readonly done: (read: Read) => void
  ) {
    this.timer = setTimeout(
      () => this.fail("Late", `no PROXY header within timeouts.handshake, ${timeout} ms`),
      Math.min(timeout, 2 ** 31 - 1)
    ).unref()
    socket.on("error", this.onEnd)
    socket.on("close", this.onEnd)
    socket.on("end", this.onEnd)
    socket.on("data", this.onData)
    socket.resume()
  }

  fail(detail: Detail, why: string): void {
    if (this.over) return
    this.leave()
    this.socket.on("error", ignored)
    this.socket.destroy()
    this.done({ _tag: "Lost", detail, why })
  }

  private readonly onEnd = (): void => this.fail("Missing", leftEarly)

  private readonly onData = (bytes: Buffer): void => {
    this.bytes = this.bytes.length === 0 ? bytes : Buffer.concat([this.bytes, bytes])
    const read = readProxyHeader(this.bytes, this.versions)
    if (read._tag === "More") return
    if (read._tag === "Failure") return this.fail(read.reason, read.message)
    this.leave()
    this.socket.pause()
    const rest = this.bytes.subarray(read.length)
    if (rest.length > 0) this.socket.unshift(rest)
    this.done(read)
  }

  private leave(): void {
    this.over = true
    clearTimeout(this.timer)
    this.socket.off("error", this.onEnd)
    this.socket.off("close", this.onEnd)
    this.socket.off("end", this.onEnd)
    this.socket.off("data", this.onData)
  }
}
