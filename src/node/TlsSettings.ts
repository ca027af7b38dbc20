/**
 * TLS settings that can be changed while servers use them.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import type * as Tls from "node:tls"
import { loadTls } from "./lazyTls.js"
import type { TlsCredentials, TlsOptions } from "./ListenOptions.js"
import { checkTicketKeys, checkTls } from "./tlsChecks.js"
import { tlsProblem } from "./tlsProblem.js"

/**
 * The TLS settings of one or more servers. `reload` and `setTicketKeys` change them for new connections.
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
   * The options for node:tls, with a fixed session id context. The default of node:tls depends on the command line, so processes
   * that share the keys would still refuse each other's sessions.
   */
  get effective(): TlsOptions {
    return { ...this.current, sessionIdContext: this.current.sessionIdContext ?? "tsgi" }
  }

  /**
   * Uses new certificates and keys for new connections; open ones keep theirs. If an option is invalid it throws, with an
   * `OptionError` for an unknown one, and changes nothing.
   */
  reload(options: TlsCredentials): void {
    checkTls(options, this.current)
    // `setSecureContext` drops options that are not given again, for instance `ca`
    const merged = { ...this.current, ...options }
    if (options.pfx !== undefined) {
      delete merged.cert
      delete merged.key
    } else if (options.cert !== undefined || options.key !== undefined) delete merged.pfx
    // for invalid options this throws before anything has changed
    try {
      loadTls().createSecureContext(merged)
    } catch (error) {
      throw tlsProblem(merged) ?? error
    }
    this.current = merged
    for (const server of this.servers) server.setSecureContext(this.effective)
  }

  /**
   * Encrypts and decrypts session tickets with these 48 bytes from now on, in all servers. A client with an older ticket
   * makes a full handshake. Throws an `OptionError` for other lengths.
   *
   * @since 0.2.0
   */
  setTicketKeys(keys: Uint8Array): void {
    checkTicketKeys(keys)
    const own = Buffer.from(keys)
    this.current = { ...this.current, ticketKeys: own }
    for (const server of this.servers) server.setTicketKeys(own)
  }

  /** Adds a server that `reload` and `setTicketKeys` change. Returns a function that removes it. */
  attach(server: Tls.Server): () => void {
    this.servers.add(server)
    return () => this.servers.delete(server)
  }
}
