/**
 * A response body in parts. Small parts are gathered, the head leaves with the first one, and the producer is told to wait while
 * the client is slow. Parts that are made in the same tick leave in one write.
 *
 * @module
 * @since 0.1.0
 */
import type { FieldPairs, ResponseLength } from "../protocol/heads.js"
import { join, utf8, utf8Length } from "../protocol/octets.js"
import type { Exchange } from "./Exchange.js"
import type { ResponseError } from "./ServerError.js"

/**
 * Writes a body in parts, gathers small ones, and counts them against the declared length.
 *
 * @since 0.1.0
 * @category models
 */
export class ResponseWriter {
  private gathered: Array<string | Uint8Array> = []
  private gatheredBytes = 0
  private onlyText = true
  private given = 0
  private sent = 0
  private leaving = false

  /**
   * @param declared bytes of the body, as `start` returns
   * @param minimumChunkSize bytes that are gathered in one chunk; 0 or 1 makes a chunk of every part
   * @param soon calls back right after the code that runs now
   */
  constructor(
    private readonly exchange: Exchange,
    private readonly declared: ResponseLength,
    private readonly minimumChunkSize: number,
    private readonly soon: (callback: () => void) => void
  ) {}

  /** Bytes that were given so far, sent or gathered. */
  get bytesGiven(): number {
    return this.given
  }

  /** Whether the response has no body, whatever is given (RFC 9110, 9.3.2, 15.4.5). */
  get swallows(): boolean {
    return this.declared < 0
  }

  /** Whether parts are gathered that will be sent with later ones. */
  get hasGathered(): boolean {
    return this.gatheredBytes > 0
  }

  /** Gives a part; text is encoded as UTF-8. Returns `false` if the caller must wait for `ready` before the next one. */
  write(part: string | Uint8Array): boolean {
    if (part.length === 0) return true
    const isText = typeof part === "string"
    const length = isText ? utf8Length(part) : part.length
    this.given += length
    // the response has no body, so what the application writes is dropped (RFC 9110, 9.3.2, 15.4.5)
    if (this.declared < 0) return true
    if (isText && length === part.length && length < 16_384) this.gathered.push(part)
    else {
      this.gathered.push(isText ? utf8(part) : part)
      this.onlyText = false
    }
    this.gatheredBytes += length
    if (this.gatheredBytes >= this.minimumChunkSize || this.given >= this.declared) this.flush()
    return !this.congested
  }

  /** Sends the head before the first part, if it has not left. */
  sendHead(): void {
    this.exchange.sendHead()
    this.leave()
  }

  /** Sends the head and the gathered parts. */
  flush(): void {
    if (this.exchange.answerEnded) return this.drop()
    if (this.gatheredBytes === 0) return
    const excess = this.sent + this.gatheredBytes - this.declared
    if (this.onlyText && excess <= 0) {
      this.exchange.addPart(this.gathered.length === 1 ? String(this.gathered[0]) : this.gathered.join(""))
    } else {
      const whole = this.gathered.length === 1 && typeof this.gathered[0] !== "string"
        ? this.gathered[0]
        : join(this.gathered)
      this.exchange.addPart(excess > 0 ? whole.subarray(0, whole.length - excess) : whole)
    }
    this.sent += this.gatheredBytes
    this.drop()
    if (excess > 0) this.exchange.mismatch(this.declared, this.given)
    else this.leave()
  }

  private leave(): void {
    if (this.exchange.fullWrite) this.exchange.flush()
    else if (!this.leaving) {
      this.leaving = true
      this.soon(() => {
        this.leaving = false
        this.exchange.flush()
      })
    }
  }

  /** Whether the client takes too little, so that producers should wait. */
  get congested(): boolean {
    return !this.exchange.answerEnded && this.exchange.congested
  }

  /** Calls back once, when there is room again or the answer has ended. */
  ready(callback: () => void): void {
    this.exchange.flush()
    this.exchange.awaitRoom(callback)
  }

  /** Ends the body, as `finish` of the exchange does. Returns what is wrong with the trailers; then the body has not ended. */
  end(trailers?: FieldPairs): ResponseError | undefined {
    if (this.exchange.answerEnded) this.drop()
    else if (this.declared !== Infinity && this.declared >= 0 && this.given < this.declared) {
      // a gathered part that has not left could not be taken back
      this.drop()
      this.exchange.mismatch(this.declared, this.given)
    } else {
      this.flush()
      return this.exchange.finish(trailers)
    }
    return undefined
  }

  /** Forgets the gathered parts. The application has failed before they have left, so the client can still be answered. */
  drop(): void {
    this.gathered = []
    this.gatheredBytes = 0
    this.onlyText = true
  }
}
