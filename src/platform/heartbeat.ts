/**
 * Finds out whether the peer of a WebSocket is still there, because a peer that has lost its network looks like a silent one.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import { bytesTaken } from "../node/bytesTaken.js"

/**
 * Pings a peer that was silent for `idle` milliseconds, and cuts the connection when the peer stays silent for as long again. A
 * peer does not count as silent while it takes what was sent before the ping. Nor does it while it is not read, unless the reason
 * for that is that it takes nothing. Runs until it is interrupted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const watch = (socket: WebSocket, stream: Duplex, idle: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    let isHeard = false
    let ping: "No" | "Queued" | "Sent" = "No"
    let taken = bytesTaken(stream)
    stream.on("data", () => {
      isHeard = true
    })
    const send = (): void => {
      ping = "Queued"
      socket.ping(undefined, undefined, () => {
        if (ping === "Queued") ping = "Sent"
      })
    }
    const judge = (): void => {
      if (socket.readyState !== socket.OPEN) return
      const before = taken
      taken = bytesTaken(stream)
      const isStuck = stream.writableLength > 0 && taken === before
      // a peer that is not read cannot answer
      if (isHeard || (ping !== "No" && stream.isPaused() && !isStuck)) {
        isHeard = false
        ping = "No"
      } else if (ping === "No") send()
      else if (ping === "Sent" || isStuck) socket.terminate()
    }
    return Effect.sleep(idle).pipe(
      Effect.zipRight(reading),
      Effect.zipRight(Effect.sync(judge)),
      Effect.forever
    )
  })

// Bytes that arrived while the event loop was blocked were in time. After two immediates, all reads of a whole turn have ended,
// at whatever point of a turn this begins.
const reading = Effect.async<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})
