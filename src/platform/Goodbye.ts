/**
 * Closes a WebSocket when its server stops, once the messages of its peer are answered.
 *
 * @since 0.2.0
 */
import { WebSocket } from "ws"

/** Going away (RFC 6455, 7.4.1). */
const goingAway = 1001
const reason = "the server stops"

/**
 * Only the application knows which message answers which, so they are counted: one sent for each received. A message that is never
 * answered delays the close until the server's grace time is over.
 *
 * @since 0.2.0
 * @category models
 */
export class Goodbye {
  /** Was the close sent from here? */
  said = false
  private stopping: "no" | "reading" | "yes" = "no"
  private owed = 0

  constructor(private readonly socket: WebSocket) {
    socket.on("message", () => {
      if (this.stopping !== "yes") this.owed++
    })
    const send = socket.send.bind(socket)
    Reflect.set(socket, "send", (...given: Parameters<typeof send>) => {
      send(...given)
      if (this.owed > 0) this.owed--
      this.sayIfDone()
    })
  }

  /** Closes with 1001, once the messages that have come until now are answered. */
  say(): void {
    this.stopping = "reading"
    // messages that the kernel holds have come too
    setImmediate(() =>
      setImmediate(() => {
        this.stopping = "yes"
        this.sayIfDone()
      })
    )
  }

  /** Closes with 1001 at once: the handler is interrupted, so nothing more is answered. */
  leave(): void {
    this.socket.close(goingAway, reason)
  }

  /** Does a close with this code answer the one that was sent from here? */
  explains(code: number): boolean {
    return this.said && code === goingAway
  }

  private sayIfDone(): void {
    if (this.stopping !== "yes" || this.owed > 0 || this.said || this.socket.readyState !== WebSocket.OPEN) return
    this.said = true
    this.socket.close(goingAway, reason)
  }
}
