/**
 * How a connection leaves without cutting off what the client has yet to read: a request that is refused, the rest of a body,
 * FIN, and a while of reading on (RFC 9112, 9.6).
 *
 * @since 0.2.0
 */
import type { Peer } from "../exchange/Peer.js"
import type { BodySource } from "../exchange/RequestBody.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { Refused } from "../exchange/Session.js"
import type { Deadlines } from "./Deadlines.js"
import type { Inflow } from "./Inflow.js"
import type { SendQueue } from "./SendQueue.js"
import type { Transport } from "./Transport.js"

/** Where the answer to a refused request is on the wire, and how long the body of it is. */
interface Refusal {
  readonly error: RequestError
  readonly line: string
  readonly begin: number
  readonly end: number
  readonly body: number
}

/**
 * What a connection leaves with.
 *
 * @since 0.2.0
 * @category models
 */
export interface Parting {
  readonly peer: Peer
  readonly transport: Transport
  readonly inflow: Inflow
  readonly queue: SendQueue
  readonly deadlines: Deadlines
}

/**
 * What has become of the rest of a body: it is read to its end, more of it is awaited, or it cannot be: it is too long, malformed
 * or will not come.
 *
 * @since 0.2.0
 * @category models
 */
export type Leftover = "Dropped" | "Awaited" | "Kept"

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

  constructor(private readonly of: Parting) {}

  /** A request is refused with this answer. */
  refuse(error: RequestError, line: string, head: string, body: string): void {
    const { queue } = this.of
    const begin = queue.queued
    queue.addText(head + body)
    this.refusal = { error, line, begin, end: queue.queued, body: body.length }
  }

  /** A request that was refused, once: when it is known what the client got of the answer, before which others may stand. */
  takeRefused(since: number | undefined): Refused | undefined {
    const { refusal } = this
    if (refusal === undefined) return undefined
    this.refusal = undefined
    const { begin, body, end, error, line } = refusal
    const wireBytes = Math.max(0, Math.min(this.of.queue.handed, end) - begin)
    return { error, line, bodyBytes: Math.max(0, wireBytes - (end - begin - body)), wireBytes, since }
  }

  /** The rest of a body stands between a request and the next: it is dropped. */
  beginLeftover(): void {
    const { deadlines, peer } = this.of
    const { config, time } = peer.engine
    this.leftover = 0
    deadlines.await("Leftover", config.timeouts.leftoverBody, time.now())
  }

  /** Drops what has come of it. */
  dropLeftover(source: BodySource): Leftover {
    const { config, log } = this.of.peer.engine
    for (;;) {
      const message = source.nextMessage()
      if (message === undefined) return source.inputEnded ? "Kept" : "Awaited"
      if (message._tag === "BodyEnd") return "Dropped"
      if (message._tag !== "BodyPiece") {
        const reason = message._tag === "Failure" ? message.message : "another request"
        log("Info", `the rest of a body is malformed (${this.of.peer.name}) ${reason}`)
        return "Kept"
      }
      this.leftover += message.bytes.length
      if (this.leftover > config.limits.leftoverBody) return "Kept"
    }
  }

  /** Reads on for a while: to close at once would reset the connection under what the client has not read. */
  beginLingering(): void {
    const { deadlines, inflow, peer } = this.of
    const { config, time } = peer.engine
    const now = time.now()
    this.until = now + config.timeouts.lingerTotal
    deadlines.exchangeOver()
    this.await(now)
    inflow.resume()
  }

  /** Waits on for the client to read and to say its end. */
  await(now: number): void {
    const { deadlines, peer, queue } = this.of
    const { config } = peer.engine
    if (!queue.empty) this.until = now + config.timeouts.lingerTotal
    deadlines.await("Linger", Math.min(config.timeouts.linger, this.until - now), now)
  }

  /** A client that is still sending may read its answer only when it has sent everything. Is it not too much? */
  dropLingering(length: number): boolean {
    const { config, time } = this.of.peer.engine
    this.lingered += length
    if (this.lingered > config.limits.linger) return false
    this.await(time.tick())
    return true
  }

  /** The connection ends. Does that cut nothing short? Otherwise the client must not take it for the end of an answer. */
  end(cutsNothing: boolean): void {
    this.cutsNothing = cutsNothing
  }

  /** Closes the socket. */
  close(): void {
    const { inflow, transport } = this.of
    if (this.cutsNothing && !inflow.gone) transport.end()
    transport.destroy()
  }

  /** Says, once, that no more will be sent. */
  sayEnd(): void {
    if (this.endSaid) return
    this.endSaid = true
    this.of.transport.end()
  }
}
