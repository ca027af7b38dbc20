/**
 * A connection's incoming half: what was read and not yet used, and when the socket is to wait with more.
 *
 * @since 0.2.0
 */
import type { RequestMessage } from "../protocol/requestReader.js"
import type { Reader } from "./Reader.js"
import type { Transport } from "./Transport.js"

/** Bytes of further requests that are kept while one is being answered; more makes the socket wait. */
const mostReadAhead = 65_536

/**
 * @since 0.2.0
 * @category models
 */
export class Inflow {
  private isPaused = false
  private isEnded = false
  private isGone = false

  constructor(private readonly reader: Reader, private readonly transport: Transport) {}

  /** Will no byte come any more? */
  get ended(): boolean {
    return this.isEnded
  }

  /** Is the stream gone, both ways? */
  get gone(): boolean {
    return this.isGone
  }

  /** Bytes read and not yet used. */
  get buffered(): number {
    return this.reader.buffered
  }

  /** Has the next head begun? */
  get inHead(): boolean {
    return this.reader.inHead
  }

  get requestLine(): string {
    return this.reader.requestLine
  }

  receive(bytes: Uint8Array): void {
    this.reader.receive(bytes)
  }

  /** The next message; `undefined` when more bytes are needed. */
  next(): RequestMessage | undefined {
    return this.reader.next()
  }

  /** The next message of a body, for which the socket need no longer wait. */
  nextOfBody(): RequestMessage | undefined {
    const message = this.reader.next()
    if (this.isPaused && this.reader.buffered < mostReadAhead) this.resume()
    return message
  }

  expectAnotherBody(): void {
    this.reader.expectAnotherBody()
  }

  /** What was read and not used, for whoever takes the connection over. */
  takeRest(): Uint8Array {
    return this.reader.takeRest()
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

  /** Makes the socket wait, where enough was read ahead. */
  limit(): void {
    if (this.isPaused || this.isGone || this.reader.buffered < mostReadAhead) return
    this.isPaused = true
    this.transport.pause()
  }

  resume(): void {
    if (!this.isPaused || this.isGone) return
    this.isPaused = false
    this.transport.resume()
  }
}
