/**
 * `node:tls`, loaded by the first who secures a listener: a server without it answers some milliseconds earlier.
 *
 * @since 0.1.0
 */
import { createRequire } from "node:module"
import type * as Net from "node:net"
import type * as Tls from "node:tls"

// A part of Node is found from any place. That of this module is not known in a bundle of another format.
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
