/**
 * The outgoing half of a connection: it gives text and bytes to the transport, in order, and counts what the kernel has taken.
 *
 * @since 0.1.0
 */
import { latin1 } from "../protocol/grammar.js"
import { join } from "../protocol/octets.js"
import type { SendBudget, Sender } from "./SendBudget.js"
import type { Transport } from "./Transport.js"

/** The number of bytes in the transport, not taken by the kernel, from which on no more is given to it. */
const highWater = 131_072
/**
 * The least and the most bytes of a write. It has as many as the kernel has taken since it last left some. With a slow client
 * writes are small, because they are counted and timed when they are taken: `handed` is exact to one write, over TLS to two.
 */
const leastPortion = 65_536
const mostPortion = 262_144
/** Bytes up to this length become text, which leaves together with the text around it. */
const mostText = 512
/** Bytes up to this length are copied after the text before them; longer ones leave beside it in a gathered write. */
const mostJoined = 8_192

/**
 * @since 0.1.0
 */
export class SendQueue {
  /** Bytes ever added: the position of the next byte on the wire. */
  queued = 0
  private text = ""
  private readonly parts: Array<string | Uint8Array> = []
  private partStart = 0
  // the bytes that the kernel has taken at once since it last left some
  private run = 0
  private throttled = false
  private isLast = false

  constructor(
    private readonly transport: Transport,
    private readonly budget: Pick<SendBudget, "isSpent" | "spend" | "await">,
    private readonly sender: Sender
  ) {}

  /** The position up to which the kernel has taken everything. */
  get handed(): number {
    return this.transport.handed
  }

  /** Whether the transport was given everything that was added. */
  get isGiven(): boolean {
    return this.text === "" && this.parts.length === 0
  }

  /** Whether the kernel has taken everything that was added. */
  get empty(): boolean {
    return this.isGiven && this.transport.pending === 0
  }

  /** Whether it waits for a tick in which it may send on. */
  get isThrottled(): boolean {
    return this.throttled
  }

  /** Whether the peer takes too little, so that producers should wait. */
  get congested(): boolean {
    return this.queued - this.transport.handed >= Math.max(highWater, this.portion)
  }

  /** Whether enough was added for a full write, so that a flush need not wait for more. */
  get fullWrite(): boolean {
    return this.waiting >= this.portion
  }

  /** Bytes that were added and not yet given to the transport. */
  private get waiting(): number {
    return this.queued - this.transport.handed - this.transport.pending
  }

  private get portion(): number {
    return Math.max(leastPortion, Math.min(mostPortion, this.run))
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

  /** Called when the tick has come in which it may send on. */
  unthrottle(): void {
    this.throttled = false
  }

  /** Gives the transport as much as it can take, whatever the budget is, because there will be no later flush. */
  flushLast(): void {
    this.isLast = true
    this.throttled = false
    this.flush()
  }

  /** Gives the transport as much as it should have. Returns `true` if the kernel has taken everything. */
  flush(): boolean {
    const transport = this.transport
    if (this.parts.length === 0) {
      if (this.text !== "") {
        const text = this.text
        this.text = ""
        transport.write(text)
        if (transport.pending > 0) this.run = 0
      }
      return transport.pending === 0
    }
    if (this.text !== "") {
      this.parts.push(this.text)
      this.text = ""
    }
    while (this.parts.length > 0 && transport.pending < highWater && !this.mustWait) this.writePortion()
    return this.parts.length === 0 && transport.pending === 0
  }

  // Bytes that fit into a portion may always leave, and so may the first portion of a longer answer.
  private get mustWait(): boolean {
    if (!this.throttled && this.run > 0 && this.budget.isSpent && this.waiting >= leastPortion && !this.isLast) {
      this.throttled = true
      this.budget.await(this.sender)
    }
    return this.throttled
  }

  private writePortion(): void {
    const { parts, portion, transport } = this
    let left = portion
    const [first] = parts
    const alone = parts.length === 1 || (typeof first !== "string" && first.length - this.partStart > portion)
    if (!alone) transport.cork()
    // text is not counted, because it is mostly heads and chunk sizes, and leaves with the bytes beside it
    while (parts.length > 0 && (left > 0 || typeof parts[0] === "string")) left -= this.writeNext(left)
    if (!alone) transport.uncork()
    this.budget.spend(portion - left)
    this.run = transport.pending === 0 ? this.run + portion - left : 0
  }

  // Writes the next part, or as many of its bytes as are allowed. Returns how many bytes were written.
  private writeNext(most: number): number {
    const part = this.parts[0]
    const start = this.partStart
    const end = start + most
    if (typeof part === "string" || end >= part.length) {
      this.parts.shift()
      this.partStart = 0
      this.transport.write(typeof part === "string" || start === 0 ? part : part.subarray(start))
      return typeof part === "string" ? 0 : part.length - start
    }
    this.partStart = end
    this.transport.write(part.subarray(start, end))
    return most
  }
}
