/**
 * Accepts the waiting connections before a listening socket closes, and notices when other code closes it.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { onHandleClosed } from "./internal.js"

/** The most connections that are accepted, so that an endless crowd cannot keep the server from stopping. */
const mostAccepted = 4096

/**
 * Accepts the connections in the system's queue until a turn of the event loop brings none. The system would reset them when the
 * socket closes.
 *
 * @since 0.2.0
 * @category constructors
 */
export const acceptWaiting = (server: Net.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    let accepted = 0
    let hasAccepted = true
    const count = (): void => {
      accepted++
      hasAccepted = true
    }
    server.on("connection", count)
    const turn = (): void => {
      if (server.listening && hasAccepted && accepted < mostAccepted) {
        hasAccepted = false
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
 * Calls back when the server is closed, by its own method or, as in a cluster's worker, by that of its handle. The event `close`
 * is only emitted after the last connection.
 *
 * @since 0.2.0
 * @category constructors
 */
export const onClosed = (server: Net.Server, callback: () => void): void => {
  const close = server.close.bind(server)
  server.close = (closed) => {
    callback()
    return close(closed)
  }
  onHandleClosed(server, callback)
}
