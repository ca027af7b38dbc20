/**
 * Whether the peer of a WebSocket is still there: one that left without a word (a phone without a net, a cable that was
 * pulled) looks like one that has nothing to say.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import { takenOf } from "../node/takenOf.js"

/**
 * Pings a peer that was silent for so many milliseconds, and cuts it off when it stays silent for as long again. It is not
 * silent while it takes what stands before the ping, nor while nobody reads it, unless that is because it takes nothing. Runs
 * until it is interrupted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const watch = (socket: WebSocket, stream: Duplex, idle: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    let heard = false
    let asked: "No" | "Queued" | "Sent" = "No"
    let taken = takenOf(stream)
    stream.on("data", () => {
      heard = true
    })
    const ask = (): void => {
      asked = "Queued"
      socket.ping(undefined, undefined, () => {
        if (asked === "Queued") asked = "Sent"
      })
    }
    const judge = (): void => {
      if (socket.readyState !== socket.OPEN) return
      const before = taken
      taken = takenOf(stream)
      const stuck = stream.writableLength > 0 && taken === before
      // who is not read cannot answer
      if (heard || (asked !== "No" && stream.isPaused() && !stuck)) {
        heard = false
        asked = "No"
      } else if (asked === "No") ask()
      else if (asked === "Sent" || stuck) socket.terminate()
    }
    return Effect.sleep(idle).pipe(
      Effect.zipRight(reading),
      Effect.zipRight(Effect.sync(judge)),
      Effect.forever
    )
  })

// What came while the event loop was held up came in time. Wherever in a turn of it this begins, all of the next one's
// reads are over at the second immediate.
const reading = Effect.async<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})
