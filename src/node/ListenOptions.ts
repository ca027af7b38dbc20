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
  /** TCP port, as a number or as decimal text from the environment; 0 takes a free one. Default 0. */
  readonly port?: number | string | undefined
  /**
   * Address or name to listen on. `0.0.0.0` is all IPv4 addresses of the machine, and `::` all addresses, IPv4 and IPv6. `*`
   * is `::` where the machine has IPv6, otherwise `0.0.0.0`. Default `127.0.0.1`.
   */
  readonly host?: string | undefined
  /** Connections that the system holds until they are accepted. Default 511. */
  readonly backlog?: number | undefined
  /** With an IPv6 host: accept no IPv4 peers. Default `false`. */
  readonly ipv6Only?: boolean | undefined
  /** Share the port with other processes that set this option too (SO_REUSEPORT). Needs Node 22.12. Default `false`. */
  readonly reusePort?: boolean | undefined
  /** Path of a unix socket, instead of TCP. The socket file of a dead server is replaced, that of a live one is not. */
  readonly path?: string | undefined
  /** File mode of the unix socket, such as `0o660`. Default: by the umask. */
  readonly mode?: number | undefined
  /** An inherited descriptor of a bound socket (socket activation). */
  readonly fd?: number | undefined
  /**
   * A socket that `bind` returned. It can be served once: it is closed when its server stops.
   *
   * @since 0.2.0
   */
  readonly socket?: BoundSocket | undefined
  /**
   * Milliseconds of silence after which the system probes whether a TCP peer is still reachable (SO_KEEPALIVE, RFC 9293,
   * 3.8.4). At least 1000, cut to whole seconds; `Infinity` never probes. Default 60000.
   *
   * @since 0.2.0
   */
  readonly keepAliveInitialDelay?: number | undefined
  /**
   * The version of the PROXY header (haproxy.org, doc/proxy-protocol.txt) that each connection begins with, before TLS. The
   * client that it names is taken as the peer. A connection without the header is closed and never answered, so use this only
   * for listeners that only such proxies can reach. Default: no header is read.
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
  /** Where it is bound, with the port that was taken for port 0. */
  readonly address: Address
  /**
   * The descriptor, for a child's `stdio`: `["inherit", "inherit", "inherit", socket.fd]` makes it the child's descriptor 3.
   * -1 on Windows. `listen({ socket })` serves on it in this process.
   */
  readonly fd: number
  /** Connections that the system holds until the listening process accepts them. */
  readonly backlog: number
  /**
   * Closes it in this process, and removes the file of a unix socket unless another socket has replaced it. Processes that have
   * inherited it go on. Closing it again does nothing.
   */
  readonly close: () => void
  /** Gives the descriptor to a listener of this process. Throws where the socket is closed or was given before. */
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
