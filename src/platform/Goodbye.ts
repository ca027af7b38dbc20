/**
 * Closes a WebSocket when its server stops, once the messages of its peer are answered.
 *
 * @since 0.2.0
 */
import { WebSocket } from "ws"
import { onSend } from "./internal.js"

/** Going away (RFC 6455, 7.4.1). */
const goingAway = 1001
const reason = "the server is stopping"

/**
 * Only the application knows which message answers which, so each sent message counts as the answer to one received message. A
 * message that is never answered delays the close until the server's grace time is over.
 *
 * @since 0.2.0
 * @category models
 */
export class Goodbye {
  private isSaid = false
  private stopping: "no" | "reading" | "yes" = "no"
  // messages that have arrived and are not yet answered
  private owed = 0

  constructor(private readonly socket: WebSocket) {
    socket.on("message", () => {
      if (this.stopping !== "yes") this.owed++
    })
    onSend(socket, () => {
      if (this.owed > 0) this.owed--
      this.closeIfAnswered()
    })
  }

  /** Closes with 1001 once the messages that have arrived so far are answered. */
  say(): void {
    this.stopping = "reading"
    // messages that the kernel holds have arrived too
    setImmediate(() =>
      setImmediate(() => {
        this.stopping = "yes"
        this.closeIfAnswered()
      })
    )
  }

  /** Closes with 1001 at once, because the handler is interrupted and answers nothing more. */
  closeNow(): void {
    this.socket.close(goingAway, reason)
  }

  /** Whether a close with this code answers the one that was sent here. */
  explains(code: number): boolean {
    return this.isSaid && code === goingAway
  }

  private closeIfAnswered(): void {
    if (this.stopping !== "yes" || this.owed > 0 || this.isSaid || this.socket.readyState !== WebSocket.OPEN) return
    this.isSaid = true
    this.socket.close(goingAway, reason)
  }
}
