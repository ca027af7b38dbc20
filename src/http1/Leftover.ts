/**
 * The rest of a request's body, which the application did not read. It precedes the next request, so it is dropped.
 *
 * @since 0.2.0
 */
import type { LeftoverFault } from "./CloseReason.js"
import type { Deadlines } from "./Deadlines.js"
import type { Http1Host } from "./Http1Host.js"
import type { Inflow } from "./Inflow.js"

/**
 * The rest was dropped to its end, more of it is awaited, or it cannot be dropped, for this reason.
 *
 * @since 0.2.0
 * @category models
 */
export type Drop = "Dropped" | "Awaited" | LeftoverFault

/**
 * @since 0.2.0
 * @category models
 */
export class Leftover {
  private dropped = 0

  constructor(
    private readonly host: Http1Host,
    private readonly inflow: Inflow,
    private readonly deadlines: Deadlines
  ) {}

  /** Begins to drop the rest. */
  begin(): void {
    this.dropped = 0
    this.deadlines.await("Leftover", this.host.config.timeouts.leftoverBody)
  }

  /** Drops what has arrived of the rest. `peer` names the client in the log. */
  drop(peer: string): Drop {
    const { inflow } = this
    const { config, log } = this.host
    for (;;) {
      const message = inflow.nextMessage()
      if (message === undefined) {
        if (inflow.ended) return "the rest of the body will not come"
        inflow.resume()
        return "Awaited"
      }
      if (message._tag === "BodyEnd") return "Dropped"
      if (message._tag !== "BodyPiece") {
        log("Info", `the rest of a body is malformed (${peer}): ${message.message}`)
        return "the rest of the body is malformed"
      }
      this.dropped += message.bytes.length
      if (this.dropped > config.limits.leftoverBody) return "the rest of the body is too long"
    }
  }
}
