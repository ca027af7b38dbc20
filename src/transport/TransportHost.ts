/**
 * The server, as a session on a transport uses it, whatever protocol that speaks.
 *
 * @since 0.2.0
 */
import type { SessionHost } from "../exchange/Session.js"
import type { SendBudget } from "./SendBudget.js"
import type { TickBatch } from "./TickBatch.js"

/**
 * What a session needs of its server: what every session needs, and what the connections of a server share in a tick.
 *
 * @since 0.2.0
 * @category models
 */
export interface TransportHost extends SessionHost {
  readonly batch: TickBatch
  readonly sendBudget: SendBudget
}
