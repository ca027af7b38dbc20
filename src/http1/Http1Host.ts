/**
 * The server, as an HTTP/1 connection uses it.
 *
 * @since 0.2.0
 */
import type { EngineConfig } from "../exchange/Config.js"
import type { SessionHost } from "../exchange/Session.js"
import type { Http1Config } from "./Http1Config.js"
import type { Reader } from "./Reader.js"
import type { SendBudget } from "./SendBudget.js"
import type { TickBatch } from "./TickBatch.js"

/**
 * What an HTTP/1 connection needs of its server beyond what any session needs.
 *
 * @since 0.2.0
 * @category models
 */
export interface Http1Host extends SessionHost {
  readonly config: EngineConfig & Http1Config
  readonly batch: TickBatch
  readonly sendBudget: SendBudget
  readonly parser: { readonly make: () => Reader }
}
