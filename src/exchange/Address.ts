/**
 * The addresses of listeners and peers.
 *
 * @module
 * @since 0.1.0
 */

/**
 * The address of a server or a peer. The path of a unix socket is empty if it is unknown, as that of a peer is, and that of an
 * inherited listening socket on some systems. The host of a peer that has left before it was accepted is empty too.
 *
 * @since 0.1.0
 * @category models
 */
export type Address =
  | { readonly _tag: "Tcp"; readonly host: string; readonly port: number }
  | { readonly _tag: "Unix"; readonly path: string }

/**
 * An address as a URL's origin: `http://127.0.0.1:8090`, `https://[::1]:8443`, `http:/run/app.sock`; `http:unix` for an inherited
 * socket with an unknown path.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (address: Address, scheme: "http" | "https" = "http"): string =>
  address._tag === "Unix"
    ? `${scheme}:${address.path === "" ? "unix" : address.path}`
    : `${scheme}://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`

/**
 * An address as `tsgi serve --listen` takes it: as `format` has it, but `unix:/run/app.sock`, with TLS
 * `https+unix:/run/app.sock`; `unix:@name` for an abstract socket, whose null byte ss and systemd write so, `unix` for an
 * inherited socket with an unknown path.
 *
 * @since 0.2.0
 * @category conversions
 */
export const listenAddress = (address: Address, scheme: "http" | "https" = "http"): string => {
  if (address._tag === "Tcp") return format(address, scheme)
  const path = address.path === "" ? "" : `:${address.path.replace(/^\0/, "@")}`
  return `${scheme === "https" ? "https+" : ""}unix${path}`
}

/**
 * The name of a peer for the log: `127.0.0.1:49152`, or `unix`; `unknown` if it has left before it was accepted.
 *
 * @since 0.1.0
 * @category conversions
 */
export const peerName = (address: Address): string =>
  address._tag === "Unix" ? "unix" : address.host === "" ? "unknown" : format(address).slice("http://".length)

/**
 * The host of an address, for the log; `unix` for unix sockets.
 *
 * @since 0.2.0
 * @category accessors
 */
export const hostOf = (address: Address): string => address._tag === "Tcp" ? address.host : "unix"

/**
 * The port of an address; 0 if it is unknown, `undefined` for unix sockets.
 *
 * @since 0.2.0
 * @category accessors
 */
export const portOf = (address: Address): number | undefined => address._tag === "Tcp" ? address.port : undefined
