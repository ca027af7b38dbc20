/**
 * The options of listeners and of TLS.
 *
 * @since 0.1.0
 */
import type * as Tls from "node:tls"
import type { Address } from "../exchange/Address.js"
import type { ProxyVersions } from "../protocol/proxyHeader.js"

/**
 * Where to listen: a TCP port, a unix socket's `path`, or a socket that is bound already: an `fd`, or a `socket` of this process.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions {
  /** TCP port, a number or the text of one, as the environment has it; 0 takes a free one. Default 0. */
  readonly port?: number | string | undefined
  /**
   * Address or name to listen on. `0.0.0.0` is all IPv4 addresses of the machine, `::` all addresses of both kinds, and `*` either of
   * these, as node:net does without a host. Default `127.0.0.1`.
   */
  readonly host?: string | undefined
  /** Connections the kernel keeps until they are accepted. Default 511. */
  readonly backlog?: number | undefined
  /** With an IPv6 host: do not take IPv4 peers. Default `false`. */
  readonly ipv6Only?: boolean | undefined
  /** Share the port with other processes that ask for it too (SO_REUSEPORT). Needs Node 22.12. Default `false`. */
  readonly reusePort?: boolean | undefined
  /** A unix socket instead of TCP. What a dead server left there is removed; a live server's is not. */
  readonly path?: string | undefined
  /** File mode of the unix socket, such as `0o660`. Default: as the umask has it. */
  readonly mode?: number | undefined
  /** A descriptor that was bound and inherited (socket activation). */
  readonly fd?: number | undefined
  /**
   * A socket that `bind` returned. It listens from here on, and is closed when its server stops, so it can be served once.
   *
   * @since 0.2.0
   */
  readonly socket?: BoundSocket | undefined
  /**
   * Milliseconds of silence after which the system probes whether a TCP peer is still there (TCP keep-alive, SO_KEEPALIVE), so that the
   * loss of its machine or network is noticed. From 1000, in whole seconds; `Infinity` never probes. Default 60000.
   *
   * @since 0.2.0
   */
  readonly keepAliveInitialDelay?: number | undefined
  /**
   * The version of the PROXY header (haproxy.org, doc/proxy-protocol.txt) that each connection begins with, before TLS. The client that
   * it names takes the place of the peer. A connection without one is closed and never answered, so this is only for listeners that
   * nothing but such proxies can reach. Default: none is read.
   *
   * @since 0.2.0
   */
  readonly proxy?: ProxyVersions | undefined
  /**
   * With `proxy`: addresses and CIDR ranges of the proxies that may connect, `"unix"` for unix sockets. Default: this machine,
   * `["127.0.0.0/8", "::1", "unix"]`.
   *
   * @since 0.2.0
   */
  readonly proxyFrom?: ReadonlyArray<string> | undefined
}

/**
 * A socket that is bound, and does not listen yet: see `bind`.
 *
 * @since 0.2.0
 * @category models
 */
export interface BoundSocket extends Disposable {
  /** Where it is bound; of port 0 the one that was taken. */
  readonly address: Address
  /**
   * The descriptor, for a child's `stdio`: `["inherit", "inherit", "inherit", socket.fd]` makes it the child's descriptor 3. In this
   * process, `listen({ socket })` serves on it. -1 on Windows.
   */
  readonly fd: number
  /** For the process that listens: connections that the system keeps until they are accepted. */
  readonly backlog: number
  /**
   * Closes it in this process, and removes the file of a unix socket if that is still its own. Processes that have inherited it go on.
   * Closing it again does nothing.
   */
  readonly close: () => void
  /** For a listener of this process: the descriptor is its own from here on. Throws where it is closed or was taken. */
  readonly take: () => number
}

/**
 * `node:tls` server options: `cert`, `key`, `ca`, `requestCert`, `rejectUnauthorized`, `SNICallback`, and so on.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsOptions = Tls.TlsOptions

/**
 * The part of {@link TlsOptions} that can be changed while a server runs: `cert`, `key`, `ca`, `ciphers`, and so on.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsCredentials = Tls.SecureContextOptions
