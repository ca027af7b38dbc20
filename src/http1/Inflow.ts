/**
 * The incoming direction of the socket: the body that the application reads, whether more will arrive, and whether the socket is
 * paused because enough was read ahead.
 *
 * @since 0.2.0
 */
import type { BodyMessage, BodySource, ReceivedBody } from "../exchange/ReceivedBody.js"
import { failure } from "../protocol/failure.js"
import type { TimeSlice } from "../transport/TimeSlice.js"
import type { Transport } from "../transport/Transport.js"
import type { Deadlines } from "./Deadlines.js"
import type { Reader } from "./Reader.js"

/** The most bytes of further requests that are kept while one is being answered; with more, the socket is paused. */
const mostReadAhead = 65_536

/**
 * @since 0.2.0
 * @category models
 */
export class Inflow implements BodySource {
  private isPaused = false
  private isEnded = false
  private isGone = false
  // parts of a body that were taken from the reader before the application asked for them, and their bytes
  private ahead: Array<BodyMessage> | undefined = undefined
  private aheadBytes = 0

  /** @param reader has the bytes that were read and not yet used */
  constructor(
    private readonly reader: Pick<Reader, "buffered" | "next">,
    private readonly transport: Pick<Transport, "pause" | "resume">,
    private readonly deadlines: Deadlines,
    private readonly slice: TimeSlice
  ) {}

  get ended(): boolean {
    return this.isEnded
  }

  /** Whether the stream is closed in both directions. */
  get gone(): boolean {
    return this.isGone
  }

  get paused(): boolean {
    return this.isPaused
  }

  /** Bytes that have arrived and belong to no message yet. */
  get buffered(): number {
    return this.reader.buffered
  }

  /** Whether as much is buffered as may be read ahead. */
  get isFull(): boolean {
    return this.reader.buffered + this.aheadBytes >= mostReadAhead
  }

  /** Whether all bytes that have arrived were used. */
  get isEmpty(): boolean {
    return this.reader.buffered === 0 && this.ahead === undefined
  }

  // ---------------------------------------------------------------------------------------------------------------
  // for the request's body

  mayRead(body: ReceivedBody): boolean {
    return this.slice.mayRead(body)
  }

  nextMessage(): BodyMessage | undefined {
    const message = this.ahead === undefined ? this.read() : this.nextAhead(this.ahead)
    this.resumeUnlessFull()
    if (message?._tag === "BodyEnd") this.deadlines.requestCame()
    return message
  }

  bodyAwaited(body: ReceivedBody, awaited: boolean): void {
    if (this.isEnded) return
    if (awaited) {
      this.deadlines.awaitBody(body.bytes)
      this.resume()
    } else this.deadlines.bodyCame()
  }

  private read(): BodyMessage | undefined {
    const message = this.reader.next()
    // a fault of a replaced parser ends this connection, and nothing else
    return message?._tag === "RequestStart" ? noBodyEnd : message
  }

  private nextAhead(ahead: Array<BodyMessage>): BodyMessage | undefined {
    const message = ahead.shift()
    if (ahead.length === 0) this.ahead = undefined
    if (message?._tag === "BodyPiece" && this.aheadBytes > 0) this.aheadBytes -= message.bytes.length
    return message
  }

  /**
   * Reads what has arrived of a body ahead of the application. Once all of it has arrived, only what follows it counts as read
   * ahead.
   */
  readsToEnd(): boolean {
    const ahead = this.ahead ?? []
    let last = ahead.at(-1)
    while (last === undefined || last._tag === "BodyPiece") {
      const message = this.read()
      if (message === undefined) break
      ahead.push(last = message)
      if (last._tag === "BodyPiece") this.aheadBytes += last.bytes.length
    }
    if (last !== undefined) this.ahead = ahead
    const isWhole = last?._tag === "BodyEnd"
    if (isWhole) this.aheadBytes = 0
    this.resumeUnlessFull()
    return isWhole
  }

  // called when a part of a body was taken
  private resumeUnlessFull(): void {
    if (!this.isFull) this.resume()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the socket

  /** Called when the peer sends no more. */
  end(): void {
    this.isEnded = true
  }

  /** Called when the stream is gone. */
  lose(): void {
    this.isEnded = true
    this.isGone = true
  }

  /** Pauses the socket, or resumes it if it is paused. */
  toggle(): void {
    if (this.isPaused) this.resume()
    else if (!this.isGone) {
      this.isPaused = true
      this.transport.pause()
    }
  }

  resume(): void {
    if (!this.isPaused || this.isGone) return
    this.isPaused = false
    this.transport.resume()
  }
}

const noBodyEnd = failure(
  "MalformedChunkData",
  "the reader of the service RequestParser gave a request before the end of a body: give a BodyEnd first"
)
