/**
 * Loads node:tls with the first secured listener, so that a server without TLS does not load it.
 *
 * @since 0.1.0
 */
import { createRequire } from "node:module"
import type * as Net from "node:net"
import type * as Tls from "node:tls"

// A `node:` module resolves from any file; in a CommonJS bundle this module has no `import.meta.url`.
const require = createRequire(process.execPath)

/**
 * node:tls, loaded on the first call.
 *
 * @since 0.1.0
 * @category accessors
 */
export const loadTls = (): typeof Tls => require("node:tls") as typeof Tls

/**
 * Whether a socket is a TLS socket.
 *
 * @since 0.1.0
 * @category guards
 */
export const isSecured = (socket: Net.Socket): socket is Tls.TLSSocket =>
  "encrypted" in socket && socket.encrypted === true
