/**
 * Whether more is to come from the socket: whether it has ended, and when it is to wait because enough was read ahead.
 *
 * @since 0.2.0
 */
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

  /** @param reader holds what was read and not yet used */
  constructor(private readonly reader: Pick<Reader, "buffered">, private readonly transport: Transport) {}

  /** Will no byte come any more? */
  get ended(): boolean {
    return this.isEnded
  }

  /** Is the stream gone, both ways? */
  get gone(): boolean {
    return this.isGone
  }

  /** Does the socket wait? */
  get paused(): boolean {
    return this.isPaused
  }

  /** Is as much there as is read ahead? */
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

  /** Makes the socket wait. */
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
