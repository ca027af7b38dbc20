/**
 * Connections whose PROXY header is being read. They are bounded in number and time. A connection without a valid header is
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
 * The PROXY header of a connection, and the peer that it names.
 *
 * @since 0.2.0
 * @category models
 */
export interface ProxiedPeer {
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
  /** The most headers that are read at a time. Each new connection beyond this number closes the oldest one. */
  readonly most: number
  /** Milliseconds for a header. */
  readonly timeout: number
  readonly peerOf: (socket: Net.Socket) => Address
  /** Takes a connection whose header was read. The socket is paused, and still has the bytes after the header. */
  readonly read: (socket: Net.Socket, peer: ProxiedPeer) => void
  readonly lost: (error: TransportError, peer: Address) => void
}

/**
 * @since 0.2.0
 * @category models
 */
export class ProxyHeaders {
  private readonly pending = new Set<PendingHeader>()

  constructor(private readonly options: ProxyHeadersOptions) {}

  add(socket: Net.Socket): void {
    const { from, lost, most, peerOf, read, timeout, versions } = this.options
    const peer = peerOf(socket)
    if (!from.trusts(peer)) {
      socket.on("error", ignored)
      socket.destroy()
      const isGone = peer._tag === "Tcp" && peer.host === ""
      return lost(
        isGone
          ? proxyError("Missing", leftEarly)
          : proxyError("Stranger", "this peer is not in proxyFrom; add it there if it is a proxy of yours"),
        peer
      )
    }
    if (this.pending.size >= most) {
      const [oldest] = this.pending
      oldest.fail("Late", `closed for a newer connection: limits.handshakes is ${most}`)
    }
    const pending = new PendingHeader(socket, versions, timeout, (result) => {
      this.pending.delete(pending)
      if (result._tag === "Lost") return lost(proxyError(result.detail, result.why), peer)
      read(socket, {
        header: result.header,
        remote: result._tag === "Source" ? addressOf(result.source) : peer
      })
    })
    this.pending.add(pending)
  }

  get size(): number {
    return this.pending.size
  }

  dropAll(): void {
    for (const pending of [...this.pending]) pending.fail("Late", "the server stops")
  }
}

type Detail = ProxyFailure["reason"] | "Late" | "Stranger"

const proxyError = (detail: Detail, why: string): TransportError =>
  new TransportError({ reason: "Proxy", detail, cause: new Error(why) })

const addressOf = (source: Extract<ProxyReading, { readonly _tag: "Source" }>["source"]): Address =>
  "path" in source ? { _tag: "Unix", path: "" } : { _tag: "Tcp", host: source.host, port: source.port }

const leftEarly = "the peer left before its PROXY header was complete"

const ignored = (): void => undefined

type Result =
  | Extract<ProxyReading, { readonly _tag: "Local" | "Source" }>
  | { readonly _tag: "Lost"; readonly detail: Detail; readonly why: string }

class PendingHeader {
  private bytes: Buffer = Buffer.alloc(0)
  private isDone = false
  private readonly timer: ReturnType<typeof setTimeout>

  constructor(
    private readonly socket: Net.Socket,
    private readonly versions: ProxyVersions,
    timeout: number,
    private readonly done: (result: Result) => void
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
    if (this.isDone) return
    this.stopReading()
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
    this.stopReading()
    this.socket.pause()
    const rest = this.bytes.subarray(read.length)
    if (rest.length > 0) this.socket.unshift(rest)
    this.done(read)
  }

  private stopReading(): void {
    this.isDone = true
    clearTimeout(this.timer)
    this.socket.off("error", this.onEnd)
    this.socket.off("close", this.onEnd)
    this.socket.off("end", this.onEnd)
    this.socket.off("data", this.onData)
  }
}
