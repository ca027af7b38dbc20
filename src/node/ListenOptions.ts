/**
 * Where to listen, and what TLS is told.
 *
 * @since 0.1.0
 */
import type * as Tls from "node:tls"

/**
 * Where to listen: a TCP port, a unix socket's `path`, or an `fd` that is bound already.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions {
  /** TCP port; 0 takes a free one. Default 0. */
  readonly port?: number | undefined
  /**
   * Address or name to listen on. `0.0.0.0` is all IPv4 addresses of the machine, `::` all of both kinds, and `*` what there
   * is of them, as node:net does without a host. Default `127.0.0.1`.
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
   * Milliseconds of silence after which the system asks whether a TCP peer is still there (TCP keep-alive, SO_KEEPALIVE), so
   * that one whose machine or network is gone is noticed at last. From 1000, in whole seconds; `Infinity` never asks.
   * Default 60000.
   *
   * @since 0.2.0
   */
  readonly keepAliveInitialDelay?: number | undefined
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
