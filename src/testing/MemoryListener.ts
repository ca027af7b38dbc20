/**
 * A listener in memory, for tests of servers with the bytes of a network but without the network.
 *
 * ```ts
 * import { server } from "tsgi"
 * import { MemoryListener } from "tsgi/testing"
 *
 * const memory = MemoryListener.make()
 * const running = server(memory.listener, (env, startResponse) => {
 *   startResponse("200 OK", [])
 *   return env.PATH_INFO
 * })
 * const client = memory.connect()
 * client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
 * const response = await client.response()
 * await running.stop()
 * ```
 *
 * @module
 * @since 0.1.0
 */
export * from "./Memory.js"

// These are for programs with Effect; their types are in `tsgi/effect`.
/** @internal */
export { layer, MemoryListener } from "./MemoryService.js"
