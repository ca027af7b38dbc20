/**
 * The protocol that an accepted transport speaks. No other file of the server's makes a session.
 *
 * @since 0.2.0
 */
import type { AddressShare } from "../exchange/AddressShares.js"
import type { Session } from "../exchange/Session.js"
import type { Http1Host } from "../http1/Http1Host.js"
import { Http1Session } from "../http1/Http1Session.js"
import type { Transport } from "../transport/Transport.js"

/**
 * The server, as the sessions of any of its protocols use it.
 *
 * @since 0.2.0
 * @category models
 */
export type Host = Http1Host

/**
 * The session of an accepted transport, which is the server's `id`th.
 *
 * @since 0.2.0
 * @category constructors
 */
export const sessionFor = (id: number, transport: Transport, host: Host, share: AddressShare | undefined): Session =>
  new Http1Session(id, transport, host, share)
