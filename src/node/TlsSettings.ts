/**
 * TLS settings, and the servers that use them.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import type * as Tls from "node:tls"
import { loadTls } from "./lazyTls.js"
import type { TlsCredentials, TlsOptions } from "./ListenOptions.js"
import { checkTicketKeys, checkTls } from "./tlsChecks.js"

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

  /**
   * The options for node:tls. The session id context that it makes by default depends on the command line, so that processes would
   * refuse each other's sessions although they share the keys.
   */
  get effective(): TlsOptions {
    return { ...this.current, sessionIdContext: this.current.sessionIdContext ?? "tsgi" }
  }

  /** Takes new certificates and keys for connections from here on; those that are open keep theirs. */
  reload(options: TlsCredentials): void {
    checkTls(options, this.current)
    // `setSecureContext` forgets options that are not given again: the authorities of client certificates, for instance
    const merged = { ...this.current, ...options }
    if (options.pfx !== undefined) {
      delete merged.cert
      delete merged.key
    } else if (options.cert !== undefined || options.key !== undefined) delete merged.pfx
    // fails before anything has changed, if the options are invalid
    loadTls().createSecureContext(merged)
    this.current = merged
    for (const server of this.servers) server.setSecureContext(this.effective)
  }

  /**
   * Encrypts and decrypts session tickets with these 48 bytes from here on, in all servers. A client with a ticket of other keys makes
   * a full handshake.
   *
   * @since 0.2.0
   */
  setTicketKeys(keys: Uint8Array): void {
    checkTicketKeys(keys)
    const own = Buffer.from(keys)
    this.current = { ...this.current, ticketKeys: own }
    for (const server of this.servers) server.setTicketKeys(own)
  }

  /** For listeners: `reload` reaches this server until the function returned is called. */
  attach(server: Tls.Server): () => void {
    this.servers.add(server)
    return () => this.servers.delete(server)
  }
}
