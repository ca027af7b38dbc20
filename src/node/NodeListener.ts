/**
 * Listening sockets: TCP, unix, an inherited descriptor, each plain or with TLS.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import { Buffer } from "node:buffer"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { dirname } from "node:path"
import type * as Tls from "node:tls"
import { isMainThread } from "node:worker_threads"
import { type Address, format } from "../server/Address.js"
import { type Acceptor, type Bound, Listener } from "../server/Listener.js"
import { BindError, bindErrorFrom, OptionError, TransportError } from "../server/ServerError.js"
import { acceptWaiting, onClosed } from "./Closing.js"
import { isSecured, loadTls } from "./lazyTls.js"
import type { ListenOptions, TlsCredentials, TlsOptions } from "./ListenOptions.js"
import { NodeTransport } from "./NodeTransport.js"
import { keepReadMemory } from "./readMemory.js"

export type { ListenOptions, TlsCredentials, TlsOptions }

/**
 * TLS settings that can be changed while a server uses them.
 *
 * @since 0.1.0
 * @category models
 */
export class TlsSettings {
  private readonly servers = new Set<Tls.Server>()

  constructor(private current: TlsOptions) {}

  get options(): TlsOptions {
    return this.current
  }

  /** Takes new certificates and keys for connections from here on; those that are open keep theirs. */
  reload(options: TlsCredentials): void {
    // A server forgets what it is not told again: the authorities of client certificates, for instance.
    const merged = { ...this.current, ...options }
    if (options.pfx !== undefined) {
      delete merged.cert
      delete merged.key
    } else if (options.cert !== undefined || options.key !== undefined) delete merged.pfx
    // fails before anything has changed where the options are unusable
    loadTls().createSecureContext(merged)
    this.current = merged
    for (const server of this.servers) server.setSecureContext(merged)
  }

  /** For listeners: `reload` reaches this server until the function returned is called. */
  attach(server: Tls.Server): () => void {
    this.servers.add(server)
    return () => this.servers.delete(server)
  }
}

/**
 * A listener. Nothing happens until it is bound, and it can be bound again after it was closed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: ListenOptions, tls?: TlsSettings): Context.Tag.Service<Listener> => ({
  bind: (acceptor, { address, handshakes, handshakeTimeout }) =>
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => {
          check(options)
          const again = address?._tag === "Tcp" && options.fd === undefined
            ? { ...options, port: address.port }
            : options
          return open(again, tls, acceptor, { handshakes, handshakeTimeout })
        },
        catch: (cause) =>
          cause instanceof OptionError
            ? new BindError({ reason: "InvalidOptions", address: describe(options), cause })
            : bindErrorFrom(cause, describe(options))
      }),
      // Connections live on: `close` only stops accepting, and its callback would wait for them.
      ({ close }) => close
    )
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ListenOptions, tls?: TlsOptions | TlsSettings): Layer.Layer<Listener> =>
  Layer.sync(
    Listener,
    () => make(options, tls === undefined || tls instanceof TlsSettings ? tls : new TlsSettings(tls))
  )

/**
 * Throws an `OptionError` that names an option which cannot be meant, whatever the others are. Options that do not go
 * together, or not with the system, fail the binding.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: ListenOptions): void => {
  for (const [option, [meant, holds]] of Object.entries(checks)) {
    const given: unknown = Reflect.get(options, option)
    if (given === undefined || holds(given)) continue
    throw new OptionError({ option, description: `must be ${meant}; it is ${Inspectable.toStringUnknown(given)}` })
  }
  if (options.reusePort === true && options.port && !sharesPorts(process.versions.node)) {
    // node:net would ignore it
    throw new OptionError({
      option: "reusePort",
      description: `needs Node 22.12 or later, or 23.1 or later; this is ${process.versions.node}`
    })
  }
}

type Check = readonly [meant: string, holds: (given: unknown) => boolean]

const whole = (from: number, to: number) => (given: unknown): boolean =>
  typeof given === "number" && Number.isInteger(given) && given >= from && given <= to
const text: Check = ["text", (given) => typeof given === "string" && given !== ""]
const truth: Check = ["true or false", (given) => typeof given === "boolean"]

const checks: Readonly<Record<keyof ListenOptions, Check>> = {
  port: ["a whole number from 0 to 65535", whole(0, 65_535)],
  host: text,
  backlog: ["a whole number, 1 or more", whole(1, Infinity)],
  ipv6Only: truth,
  reusePort: truth,
  path: text,
  mode: ["a number, such as 0o660", (given) => typeof given === "number"],
  fd: ["a whole number, 0 or more", whole(0, Infinity)]
}

const sharesPorts = (version: string): boolean => {
  const [major, minor] = version.split(".").map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

const describe = (options: ListenOptions): string =>
  options.fd !== undefined
    ? `descriptor ${options.fd}`
    : options.path !== undefined
    ? format({ _tag: "Unix", path: options.path })
    : format({ _tag: "Tcp", host: options.host ?? "127.0.0.1", port: options.port ?? 0 })

const open = async (
  options: ListenOptions,
  tls: TlsSettings | undefined,
  acceptor: Acceptor,
  bounds: { readonly handshakes: number; readonly handshakeTimeout: number }
): Promise<Bound & { readonly close: Effect.Effect<void> }> => {
  validate(options, tls?.options)
  const settings: Net.ServerOpts = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true }
  const lost = (reason: TransportError["reason"], cause: unknown, remote: string): void =>
    acceptor.lost(new TransportError({ reason, cause }), remote)
  const handshakes = new Handshakes(bounds.handshakes, (cause, remote) => lost("Handshake", cause, remote))
  // known before anybody is accepted
  let path: string | undefined = undefined
  let own: Address | undefined = undefined
  const accepted = (socket: Net.Socket): void => {
    if (isSecured(socket)) handshakes.over(socket)
    socket.allowHalfOpen = true
    acceptor.accepted(new NodeTransport(socket, path, own))
  }
  const secured = tls === undefined
    ? undefined
    : loadTls().createServer({
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: Math.min(bounds.handshakeTimeout, 2 ** 31 - 1),
      ...tls.options,
      ...settings,
      // a client that leaves within the handshake is not waited for
      allowHalfOpen: false
    }, accepted)
  const server = secured ?? Net.createServer(settings, accepted)
  let detach = (): void => undefined
  if (secured !== undefined && tls !== undefined) {
    detach = tls.attach(secured)
    // before the handshake is over there is no transport; the socket is dropped by node:tls
    secured.on("tlsClientError", (cause, socket) => {
      if (!handshakes.dropped(socket)) lost("Handshake", cause, peerOf(socket))
      socket.destroy()
    })
    secured.on("connection", (socket: Net.Socket) => handshakes.add(socket))
  }
  try {
    await listen(server, options)
    if (options.path !== undefined && options.mode !== undefined) Fs.chmodSync(options.path, options.mode)
  } catch (error) {
    detach()
    server.close()
    throw error
  }
  keepReadMemory()
  // Accepting failed, out of descriptors for instance: the next connection may succeed (accept(2)).
  server.on("error", (cause) => lost("Accept", cause, "-"))
  onClosed(server, () => acceptor.closed?.())
  const address = addressOf(server, options)
  if (address._tag === "Unix") path = address.path
  // whoever listens everywhere was reached at one of several addresses
  else if (address.host !== "0.0.0.0" && !address.host.startsWith("::")) own = address
  return {
    address,
    scheme: tls === undefined ? "http" : "https",
    ...(secured === undefined ? {} : { arriving: handshakes }),
    // the queue of a descriptor is left to those who have it too
    close: Effect.zipRight(
      options.fd === undefined ? acceptWaiting(server) : Effect.void,
      Effect.sync(() => {
        detach()
        server.close()
      })
    )
  }
}

// Connections within their handshake, which node:tls keeps to itself: they are bounded, and end with the listener. The
// oldest makes room: it had the longest time, and a crowd of silent ones must not keep others out.
class Handshakes {
  private readonly sockets = new Set<Net.Socket>()
  private readonly told = new WeakSet<Net.Socket>()

  constructor(
    private readonly most: number,
    private readonly lost: (cause: Error, remote: string) => void
  ) {}

  add(socket: Net.Socket): void {
    if (this.sockets.size >= this.most) {
      const [oldest] = this.sockets
      this.drop(oldest, `another needed its room; limits.handshakes is ${this.most}`)
    }
    this.sockets.add(socket)
    socket.once("close", () => this.sockets.delete(socket))
  }

  over(secured: Tls.TLSSocket): void {
    const carrier = carrierOf(secured)
    if (carrier !== undefined) this.sockets.delete(carrier)
    // rather no bound than somebody cut who has done all that was asked
    else this.sockets.clear()
  }

  /** Has it been told already why this one did not end? */
  dropped(secured: Tls.TLSSocket): boolean {
    const carrier = carrierOf(secured)
    return carrier !== undefined && this.told.has(carrier)
  }

  get size(): number {
    return this.sockets.size
  }

  dropAll(): void {
    for (const socket of this.sockets) this.drop(socket, "the server stops")
  }

  private drop(socket: Net.Socket, why: string): void {
    this.sockets.delete(socket)
    this.told.add(socket)
    const remote = peerOf(socket)
    socket.destroy()
    this.lost(new Error(why), remote)
  }
}

// The socket under a secured one, as every version of Node has it. On unix sockets there is nothing else to tell by.
const carrierOf = (secured: Tls.TLSSocket): Net.Socket | undefined => {
  const carrier: unknown = Reflect.get(secured, "_parent")
  return carrier instanceof Net.Socket ? carrier : undefined
}

const validate = (options: ListenOptions, tls: TlsOptions | undefined): void => {
  const kinds = [options.fd, options.path, options.port].filter((given) => given !== undefined)
  if (kinds.length > 1) throw invalid("give one of port, path and fd")
  if (options.reusePort === true && !options.port) throw invalid("reusePort needs a port of its own, not a free one")
  const { mode } = options
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) {
    throw invalid(`the mode of a unix socket is a number from 0 to 0o7777; it is ${mode}`)
  }
  // the system would cut it, and listen elsewhere
  if (options.path !== undefined && Buffer.byteLength(options.path) > longestPath) {
    throw invalid(`the path is too long, a unix socket's has at most ${longestPath} bytes`)
  }
  if (tls === undefined || tls.pfx !== undefined || tls.SNICallback !== undefined || tls.pskCallback !== undefined) {
    return
  }
  if (tls.cert === undefined || tls.key === undefined) {
    throw invalid("TLS needs a cert and its key, a pfx, or an SNICallback")
  }
}

// sun_path (unix(7)), without its last byte
const longestPath = process.platform === "linux" ? 107 : 103

const invalid = (message: string): Error => Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" })

const listen = async (server: Net.Server, options: ListenOptions): Promise<void> => {
  const { backlog = 511, fd, mode, path } = options
  if (fd !== undefined) return attempt(server, { fd, backlog })
  if (path === undefined) {
    return attempt(server, {
      port: options.port ?? 0,
      ...(options.host === "*" ? {} : { host: options.host ?? "127.0.0.1" }),
      backlog,
      ...(options.ipv6Only === undefined ? {} : { ipv6Only: options.ipv6Only }),
      ...(options.reusePort === undefined ? {} : { reusePort: options.reusePort })
    })
  }
  try {
    await attempt(server, { path, backlog }, mode)
  } catch (error) {
    // the system has the same code for a folder that there is not and one that is not ours
    const folder = dirname(path)
    if (!path.startsWith("\0") && !Fs.existsSync(folder)) {
      throw Object.assign(new Error(`no such folder: ${folder}`), { code: "EADDRNOTAVAIL" })
    }
    if (codeOf(error) !== "EADDRINUSE" || !isSocket(path) || await answers(path)) throw error
    Fs.unlinkSync(path)
    await attempt(server, { path, backlog }, mode)
  }
}

// With a mode: nobody may connect whom it keeps out, not even in the moment before it is set. The system makes the file
// within `listen`, with the umask of that moment; a worker thread may not change that.
const attempt = (
  server: Net.Server,
  options: Net.ListenOptions | { readonly fd: number; readonly backlog: number },
  mode?: number
): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    const umask = mode === undefined || !isMainThread ? undefined : process.umask(0o777 & ~mode)
    try {
      server.listen(options, () => {
        server.off("error", reject)
        resolve()
      })
    } finally {
      if (umask !== undefined) process.umask(umask)
    }
  })

const isSocket = (path: string): boolean => Fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true

// Does somebody accept there? A socket file whose server has died refuses.
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = Net.connect({ path })
    probe.once("connect", () => {
      probe.destroy()
      resolve(true)
    })
    probe.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"))
  })

const codeOf = (error: unknown): unknown => error instanceof Error && "code" in error ? error.code : undefined

const addressOf = (server: Net.Server, options: ListenOptions): Address => {
  const address = server.address()
  if (address === null || typeof address === "string") return { _tag: "Unix", path: options.path ?? address ?? "" }
  return { _tag: "Tcp", host: address.address, port: address.port }
}

const peerOf = (socket: Net.Socket): string =>
  socket.remoteAddress === undefined
    ? "-"
    : format({ _tag: "Tcp", host: socket.remoteAddress, port: socket.remotePort ?? 0 }).slice("http://".length)
