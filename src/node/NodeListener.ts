/**
 * Listening sockets: TCP, unix, an inherited descriptor, each plain or with TLS.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Net from "node:net"
import { type Address, peerName } from "../exchange/Address.js"
import { BindError, bindErrorFrom, OptionError, TransportError } from "../exchange/ServerError.js"
import { type Acceptor, type Arriving, type Bound, Listener } from "../server/Listener.js"
import { acceptWaiting, onClosed } from "./Closing.js"
import { Descriptors, isExhaustion } from "./Descriptors.js"
import { Handshakes } from "./Handshakes.js"
import { carrierOf } from "./internal.js"
import { isSecured, loadTls } from "./lazyTls.js"
import { check, defaultProxyFrom, describe, portOf, validate } from "./listenChecks.js"
import type { ListenOptions, TlsCredentials, TlsOptions } from "./ListenOptions.js"
import { NodeTransport, remoteOf } from "./NodeTransport.js"
import { type Introduced, ProxyHeaders } from "./ProxyHeaders.js"
import { keepReadMemory } from "./readMemory.js"
import { lookedAt } from "./tlsCallbacks.js"
import { checkTls } from "./tlsChecks.js"
import { TlsSettings } from "./TlsSettings.js"
import * as TrustedProxies from "./TrustedProxies.js"
import { claim, pathOf } from "./unixSocket.js"

export { check, type ListenOptions, type TlsCredentials, type TlsOptions, TlsSettings }

/**
 * A listener. It binds when `bind` is run, and can be bound again after it was closed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: ListenOptions, tls?: TlsSettings): Context.Tag.Service<Listener> => ({
  bind: (acceptor, { address, handshakes, handshakeTimeout }) => {
    const scheme = tls === undefined ? "http" : "https"
    return Effect.acquireRelease(
      Effect.tryPromise({
        try: () => {
          check(options)
          if (tls !== undefined) checkTls(tls.options)
          const again = address?._tag === "Tcp" && options.fd === undefined
            ? { ...options, port: address.port }
            : options
          return open(again, tls, acceptor, { handshakes, handshakeTimeout })
        },
        catch: (cause) =>
          cause instanceof OptionError
            ? new BindError({ reason: "InvalidOptions", address: describe(options, scheme), cause })
            : bindErrorFrom(cause, describe(options, scheme))
      }),
      // `close` only stops accepting; its callback would wait for the connections, which live on
      ({ close }) => close
    )
  }
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

const open = async (
  options: ListenOptions,
  tls: TlsSettings | undefined,
  acceptor: Acceptor,
  bounds: { readonly handshakes: number; readonly handshakeTimeout: number }
): Promise<Bound & { readonly close: Effect.Effect<void> }> => {
  validate(options, tls?.options)
  const { keepAliveInitialDelay = 60_000 } = options
  const settings: Net.ServerOpts = {
    allowHalfOpen: true,
    noDelay: true,
    pauseOnConnect: true,
    keepAlive: keepAliveInitialDelay !== Infinity,
    ...(keepAliveInitialDelay === Infinity ? {} : { keepAliveInitialDelay })
  }
  const lost = (reason: TransportError["reason"], cause: unknown, remote?: string): void =>
    acceptor.lost(new TransportError({ reason, cause }), remote)
  const descriptors = new Descriptors(() => lost("Accept", new Error(noDescriptor)))
  // set before the first connection is accepted
  let path = options.path
  let own: Address | undefined = undefined
  // by the PROXY headers that were read
  const introductions = new WeakMap<Net.Socket, Introduced>()
  const peerOf = (socket: Net.Socket): Address => introductions.get(socket)?.remote ?? remoteOf(socket, path)
  const handshakeTimeout = Math.min(bounds.handshakeTimeout, 2 ** 31 - 1)
  const handshakes = new Handshakes(
    bounds.handshakes,
    handshakeTimeout,
    (socket) => peerName(peerOf(socket)),
    (cause, remote) => lost("Handshake", cause, remote)
  )
  const accepted = (socket: Net.Socket): void => {
    const introduced = introductions.get(isSecured(socket) ? carrierOf(socket) ?? socket : socket)
    if (isSecured(socket)) {
      const remote = handshakes.over(socket)
      // reset right after the handshake: node:tls would neither take nor fail what is written to it
      if (path === undefined && socket.remotePort === undefined) {
        socket.destroy()
        return lost("Reset", new Error("the client left right after the handshake"), remote ?? "unknown")
      }
    } else descriptors.accepted(socket)
    // better no connection than one whose client is unknown
    if (headers !== undefined && introduced === undefined) return void socket.destroy()
    socket.allowHalfOpen = true
    acceptor.accepted(new NodeTransport(socket, path, own, introduced))
  }
  const secured = tls === undefined
    ? undefined
    : loadTls().createServer({
      // node:tls takes either of the two
      ...(tls.options.ALPNCallback === undefined ? { ALPNProtocols: ["http/1.1"] } : undefined),
      handshakeTimeout,
      ...tls.effective,
      ...lookedAt(tls.options, (error) => lost("Handshake", error)),
      ...settings,
      // a handshake whose client has left
      allowHalfOpen: false
    }, accepted)
  const headers = options.proxy === undefined ? undefined : new ProxyHeaders({
    versions: options.proxy,
    from: TrustedProxies.make(options.proxyFrom ?? defaultProxyFrom, "proxyFrom"),
    most: bounds.handshakes,
    timeout: bounds.handshakeTimeout,
    peerOf,
    introduced: (socket, introduced) => {
      introductions.set(socket, introduced)
      if (secured === undefined) accepted(socket)
      // as node:tls treats connections that other code has accepted
      else secured.emit("connection", socket)
    },
    lost: (error, peer) => acceptor.lost(error, peerName(peer))
  })
  const server = headers === undefined
    ? secured ?? Net.createServer(settings, accepted)
    : Net.createServer({ ...settings, allowHalfOpen: secured === undefined }, (socket) => {
      descriptors.accepted(socket)
      headers.add(socket)
    })
  let detach = (): void => undefined
  if (secured !== undefined && tls !== undefined) {
    detach = tls.attach(secured)
    // before the handshake is over there is no transport
    secured.on("tlsClientError", (cause, socket) => handshakes.failed(cause, socket))
    handshakes.watch(secured)
    // with PROXY headers, connections are counted as they come
    if (headers === undefined) {
      secured.prependListener("connection", (socket: Net.Socket) => descriptors.accepted(socket))
    }
  }
  let remove: () => void
  try {
    remove = await listen(server, options)
  } catch (error) {
    detach()
    server.close()
    throw error
  }
  keepReadMemory()
  // Accepting failed, out of descriptors for instance: the next connection may succeed (accept(2)).
  server.on("error", (cause) => isExhaustion(cause) ? descriptors.tell() : lost("Accept", cause))
  onClosed(server, () => acceptor.closed?.())
  const address = addressOf(server, options)
  if (address._tag === "Unix") path = address.path
  // a socket on all addresses has a different one for each connection
  else if (address.host !== "0.0.0.0" && !address.host.startsWith("::")) own = address
  return {
    address,
    scheme: tls === undefined ? "http" : "https",
    ...(secured === undefined && headers === undefined ? {} : { arriving: together([handshakes, headers]) }),
    // other processes may have the descriptor and its queue
    close: Effect.sync(remove).pipe(
      Effect.zipRight(options.fd === undefined ? acceptWaiting(server) : Effect.void),
      Effect.ensuring(Effect.sync(() => {
        detach()
        server.close()
        descriptors.close()
      }))
    )
  }
}

const together = (each: ReadonlyArray<Arriving | undefined>): Arriving => ({
  get size() {
    return each.reduce((sum, arriving) => sum + (arriving?.size ?? 0), 0)
  },
  dropAll: () => {
    for (const arriving of each) arriving?.dropAll()
  }
})

const noDescriptor = "the process has no descriptor left, so that connections are closed as they come; " +
  "let it have more (ulimit -n), or lower limits.connections"

// Cleans up when the server is closed.
const listen = async (server: Net.Server, options: ListenOptions): Promise<() => void> => {
  const { backlog = 511, fd, mode, path, socket } = options
  if (path !== undefined) return claim(path, mode, (path) => attempt(server, { path, backlog }))
  if (socket !== undefined) {
    await attempt(server, { fd: socket.take(), backlog: options.backlog ?? socket.backlog }).catch((error: unknown) => {
      socket.close()
      throw error
    })
    return socket.close
  }
  await attempt(
    server,
    fd !== undefined ? { fd, backlog } : {
      port: portOf(options),
      ...(options.host === "*" ? {} : { host: options.host ?? "127.0.0.1" }),
      backlog,
      ...(options.ipv6Only === undefined ? {} : { ipv6Only: options.ipv6Only }),
      ...(options.reusePort === undefined ? {} : { reusePort: options.reusePort })
    }
  )
  return () => undefined
}

const attempt = (
  server: Net.Server,
  options: Net.ListenOptions | { readonly fd: number; readonly backlog: number }
): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(options, () => {
      server.off("error", reject)
      resolve()
    })
  })

const addressOf = (server: Net.Server, options: ListenOptions): Address => {
  if (options.socket !== undefined) return options.socket.address
  const address = server.address()
  if (address === null || typeof address === "string") {
    return {
      _tag: "Unix",
      path: options.path ?? (options.fd === undefined ? undefined : pathOf(options.fd)) ?? address ?? ""
    }
  }
  return { _tag: "Tcp", host: address.address, port: address.port }
}
