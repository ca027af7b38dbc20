/**
 * The options of listeners and of TLS.
 *
 * @since 0.1.0
 */
import type * as Tls from "node:tls"
import type { Address } from "../exchange/Address.js"
import type { ProxyVersions } from "../protocol/proxyHeader.js"

/**
 * Where to listen: a TCP port, the `path` of a unix socket, or a socket that is already bound (an `fd`, or a `socket` of this
 * process).
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions {
  /** TCP port, as a number or as decimal text from the environment; 0 takes a free one. Default 0. */
  readonly port?: number | string | undefined
  /**
   * Address or name to listen on. `0.0.0.0` is all IPv4 addresses of the machine, and `::` all addresses, IPv4 and IPv6. `*` is
   * `::` if the machine has IPv6, otherwise `0.0.0.0`. Default `127.0.0.1`.
   */
  readonly host?: string | undefined
  /** Connections that the system holds until they are accepted. Default 511. */
  readonly backlog?: number | undefined
  /** With `true` and an IPv6 host, IPv4 peers are not accepted. Default `false`. */
  readonly ipv6Only?: boolean | undefined
  /**
   * With `true` the port is shared with other processes that set this option too (SO_REUSEPORT). Needs Node 22.12. Default
   * `false`.
   */
  readonly reusePort?: boolean | undefined
  /** Path of a unix socket, in place of a TCP port. The socket file of a dead server is replaced, but not that of a live one. */
  readonly path?: string | undefined
  /** File mode of the unix socket, such as `0o660`. By default the umask decides. */
  readonly mode?: number | undefined
  /** An inherited descriptor of a bound socket (socket activation). */
  readonly fd?: number | undefined
  /**
   * A socket that `bind` has returned. It can be served once, because it is closed when its server stops.
   *
   * @since 0.2.0
   */
  readonly socket?: BoundSocket | undefined
  /**
   * Milliseconds of silence after which the system probes whether a TCP peer is still reachable (SO_KEEPALIVE, RFC 9293, 3.8.4).
   * At least 1000, and rounded down to whole seconds; with `Infinity` the system never probes. Default 60000.
   *
   * @since 0.2.0
   */
  readonly keepAliveInitialDelay?: number | undefined
  /**
   * The version of the PROXY header (haproxy.org, doc/proxy-protocol.txt) that each connection begins with, before TLS. The
   * client that the header names is taken as the peer. A connection without the header is closed and never answered, so use this
   * only for listeners that nothing but such proxies can reach. Default: no header is read.
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
 * A socket that is bound but does not listen yet: see `bind`.
 *
 * @since 0.2.0
 * @category models
 */
export interface BoundSocket extends Disposable {
  /** The address to which it is bound. For port 0, it has the port that the system chose. */
  readonly address: Address
  /**
   * The descriptor, for a child's `stdio`: `["inherit", "inherit", "inherit", socket.fd]` makes it the child's descriptor 3. It
   * is -1 on Windows. `listen({ socket })` serves on it in this process.
   */
  readonly fd: number
  /** Connections that the system holds until the listening process accepts them. */
  readonly backlog: number
  /**
   * Closes the socket in this process, and removes the file of a unix socket unless another socket has replaced it. Processes
   * that have inherited the socket keep it. A second call does nothing.
   */
  readonly close: () => void
  /** Gives the descriptor to a listener of this process. Throws if the socket is closed, or was given to a listener before. */
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
