/**
 * Request bodies: from the bytes on the wire to the content (RFC 9112, 6 and 7).
 *
 * @since 0.1.0
 */
import { type Failure, failure } from "./failure.js"
import { type Fields, FieldSection } from "./fields.js"
import type { Framing } from "./framing.js"
import { CR, fieldBytes, hexValues, HTAB, LF, SEMICOLON, SP } from "./grammar.js"
import type { Leniency, Limits } from "./limits.js"

/**
 * Decodes one body. Give `decode` the bytes. Unless it returns a failure or `done` is set, call it again with the bytes after
 * `consumed`, followed by more. Pieces are views of the bytes given, in order; none is empty. Small ones come together, so that they can
 * be joined. A large one comes alone, and more of the body may follow it in the same bytes.
 *
 * @since 0.1.0
 */
export interface BodyDecoder {
  /** Index of the first byte not taken, in the array last given to `decode`. */
  readonly consumed: number
  /** The body is complete; bytes behind `consumed` belong to the next message. */
  readonly done: boolean
  /** What came behind a chunked body, without the fields that may not stand there; empty otherwise. */
  readonly trailers: Fields
  decode(bytes: Uint8Array, from: number, pieces: Array<Uint8Array>): Failure | undefined
}

/**
 * The decoder for a framing; `undefined` when there is no body.
 *
 * @since 0.1.0
 */
export const bodyDecoder = (framing: Framing, limits: Limits, leniency: Leniency): BodyDecoder | undefined => {
  switch (framing._tag) {
    case "None":
      return undefined
    case "Length":
      return new LengthDecoder(framing.length)
    case "Chunked":
      return new ChunkedDecoder(limits, leniency)
  }
}

class LengthDecoder implements BodyDecoder {
  consumed = 0
  readonly trailers: Fields = []

  constructor(private left: number) {}

  get done(): boolean {
    return this.left === 0
  }

  decode(bytes: Uint8Array, from: number, pieces: Array<Uint8Array>): undefined {
    const taken = Math.min(this.left, bytes.length - from)
    if (taken > 0) pieces.push(from === 0 && taken === bytes.length ? bytes : bytes.subarray(from, from + taken))
    this.left -= taken
    this.consumed = from + taken
  }
}

const enum State {
  Size,
  Blank,
  Extension,
  SizeLf,
  Data,
  DataCr,
  DataLf,
  Trailers,
  Done
}

/**
 * From this length on, passing a piece on costs less than copying it. A piece keeps the memory of the read that it came in, as those of
 * a body with a length do: a client that sends everything else in tiny chunks makes that five times as much as is counted.
 */
const largePiece = 2048

// 13 hexadecimal digits reach 2^52; more than 16 can only be padding (RFC 9112, 7.1: prevent overflow).
const mostSizeDigits = 16

class ChunkedDecoder implements BodyDecoder {
  consumed = 0
  trailers: Fields = []
  private state: State = State.Size
  private digits = 0
  private left = 0
  private total = 0
  private extensions = 0
  private section: FieldSection | undefined = undefined

  constructor(private readonly limits: Limits, private readonly leniency: Leniency) {}

  get done(): boolean {
    return this.state === State.Done
  }

  decode(bytes: Uint8Array, from: number, pieces: Array<Uint8Array>): Failure | undefined {
    const length = bytes.length
    let i = from
    this.consumed = from
    while (i < length && this.state !== State.Done) {
      const byte = bytes[i]
      switch (this.state) {
        case State.Size: {
          const digit = hexValues[byte]
          if (digit !== 255) {
            if (++this.digits > mostSizeDigits) return failure("MalformedChunkSize", "a chunk size out of range")
            this.left = this.left * 16 + digit
            i++
            break
          }
          if (this.digits === 0) return failure("MalformedChunkSize", "a chunk without a size")
          if (!Number.isSafeInteger(this.left)) return failure("MalformedChunkSize", "a chunk size out of range")
          if (byte !== CR && byte !== SEMICOLON && byte !== SP && byte !== HTAB) {
            return failure("MalformedChunkSize", "a chunk size that is not hexadecimal")
          }
          this.total += this.left
          if (this.total > this.limits.body) {
            return failure("BodyTooLarge", `a body longer than ${this.limits.body} bytes`)
          }
          this.digits = 0
          this.state = byte === CR ? State.SizeLf : State.Blank
          if (byte === CR) i++
          break
        }
        case State.Blank:
        case State.Extension: {
          const refused = this.extension(byte)
          if (refused !== undefined) return refused
          i++
          break
        }
        case State.SizeLf:
          if (byte !== LF) return failure("MalformedChunkSize", "CR without LF behind a chunk size")
          i++
          if (this.left === 0) {
            this.state = State.Trailers
            this.section = new FieldSection({
              line: this.limits.fieldLine,
              section: this.limits.trailerSection,
              count: this.limits.fieldCount
            })
          } else this.state = State.Data
          break
        case State.Data: {
          const taken = Math.min(this.left, length - i)
          const large = taken >= largePiece
          if (!large || pieces.length === 0) {
            pieces.push(bytes.subarray(i, i + taken))
            i += taken
            this.left -= taken
            if (this.left === 0) this.state = State.DataCr
          }
          this.consumed = i
          if (large) return undefined
          break
        }
        case State.DataCr:
          if (byte !== CR) return failure("MalformedChunkData", "more data than the chunk size says")
          i++
          this.state = State.DataLf
          break
        case State.DataLf:
          if (byte !== LF) return failure("MalformedChunkData", "CR without LF behind chunk data")
          i++
          this.state = State.Size
          break
        case State.Trailers: {
          const section = this.section
          if (section === undefined) return undefined
          const done = section.parse(bytes, i)
          this.consumed = section.consumed
          if (done === undefined || "_tag" in done) return done
          this.trailers = allowedTrailers(done)
          this.state = State.Done
          return undefined
        }
      }
    }
    this.consumed = i
    return undefined
  }

  // RFC 9112, 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ); skipped, but never unbounded and never unseen.
  private extension(byte: number): Failure | undefined {
    if (byte === CR && this.state === State.Extension) {
      this.state = State.SizeLf
      return undefined
    }
    if (++this.extensions > this.limits.chunkExtensions) {
      return failure("ChunkExtensionsTooLong", `chunk extensions longer than ${this.limits.chunkExtensions} bytes`)
    }
    if (this.state === State.Blank) {
      if (byte === SEMICOLON) this.state = State.Extension
      else if (byte !== SP && byte !== HTAB) return failure("MalformedChunkSize", "unexpected bytes after a chunk size")
      return undefined
    }
    return byte === LF || (fieldBytes[byte] === 0 && !this.leniency.allowControlsInChunkExtensions)
      ? failure("MalformedChunkExtension", "a control byte in a chunk extension")
      : undefined
  }
}

// RFC 9110, 6.5.1: no framing, routing, authentication, request modifiers, conditions or content format in trailers
const neverTrailers = new Set([
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "keep-alive",
  "max-forwards",
  "pragma",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

const allowedTrailers = (fields: Fields): Fields => {
  const kept: Array<string> = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!neverTrailers.has(fields[i].toLowerCase())) kept.push(fields[i], fields[i + 1])
  }
  return kept
}
