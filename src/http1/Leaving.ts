/**
 * How a connection leaves without cutting off what the client has yet to read: a request that is refused, the rest of a body,
 * FIN, and a while of reading on (RFC 9112, 9.6).
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { Config } from "../exchange/Config.js"
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
  readonly config: Config
  readonly time: Clock
  readonly transport: Transport
  readonly inflow: Inflow
  readonly queue: SendQueue
  readonly deadlines: Deadlines
}

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
    const { config, deadlines, time } = this.of
    this.leftover = 0
    deadlines.await("Leftover", config.timeouts.leftoverBody, time.now())
  }

  /** A piece of it. Is it still short enough? */
  dropLeftover(length: number): boolean {
    this.leftover += length
    return this.leftover <= this.of.config.limits.leftoverBody
  }

  /** Reads on for a while: to close at once would reset the connection under what the client has not read. */
  beginLingering(): void {
    const { config, deadlines, inflow, time } = this.of
    const now = time.now()
    this.until = now + config.timeouts.lingerTotal
    deadlines.exchangeOver()
    this.await(now)
    inflow.resume()
  }

  /** Waits on for the client to read and to say its end. */
  await(now: number): void {
    const { config, deadlines, queue } = this.of
    if (!queue.empty) this.until = now + config.timeouts.lingerTotal
    deadlines.await("Linger", Math.min(config.timeouts.linger, this.until - now), now)
  }

  /** A client that is still sending may read its answer only when it has sent everything. Is it not too much? */
  dropLingering(length: number): boolean {
    this.lingered += length
    if (this.lingered > this.of.config.limits.linger) return false
    this.await(this.of.time.now())
    return true
  }

  /** Says, once, that no more will be sent. */
  sayEnd(): void {
    if (this.endSaid) return
    this.endSaid = true
    this.of.transport.end()
  }
}
