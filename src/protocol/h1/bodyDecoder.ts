/**
 * Request bodies: from the bytes on the wire to the content (RFC 9112, 6 and 7).
 *
 * @since 0.1.0
 */
import { type Failure, failure } from "../failure.js"
import { type Fields, FieldSection } from "../fields.js"
import { CR, fieldBytes, hexValues, HTAB, LF, SEMICOLON, SP } from "../grammar.js"
import type { Leniency, Limits } from "../limits.js"
import type { Framing } from "./framing.js"

/**
 * Decodes one body. Give `decode` the bytes. Unless it returns a failure or `done` is set, call it again with the bytes after
 * `consumed`, followed by more. Pieces are views of the given bytes, in order, and never empty. Small ones are returned together,
 * so that they can be joined. A large one is returned alone, and more of the body may follow it in the same bytes.
 *
 * @since 0.1.0
 */
export interface BodyDecoder {
  /** Index of the first byte that was not taken, in the array last given to `decode`. */
  readonly consumed: number
  /** Whether the body is complete, so that the bytes after `consumed` belong to the next message. */
  readonly done: boolean
  /** The fields after a chunked body, without those that are not allowed there; empty otherwise. */
  readonly trailers: Fields
  decode(bytes: Uint8Array, from: number, pieces: Array<Uint8Array>): Failure | undefined
}

/**
 * The decoder for a framing; `undefined` if there is no body.
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
 * Pieces of this length and above are passed on; shorter ones are copied. A piece that is passed on keeps the memory of the whole
 * read in which it arrived, as the pieces of a body with a length do. If short ones did so too, a client with tiny chunks could
 * make the server keep more memory than it counts.
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
      let refused: Failure | undefined
      switch (this.state) {
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
          continue
        }
        case State.Trailers:
          return this.trailer(bytes, i)
        case State.Size:
          refused = this.size(bytes[i])
          break
        case State.SizeLf:
          refused = this.sizeEnd(bytes[i])
          break
        case State.DataCr:
        case State.DataLf:
          refused = this.dataEnd(bytes[i])
          break
        default:
          refused = this.extension(bytes[i])
      }
      if (refused !== undefined) return refused
      i++
    }
    this.consumed = i
    return undefined
  }

  private sizeEnd(byte: number): Failure | undefined {
    if (byte !== LF) return failure("MalformedChunkSize", "CR without LF after a chunk size")
    this.state = this.left === 0 ? State.Trailers : State.Data
    return undefined
  }

  private dataEnd(byte: number): Failure | undefined {
    if (this.state === State.DataCr) {
      if (byte !== CR) return failure("MalformedChunkData", "more data than the chunk size says")
      this.state = State.DataLf
      return undefined
    }
    if (byte !== LF) return failure("MalformedChunkData", "CR without LF after chunk data")
    this.state = State.Size
    return undefined
  }

  private size(byte: number): Failure | undefined {
    const digit = hexValues[byte]
    if (digit !== 255) {
      if (++this.digits > mostSizeDigits) return failure("MalformedChunkSize", "a chunk size out of range")
      this.left = this.left * 16 + digit
      return undefined
    }
    if (this.digits === 0) return failure("MalformedChunkSize", "a chunk without a size")
    if (!Number.isSafeInteger(this.left)) return failure("MalformedChunkSize", "a chunk size out of range")
    if (byte !== CR && byte !== SEMICOLON && byte !== SP && byte !== HTAB) {
      return failure("MalformedChunkSize", "a chunk size that is not hexadecimal")
    }
    this.total += this.left
    if (this.total > this.limits.body) return failure("BodyTooLarge", `a body longer than ${this.limits.body} bytes`)
    this.digits = 0
    this.state = byte === CR ? State.SizeLf : State.Blank
    return byte === CR ? undefined : this.extension(byte)
  }

  private trailer(bytes: Uint8Array, from: number): Failure | undefined {
    const { fieldCount, fieldLine, trailerSection } = this.limits
    const section = this.section ??= new FieldSection({ line: fieldLine, section: trailerSection, count: fieldCount })
    const done = section.parse(bytes, from)
    this.consumed = section.consumed
    if (done === undefined || "_tag" in done) return done
    this.trailers = allowedTrailers(done)
    this.state = State.Done
    return undefined
  }

  // RFC 9112, 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ); extensions are skipped, but bounded and checked.
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

// RFC 9110, 6.5.1: trailers must not have framing, routing, authentication, request modifiers, conditions or content format
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
  const allowed: Array<string> = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!neverTrailers.has(fields[i].toLowerCase())) allowed.push(fields[i], fields[i + 1])
  }
  return allowed
}
