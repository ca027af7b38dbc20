/**
 * The options of node:tls for a worker.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import type { Tls } from "./messages.js"

/**
 * @since 0.2.0
 * @category conversions
 */
export const tlsOptions = ({ ca, cert, client, key }: Tls, ticketKeys: Uint8Array) => ({
  cert,
  key,
  ticketKeys: Buffer.from(ticketKeys),
  ...(ca === undefined ? {} : { ca }),
  requestCert: client !== "none",
  rejectUnauthorized: client === "require"
})
