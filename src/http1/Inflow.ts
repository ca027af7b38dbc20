/**
 * The incoming direction of the socket: whether it has ended, and whether it is paused because enough was read ahead.
 *
 * @since 0.2.0
 */
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

  /** @param reader has the bytes that were read and not used yet */
  constructor(private readonly reader: Pick<Reader, "buffered">, private readonly transport: Transport) {}

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

  /** Is as much buffered as is read ahead? */
  get isFull(): boolean {
    return this.reader.buffered >= mostReadAhead
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
