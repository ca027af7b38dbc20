/**
 * A listener in memory: tests servers with the bytes that they would see on a network, without one.
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
 * @since 0.1.0
 */
export * from "./Memory.js"

// For programs with Effect, whose types are in `tsgi/effect`.
/** @internal */
export { layer, MemoryListener } from "./MemoryService.js"
