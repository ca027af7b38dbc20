/**
 * A connection's outgoing half: what waits to be given to the transport, in order, and how far the kernel has taken it.
 *
 * @since 0.1.0
 */
import { latin1 } from "../protocol/grammar.js"
import { join } from "../protocol/octets.js"
import type { SendBudget, Sender } from "./SendBudget.js"
import type { Transport } from "./Transport.js"

/** With this much in the transport and not yet taken, no more is given to it. */
const highWater = 131_072
/**
 * The transport is given so much in a write: as much as the kernel has taken since it last left some, between these two.
 * Large writes are a fifth less work for it; where a client is slow, small ones are counted, and timed, as they are taken. So
 * `handed` tells within a write, over TLS within two, how far a client came.
 */
const leastPortion = 65_536
const mostPortion = 262_144
/** Up to this length bytes become text, which leaves with the text around it in a write that allocates nothing. */
const mostText = 512
/** Up to this length bytes are copied behind the text before them; above it a gathered write is cheaper than the copy. */
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
  // what the kernel has taken at once, since it last did not
  private run = 0
  private waits = false
  private hurries = false

  constructor(
    private readonly transport: Transport,
    private readonly budget: Pick<SendBudget, "isSpent" | "spend" | "await">,
    private readonly sender: Sender
  ) {}

  /** Position up to which the kernel has taken everything. */
  get handed(): number {
    return this.transport.handed
  }

  /** Has everything that was added been handed to the kernel? */
  get empty(): boolean {
    return this.text === "" && this.parts.length === 0 && this.transport.pending === 0
  }

  /** Does it wait for a tick in which it may send on? */
  get rests(): boolean {
    return this.waits
  }

  /** Does so much wait that no more should be made? */
  get full(): boolean {
    return this.queued - this.transport.handed >= Math.max(highWater, this.portion)
  }

  /** Does so much wait that a write is not to be put off for more? */
  get ready(): boolean {
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

  /** The tick has come in which it may send on. */
  goOn(): void {
    this.waits = false
  }

  /** Gives the transport what it can take, whose turn it may be: there is no later. */
  flushLast(): void {
    this.hurries = true
    this.waits = false
    this.flush()
  }

  /** Gives the transport as much as it should have; `true` when the kernel has taken everything. */
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
    while (this.parts.length > 0 && transport.pending < highWater && !this.isToRest) this.writePortion()
    return this.parts.length === 0 && transport.pending === 0
  }

  // What fits in a portion may always go, and the first portion of more: most answers are no longer.
  private get isToRest(): boolean {
    if (!this.waits && this.run > 0 && this.budget.isSpent && this.waiting >= leastPortion && !this.hurries) {
      this.waits = true
      this.budget.await(this.sender)
    }
    return this.waits
  }

  private writePortion(): void {
    const { parts, portion, transport } = this
    let left = portion
    const [first] = parts
    const alone = parts.length === 1 || (typeof first !== "string" && first.length - this.partStart > portion)
    if (!alone) transport.cork()
    // text is not counted, that of heads and chunks above all: it leaves with the bytes beside it
    while (parts.length > 0 && (left > 0 || typeof parts[0] === "string")) left -= this.writeNext(left)
    if (!alone) transport.uncork()
    this.budget.spend(portion - left)
    this.run = transport.pending === 0 ? this.run + portion - left : 0
  }

  // Writes the next part, or as many of its bytes as are allowed, and says how many these were.
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
