/**
 * For tests of servers and applications: a request without a port, a raw wire client, and a listener in memory. It has no Effect
 * in it.
 *
 * @module tsgi/testing
 * @since 0.1.0
 */
/// <reference types="node" preserve="true" />
export * as MemoryListener from "./testing/MemoryListener.js"
export type { MemoryOptions } from "./testing/MemoryTransport.js"
export { type Channel, WireClient, WireEnded, type WireHead, type WireResponse } from "./testing/WireClient.js"
export { type InterimResponse, request, type TestRequestInit, type TestResponse } from "./wsgi/request.js"
