/**
 * How a connection ends without destroying what the client has yet to read: it answers a refused request, drops the rest of a body,
 * sends FIN, and reads on for a while (RFC 9112, 9.6).
 *
 * @since 0.2.0
 */
import type { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { BodySource } from "../exchange/ReceivedBody.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { Refused } from "../exchange/Session.js"
import type { Closing } from "./Closing.js"
import type { Deadlines } from "./Deadlines.js"
import type { Inflow } from "./Inflow.js"
import type { SendQueue } from "./SendQueue.js"
import type { Transport } from "./Transport.js"

/** A refused request, and its answer: the positions on the wire, and the length of the body. */
interface Refusal {
  readonly error: RequestError
  readonly line: string
  readonly begin: number
  readonly end: number
  readonly body: number
}

/**
 * The parts of a connection that this needs.
 *
 * @since 0.2.0
 * @category models
 */
export interface ConnectionParts {
  readonly peer: AcceptedPeer
  readonly transport: Transport
  readonly inflow: Inflow
  readonly queue: SendQueue
  readonly deadlines: Deadlines
}

/**
 * The rest of a body: it was dropped to its end, more of it is awaited, or it cannot be dropped, because it is too long, malformed
 * or will not come.
 *
 * @since 0.2.0
 * @category models
 */
export type Leftover = "Dropped" | "Awaited" | "GivenUp"

/**
 * @since 0.2.0
 * @category models
 */
export class Leaving {
  private refusal: Refusal | undefined = undefined
  private leftover = 0
  private lingered = 0
  private until = Infinity
  private endSaid = false
  private cutsNothing = false
  private told = false

  constructor(private readonly of: ConnectionParts) {}

  /** Tells the debug log why the connection ends. The first reason stays. */
  tell(why: Closing): void {
    if (this.told) return
    this.told = true
    const { peer } = this.of
    peer.engine.log("Debug", () => `closing (${peer.name}): ${why}`)
  }

  /** A request is refused with this answer. */
  refuse(error: RequestError, line: string, head: string, body: string): void {
    const { queue } = this.of
    const begin = queue.queued
    queue.addText(head + body)
    this.refusal = { error, line, begin, end: queue.queued, body: body.length }
  }

  /** Takes the refused request, with how much of its answer the kernel has taken. Other answers may precede it. */
  takeRefused(since: number | undefined): Refused | undefined {
    const { refusal } = this
    if (refusal === undefined) return undefined
    this.refusal = undefined
    const { begin, body, end, error, line } = refusal
    const wireBytes = Math.max(0, Math.min(this.of.queue.handed, end) - begin)
    return { error, line, bodyBytes: Math.max(0, wireBytes - (end - begin - body)), wireBytes, since }
  }

  /** Begins to drop the rest of a body, which precedes the next request. */
  beginLeftover(): void {
    const { deadlines, peer } = this.of
    this.leftover = 0
    deadlines.await("Leftover", peer.engine.config.timeouts.leftoverBody)
  }

  /** Drops the bytes of the rest that have come. */
  dropLeftover(source: BodySource): Leftover {
    const { config, log } = this.of.peer.engine
    for (;;) {
      const message = source.nextMessage()
      if (message === undefined) return source.inputEnded ? "GivenUp" : "Awaited"
      if (message._tag === "BodyEnd") return "Dropped"
      if (message._tag !== "BodyPiece") {
        log("Info", `the rest of a body is malformed (${this.of.peer.name}): ${message.message}`)
        return "GivenUp"
      }
      this.leftover += message.bytes.length
      if (this.leftover > config.limits.leftoverBody) return "GivenUp"
    }
  }

  /** Reads on for a while: to close at once would reset the connection before the client has read its answer. */
  beginLingering(): void {
    const { deadlines, inflow } = this.of
    this.until = this.latest
    deadlines.exchangeOver()
    this.await()
    inflow.resume()
  }

  /** Waits for the client to read its answer and to close. */
  await(): void {
    const { deadlines, peer, queue } = this.of
    const { config, time } = peer.engine
    if (!queue.empty) this.until = this.latest
    deadlines.await("Linger", Math.min(config.timeouts.linger, this.until - time.tick()))
  }

  private get latest(): number {
    const { config, time } = this.of.peer.engine
    return time.tick() + config.timeouts.lingerTotal
  }

  /** Drops bytes: a client may read its answer only when it has sent everything. Returns `false` when it sends too much. */
  dropLingering(length: number): boolean {
    this.lingered += length
    if (this.lingered > this.of.peer.engine.config.limits.linger) return false
    this.await()
    return true
  }

  /** The connection ends. `cutsNothing` says that no answer is cut short, which the client could take for complete. */
  end(cutsNothing: boolean): void {
    this.cutsNothing = cutsNothing
  }

  /** Closes the socket. */
  close(): void {
    const { inflow, transport } = this.of
    if (this.cutsNothing && !inflow.gone) transport.end()
    transport.destroy()
  }

  /** Sends FIN, once: no more will be sent. */
  sayEnd(): void {
    if (this.endSaid) return
    this.endSaid = true
    this.of.transport.end()
  }
}
