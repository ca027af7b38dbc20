/**
 * The incoming direction of the socket: whether it has ended, and whether it is paused because enough was read ahead.
 *
 * @since 0.2.0
 */
import type { BodyMessage } from "../exchange/ReceivedBody.js"
import { failure } from "../protocol/failure.js"
import type { Reader } from "./Reader.js"
import type { Transport } from "./Transport.js"

/** Bytes of further requests that are kept while one is being answered; with more the socket is paused. */
const mostReadAhead = 65_536

/**
 * @since 0.2.0
 * @category models
 */
export class Inflow {
  private isPaused = false
  private isEnded = false
  private isGone = false
  // parts of a body that were taken from the reader before the application asked for them, and their bytes
  private ahead: Array<BodyMessage> | undefined = undefined
  private aheadBytes = 0

  /** @param reader has the bytes that were read and not used yet */
  constructor(private readonly reader: Pick<Reader, "buffered" | "next">, private readonly transport: Transport) {}

  /** Will no byte come any more? */
  get ended(): boolean {
    return this.isEnded
  }

  /** Is the stream gone, both ways? */
  get gone(): boolean {
    return this.isGone
  }

  get paused(): boolean {
    return this.isPaused
  }

  /** Is as much buffered as may be read ahead? */
  get isFull(): boolean {
    return this.reader.buffered + this.aheadBytes >= mostReadAhead
  }

  /** Are all bytes used that have come? */
  get isEmpty(): boolean {
    return this.reader.buffered === 0 && this.ahead === undefined
  }

  /** The next message of a body. */
  next(): BodyMessage | undefined {
    return this.ahead === undefined ? this.read() : this.nextAhead(this.ahead)
  }

  private read(): BodyMessage | undefined {
    const message = this.reader.next()
    // a fault of a parser that was replaced ends this connection, and nothing else
    return message?._tag === "RequestStart" ? noBodyEnd : message
  }

  private nextAhead(ahead: Array<BodyMessage>): BodyMessage | undefined {
    const message = ahead.shift()
    if (ahead.length === 0) this.ahead = undefined
    if (message?._tag === "BodyPiece" && this.aheadBytes > 0) this.aheadBytes -= message.bytes.length
    return message
  }

  /** Reads what has come of a body ahead of the application. Once all of it has come, only what follows it counts as read ahead. */
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
    this.taken()
    return isWhole
  }

  /** A part of a body was taken: there may be room for more. */
  taken(): void {
    if (!this.isFull) this.resume()
  }

  /** The peer sends no more. */
  end(): void {
    this.isEnded = true
  }

  /** The stream is gone. */
  lose(): void {
    this.isEnded = true
    this.isGone = true
  }

  pause(): void {
    if (this.isGone) return
    this.isPaused = true
    this.transport.pause()
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
