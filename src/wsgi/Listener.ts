/**
 * Listeners of the plain door: values that say where to listen.
 *
 * @since 0.1.0
 */
import type { TlsCredentials } from "../node/ListenOptions.js"

/**
 * Where to listen. This is a value, which is bound when it is served, and can be served again after its server has stopped.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listener {
  readonly _tag: "Listener"
}

/**
 * A listener with TLS.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsListener extends Listener {
  /**
   * Takes a new certificate and key for connections from now on, without a restart. For invalid ones it throws an `OptionError`
   * or the error of node:tls, and keeps the old ones.
   */
  readonly reload: (options: TlsCredentials) => void
  /**
   * Encrypts and decrypts session tickets with these 48 bytes from now on. Servers that share them, in several processes or on
   * several machines, resume each other's sessions. Change them now and then, because stolen keys decrypt the sessions that were
   * made with them. Throws an `OptionError` for anything but 48 bytes.
   *
   * @since 0.2.0
   */
  readonly setTicketKeys: (keys: Uint8Array) => void
}
