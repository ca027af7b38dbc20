/**
 * The server, as an HTTP/1 connection uses it.
 *
 * @since 0.2.0
 */
import type { EngineConfig } from "../exchange/Config.js"
import type { TransportHost } from "../transport/TransportHost.js"
import type { Http1Config } from "./Http1Config.js"
import type { Reader } from "./Reader.js"

/**
 * What an HTTP/1 connection needs of its server beyond what a session of any protocol needs.
 *
 * @since 0.2.0
 * @category models
 */
export interface Http1Host extends TransportHost {
  readonly config: EngineConfig & Http1Config
  readonly parser: { readonly make: () => Reader }
}
