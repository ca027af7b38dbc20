/**
 * For tests of servers and applications: a raw wire client, and a listener in memory.
 *
 * @since 0.1.0
 */
export * as MemoryListener from "./MemoryListener.js"
export type { MemoryOptions } from "./MemoryTransport.js"
export { type Channel, WireClient, WireEnded, type WireHead, type WireResponse } from "./WireClient.js"
