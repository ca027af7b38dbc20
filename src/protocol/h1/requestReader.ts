/**
 * The incoming half of a connection. It takes bytes and returns messages, one request after another.
 *
 * `receive` stores and `next` decides; neither waits, throws or reads a clock. The same bytes give the same messages, however
 * they are cut.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"
import { type BodyEnd, type BodyPiece, emptyEnd } from "../bodyMessage.js"
import { type Failure, failure } from "../failure.js"
import type { Fields } from "../fields.js"
import { defaultLimits, type Leniency, type Limits, strict } from "../limits.js"
import { type BodyDecoder, bodyDecoder } from "./bodyDecoder.js"
import { type Demands, demands } from "./framing.js"
import { hostFromTarget, type Http1RequestHead, RequestHeadParser } from "./requestHead.js"

/**
 * A message of the stream. A `RequestStart` is followed by any number of `BodyPiece`s and one `BodyEnd`, even if there is no
 * body. A `Failure` is the last message.
 *
 * @since 0.1.0
 */
export type RequestMessage = RequestStart | BodyPiece | BodyEnd | Failure

/**
 * The head of a request, and what it demands of the connection.
 *
 * @since 0.1.0
 */
export interface RequestStart {
  readonly _tag: "RequestStart"
  readonly head: Http1RequestHead
  readonly demands: Demands
}

const noBytes = new Uint8Array(0)
const noFields: Fields = []

/**
 * Reads the requests of one connection, however its bytes are cut.
 *
 * @since 0.1.0
 */
export class RequestReader {
  private bytes: Uint8Array = noBytes
  private at = 0
  private inBody = false
  private decoder: BodyDecoder | undefined = undefined
  private failed: Failure | undefined = undefined
  private refusedLine = ""
  // The demands of the last request, and what they follow from. The head itself is not kept, because on each idle connection it
  // would stay alive, and every garbage collection would copy it.
  private asked: Demands | undefined = undefined
  private askedBy: Fields = noFields
  private askedMethod = ""
  private askedMinorVersion: 0 | 1 = 1
  private readonly parser: RequestHeadParser

  constructor(private readonly limits: Limits = defaultLimits, private readonly leniency: Leniency = strict) {
    this.parser = new RequestHeadParser(limits, leniency)
  }

  /** The number of bytes that were received and are not yet part of a message. */
  get buffered(): number {
    return this.bytes.length - this.at
  }

  /** Whether a part of the next head has arrived. */
  get inHead(): boolean {
    return !this.inBody && (this.parser.started || this.buffered > 0)
  }

  /** The request line of the last head that was begun, as received; empty if there is none. */
  get requestLine(): string {
    return this.refusedLine === "" ? this.parser.requestLine : this.refusedLine
  }

  /** Stores bytes from the peer. They are not copied while they can be used as they are, so the caller must not write to them. */
  receive(chunk: Uint8Array): void {
    if (this.at >= this.bytes.length) this.bytes = chunk
    else this.bytes = Buffer.concat([this.bytes.subarray(this.at), chunk])
    this.at = 0
  }

  /** The next message, or `undefined` if more bytes are needed. */
  next(): RequestMessage | undefined {
    if (this.failed !== undefined) return this.failed
    return this.inBody ? this.body() : this.head()
  }

  /**
   * Called after the `BodyEnd` of a chunked body: expects another chunked body in place of another request. Peers must have
   * agreed on that out of band, as those of Swift's multi-phase uploads do after a second 100.
   */
  expectAnotherBody(): void {
    this.inBody = true
    this.decoder = bodyDecoder({ _tag: "Chunked" }, this.limits, this.leniency)
  }

  /** Returns and forgets the bytes that were received and not used, for a connection that is taken over. */
  takeRest(): Uint8Array {
    const rest = this.bytes.subarray(this.at)
    this.bytes = noBytes
    this.at = 0
    return rest
  }

  private head(): RequestStart | Failure | undefined {
    if (this.at >= this.bytes.length) {
      this.keepRest()
      return undefined
    }
    const head = this.parser.parse(this.bytes, this.at)
    this.at = this.parser.consumed
    if (head === undefined) {
      this.keepRest()
      return undefined
    }
    if (head._tag === "Failure") return this.fail(head)
    const asked = this.demandsOf(head)
    if (asked._tag === "Failure") return this.refuse(head, asked)
    if (asked.framing._tag === "Length" && asked.framing.length > this.limits.body) {
      return this.refuse(head, failure("BodyTooLarge", `a body longer than ${this.limits.body} bytes`))
    }
    this.inBody = true
    this.decoder = bodyDecoder(asked.framing, this.limits, this.leniency)
    const { form } = head
    return new StartedRequest(form._tag === "Absolute" ? hostFromTarget(head, form) : head, asked)
  }

  // Requests with the same fields, method and version have the same demands.
  private demandsOf(head: Http1RequestHead): Demands | Failure {
    const { fields, method, minorVersion } = head
    if (
      this.asked !== undefined && this.askedBy === fields && this.askedMethod === method &&
      this.askedMinorVersion === minorVersion
    ) return this.asked
    const asked = demands(head, this.leniency)
    if (asked._tag === "Failure") return asked
    this.askedBy = fields
    this.askedMethod = method
    this.askedMinorVersion = minorVersion
    return this.asked = asked
  }

  private body(): BodyPiece | BodyEnd | Failure | undefined {
    const decoder = this.decoder
    if (decoder === undefined) {
      this.inBody = false
      this.letGo()
      return emptyEnd
    }
    if (decoder.done) {
      this.inBody = false
      this.decoder = undefined
      this.letGo()
      return decoder.trailers.length === 0 ? emptyEnd : { _tag: "BodyEnd", trailers: decoder.trailers }
    }
    if (this.at >= this.bytes.length) {
      this.keepRest()
      return undefined
    }
    const pieces: Array<Uint8Array> = []
    const refused = decoder.decode(this.bytes, this.at, pieces)
    this.at = decoder.consumed
    if (pieces.length > 0) {
      // The bytes before the failure are returned first; the failure is the next message.
      if (refused !== undefined) this.failed = refused
      return { _tag: "BodyPiece", bytes: pieces.length === 1 ? pieces[0] : Buffer.concat(pieces) }
    }
    if (refused !== undefined) return this.fail(refused)
    if (decoder.done) return this.body()
    this.keepRest()
    return undefined
  }

  private refuse(head: Http1RequestHead, refused: Failure): Failure {
    this.refusedLine = `${head.method} ${head.target} ${head.version}`
    return this.fail(refused)
  }

  private fail(refused: Failure): Failure {
    this.failed = refused
    return refused
  }

  // A caller that gets the end of a request, with no bytes left, may not call again before more bytes have arrived.
  private letGo(): void {
    if (this.at >= this.bytes.length) this.keepRest()
  }

  // A few bytes must not keep the large buffer in which they arrived.
  private keepRest(): void {
    const rest = this.buffered
    if (rest === 0) this.bytes = noBytes
    else if (this.at > 0) this.bytes = Buffer.from(this.bytes.subarray(this.at))
    this.at = 0
  }
}

// an instance and not a literal: see `StartedHead`
class StartedRequest implements RequestStart {
  readonly _tag = "RequestStart"

  constructor(readonly head: Http1RequestHead, readonly demands: Demands) {}
}
