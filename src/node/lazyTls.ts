/**
 * `node:tls`, loaded when the first listener is secured: a server without TLS starts some milliseconds earlier.
 *
 * @since 0.1.0
 */
import { createRequire } from "node:module"
import type * as Net from "node:net"
import type * as Tls from "node:tls"

// `node:` modules resolve from any file name. The name of this module is unknown in a bundle of another format.
const require = createRequire(process.execPath)

/**
 * @since 0.1.0
 */
export const loadTls = (): typeof Tls => require("node:tls") as typeof Tls

/**
 * @since 0.1.0
 * @category guards
 */
export const isSecured = (socket: Net.Socket): socket is Tls.TLSSocket =>
  "encrypted" in socket && socket.encrypted === true
