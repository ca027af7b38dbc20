/**
 * Closes a listening socket after the connections that have come are accepted, and notices when other code closes it.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { onHandleClosed } from "./internal.js"

/** A crowd that never ends must not keep a server from stopping: so many are accepted, then it is closed all the same. */
const mostAccepted = 4096

/**
 * Accepts the connections that wait in the socket's own queue, which closing it would reset: until none comes in a turn of the event
 * loop.
 *
 * @since 0.2.0
 * @category constructors
 */
export const acceptWaiting = (server: Net.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    let accepted = 0
    let came = true
    const count = (): void => {
      accepted++
      came = true
    }
    server.on("connection", count)
    const turn = (): void => {
      if (server.listening && came && accepted < mostAccepted) {
        came = false
        // between these two immediates, connections are accepted
        setImmediate(() => setImmediate(turn))
        return
      }
      server.off("connection", count)
      resume(Effect.void)
    }
    turn()
  })

/**
 * Calls back when the server is closed by its own method, or by its handle's, as a cluster's worker does. `close` events come only
 * after the last connection.
 *
 * @since 0.2.0
 * @category constructors
 */
export const onClosed = (server: Net.Server, told: () => void): void => {
  const close = server.close.bind(server)
  server.close = (callback) => {
    told()
    return close(callback)
  }
  onHandleClosed(server, told)
}
