/**
 * A connection's outgoing half: what waits to be given to the transport, in order, and how far the kernel has taken it.
 *
 * @since 0.1.0
 */
import { latin1 } from "../protocol/grammar.js"
import { join } from "../protocol/octets.js"
import type { Transport } from "./Transport.js"

/** With this much in the transport and not yet taken, no more is given to it. */
const highWater = 131_072
/** Larger arrays are given in slices, so that `handed` tells within one slice, over TLS two, how far a client came. */
export const slice = 65_536
/** Up to this length bytes become text, which leaves with the text around it in a write that allocates nothing. */
const mostText = 512
/** Up to this length bytes are copied behind the text before them; above it a gathered write is cheaper than the copy. */
const mostJoined = 8_192

/**
 * @since 0.1.0
 */
export class Outbox {
  /** Bytes ever added: the position of the next byte on the wire. */
  queued = 0
  private text = ""
  private readonly parts: Array<string | Uint8Array> = []
  private sliceStart = 0

  constructor(private readonly transport: Transport) {}

  /** Position up to which the kernel has taken everything. */
  get handed(): number {
    return this.transport.handed
  }

  /** Has everything that was added been handed to the kernel? */
  get empty(): boolean {
    return this.text === "" && this.parts.length === 0 && this.transport.pending === 0
  }

  /** Is there so much waiting that whoever makes more should stop? */
  get full(): boolean {
    return this.queued - this.transport.handed >= highWater
  }

  /** Bytes that were added and not yet given to the transport. */
  get waiting(): number {
    return this.queued - this.transport.handed - this.transport.pending
  }

  /** Adds latin-1 text. */
  addText(text: string): void {
    this.text += text
    this.queued += text.length
  }

  addBytes(bytes: Uint8Array): void {
    this.queued += bytes.length
    if (bytes.length <= mostText) {
      this.text += latin1(bytes, 0, bytes.length)
      return
    }
    if (bytes.length <= mostJoined) {
      this.parts.push(this.text === "" ? bytes : join([this.text, bytes]))
    } else {
      if (this.text !== "") this.parts.push(this.text)
      this.parts.push(bytes)
    }
    this.text = ""
  }

  /** Gives the transport as much as it should have; `true` when the kernel has taken everything. */
  flush(): boolean {
    const transport = this.transport
    if (this.parts.length === 0) {
      if (this.text !== "") {
        const text = this.text
        this.text = ""
        transport.write(text)
      }
      return transport.pending === 0
    }
    if (this.text !== "") {
      this.parts.push(this.text)
      this.text = ""
    }
    while (this.parts.length > 0 && transport.pending < highWater) {
      if (this.parts.length === 1) this.writeNext()
      else {
        transport.cork()
        while (this.parts.length > 0 && transport.pending < highWater) this.writeNext()
        transport.uncork()
      }
    }
    return this.parts.length === 0 && transport.pending === 0
  }

  private writeNext(): void {
    const part = this.parts[0]
    const end = this.sliceStart + slice
    if (typeof part === "string" || end >= part.length) {
      this.parts.shift()
      this.transport.write(typeof part === "string" || this.sliceStart === 0 ? part : part.subarray(this.sliceStart))
      this.sliceStart = 0
    } else {
      this.transport.write(part.subarray(this.sliceStart, end))
      this.sliceStart = end
    }
  }
}
