/**
 * How a connection ends without destroying what the client has yet to read: it answers a refused request, sends FIN, and reads on
 * for a while (RFC 9112, 9.6).
 *
 * @since 0.2.0
 */
import type { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { RequestError } from "../exchange/ServerError.js"
import type { SendQueue } from "../transport/SendQueue.js"
import type { Transport } from "../transport/Transport.js"
import type { CloseReason } from "./CloseReason.js"
import type { Deadlines } from "./Deadlines.js"
import type { Http1End } from "./Http1End.js"
import type { Http1Host } from "./Http1Host.js"
import type { Inflow } from "./Inflow.js"
import { refusalHead } from "./refusals.js"

/** A refused request, and its answer: the positions on the wire, and the length of the body. */
interface Refusal {
  readonly error: RequestError
  readonly line: string
  readonly begin: number
  readonly end: number
  readonly body: number
  /** When its first bytes arrived. */
  readonly since: number | undefined
}

/**
 * @since 0.2.0
 * @category models
 */
export class Leaving {
  private refusal: Refusal | undefined = undefined
  private lingered = 0
  private until = Infinity
  private endSaid = false
  private isWhole = false

  constructor(
    private readonly host: Http1Host,
    private readonly peer: AcceptedPeer,
    private readonly transport: Transport,
    private readonly inflow: Inflow,
    private readonly queue: SendQueue,
    private readonly deadlines: Deadlines
  ) {}

  // ---------------------------------------------------------------------------------------------------------------
  // refused requests

  /** Answers a request that is refused, whose request line is `line`. */
  refuse(error: RequestError, line: string): void {
    const text = `${error.message}\n`
    const head = refusalHead(error.status, text.length, this.host)
    // RFC 9110, 9.3.2: to HEAD the head is the whole answer
    this.addRefusal(error, line, head, line.startsWith("HEAD ") ? "" : text)
  }

  /** Called when a request was lost because its client has left. There is no answer. */
  lose(error: RequestError, line: string): void {
    this.addRefusal(error, line, "", "")
  }

  private addRefusal(error: RequestError, line: string, head: string, body: string): void {
    const { deadlines: { headSince: since }, queue } = this
    const begin = queue.queued
    queue.addText(head + body)
    this.refusal = { error, line, begin, end: queue.queued, body: body.length, since }
  }

  /**
   * Records the refused request, if there is one, with how much of its answer the kernel has taken. Other answers may precede it.
   */
  recordRefused(): void {
    const { refusal } = this
    if (refusal === undefined) return
    this.refusal = undefined
    const { begin, body, end, error, line, since } = refusal
    const wireBytes = Math.max(0, Math.min(this.queue.handed, end) - begin)
    const bodyBytes = Math.max(0, wireBytes - (end - begin - body))
    this.host.refused(this.peer, { error, line, bodyBytes, wireBytes, since })
  }

  // ---------------------------------------------------------------------------------------------------------------
  // after the last answer

  /**
   * Called after the last answer, which need not have left. Closes the connection if that resets nothing; otherwise returns true,
   * and reads on for a while, because the client has yet to read its answer. With `isLast` the client has said that its request
   * is the last, and has sent all of it.
   */
  begin(end: Http1End, why: CloseReason, isLast: boolean): boolean {
    const { deadlines, inflow } = this
    if (inflow.gone || (isLast && this.needsNoLingering)) {
      end.close(why)
      return false
    }
    end.logReason(why)
    this.until = this.latest
    deadlines.requestEnded()
    this.await()
    inflow.resume()
    return true
  }

  // After its last request a client must not send more (RFC 9112, 9.6), so no unread byte can turn a close into a reset. TLS
  // sends its close_notify first.
  private get needsNoLingering(): boolean {
    const { inflow, queue, transport } = this
    return inflow.buffered === 0 && queue.empty && transport.tls === undefined
  }

  /** Waits for the client to read its answer and to close. */
  await(): void {
    const { config, time } = this.host
    if (!this.queue.empty) this.until = this.latest
    this.deadlines.await("Linger", Math.min(config.timeouts.linger, this.until - time.tick()))
  }

  private get latest(): number {
    const { config, time } = this.host
    return time.tick() + config.timeouts.lingerTotal
  }

  /** Drops bytes, because a client may only read its answer when it has sent everything. Returns `false` if it sends too much. */
  dropLingering(length: number): boolean {
    this.lingered += length
    if (this.lingered > this.host.config.limits.linger) return false
    this.await()
    return true
  }

  /**
   * Called when the kernel has taken the last answer. Returns true if the peer has nothing left to read, so that the connection
   * can close.
   */
  allSent(): boolean {
    this.recordRefused()
    this.sayEnd()
    return this.inflow.ended
  }

  /** Sends FIN, once, because nothing more will be sent. */
  sayEnd(): void {
    if (this.endSaid) return
    this.endSaid = true
    this.transport.end()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the end

  /** Called when the connection ends. `isWhole` says that no answer was begun that is not in the queue to its end. */
  end(isWhole: boolean): void {
    this.isWhole = isWhole
  }

  /** Closes the socket. Says the end before, unless an answer is cut short: the client could take that for complete. */
  close(): void {
    const { inflow, isWhole, queue, transport, until } = this
    // a refusal may still be in the socket, from which it leaves before the end does
    const isSent = until < Infinity ? queue.isGiven : queue.empty
    if (isWhole && isSent && !inflow.gone) this.sayEnd()
    transport.destroy()
  }
}
