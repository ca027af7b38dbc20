/**
 * `wsgi.input`: the request body, and the 100s before and within it.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import type { RequestBody } from "../exchange/RequestBody.js"
import type { InterimError } from "../exchange/ServerError.js"
import { BodyError, ResponseError, tooLargeWhole } from "../exchange/ServerError.js"
import { type FieldPairs, inTitleCase } from "../protocol/heads.js"
import type { Config } from "../server/Config.js"
import type { FormLimits } from "../server/FormLimits.js"
import { invalidOption } from "../server/OptionNames.js"
import type { HeaderPairs } from "./HeaderPairs.js"

const newline = 10
const empty = Buffer.alloc(0)

/**
 * The bounds on a body that is read whole, and on one that is parsed, in bytes.
 *
 * @since 0.2.0
 * @category models
 */
export type WholeLimits = Pick<Config["limits"], "wholeBody" | "parsedBody">

/**
 * The parts of an exchange that an input uses. The type stands here because `Exchange` names types of Effect, which the
 * declarations of the plain door do not.
 *
 * @since 0.2.0
 * @category models
 */
export interface InputSource {
  readonly body: Pick<RequestBody, "bytes" | "mayRead" | "take" | "trailers" | "wait">
  /** Bytes of the body; 0 if there is none, `undefined` if only its end tells. */
  readonly bodyLength: number | undefined
  readonly config: { readonly limits: WholeLimits }
  /** Sends the 100 if one is owed. */
  readonly payContinue: () => void
  readonly sendContinue: () => InterimError | undefined
  readonly setContinueFields: (fields: FieldPairs, exactNames: boolean) => InterimError | undefined
  readonly takeOver: () => { readonly stream: unknown; readonly rest: Uint8Array } | ResponseError
}

/**
 * The body of a request. Reads are answered in the order in which they are made. They reject with a `BodyError` if the client
 * leaves before the end, or the body is malformed, too large or late. An error that is not caught answers the client with its
 * status.
 *
 * @since 0.1.0
 * @category models
 */
export class Input implements AsyncIterable<Buffer> {
  #rest: Buffer = empty
  #lastRead: Promise<unknown> | undefined = undefined
  readonly #exchange: InputSource
  #socket: Duplex | undefined = undefined

  /** The bounds on a form. */
  readonly forms: FormLimits

  constructor(exchange: InputSource, forms: FormLimits) {
    this.#exchange = exchange
    this.forms = forms
  }

  /** The bounds on reads without a size. */
  get limits(): WholeLimits {
    return this.#exchange.config.limits
  }

  /**
   * Bytes of the whole body, read or not; 0 if the request has none, `undefined` if only its end tells.
   *
   * @since 0.2.0
   */
  get bodyLength(): number | undefined {
    return this.#exchange.bodyLength
  }

  /** The socket that `getSocket` has given away. */
  get socket(): Duplex | undefined {
    return this.#socket
  }

  /**
   * Reads `size` bytes, and fewer only at the end of the body. Without `size` it reads all that is left into memory; for more
   * than `limits.wholeBody` bytes it rejects with `TooLarge`, and the body can still be read in parts. The first read, even of 0
   * bytes, sends the 100 for which the client waits.
   */
  read(size?: number): Promise<Buffer> {
    return this.#inTurn(() => this.#gather(most(size), false))
  }

  /** Reads a line with its newline, or at most `size` bytes of it (default `limits.wholeBody`). The line is empty at the end. */
  readline(size?: number): Promise<Buffer> {
    return this.#inTurn(() => this.#gather(most(size), true))
  }

  /**
   * Reads lines until there are no more, or `hint` bytes have been read. Without `hint` it rejects with `TooLarge` for more than
   * `limits.wholeBody` bytes, or more than `limits.parsedBody` lines, because each line takes more memory than its bytes.
   */
  readlines(hint?: number): Promise<Array<Buffer>> {
    const enough = hint === undefined || hint <= 0 ? Infinity : hint
    const { parsedBody, wholeBody } = this.#exchange.config.limits
    const lines: Array<Buffer> = []
    let total = 0
    const keep = (line: Buffer): boolean => {
      if (line.length > 0) lines.push(line)
      total += line.length
      if (enough === Infinity && total > wholeBody) throw tooLargeWhole(wholeBody, "limits.wholeBody")
      if (enough === Infinity && lines.length > parsedBody) throw tooManyLines(parsedBody)
      return line.length > 0 && total < enough
    }
    const more = (): Array<Buffer> | Promise<Array<Buffer>> => {
      if (enough === Infinity) this.#judgeLength(wholeBody)
      while (true) {
        const line = this.#gather(Infinity, true)
        if (line instanceof Promise) return line.then((arrived) => keep(arrived) ? more() : lines)
        if (!keep(line)) return lines
      }
    }
    return this.#inTurn(more)
  }

  /** Pieces of the body as they arrive, which are never empty. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    const iterator: AsyncIterableIterator<Buffer> = {
      next: () => this.#inTurn(() => this.#next()),
      [Symbol.asyncIterator]: () => iterator
    }
    return iterator
  }

  /** The trailer fields of a chunked body (RFC 9112, 7.1.2), once its end was read. */
  get trailers(): ReadonlyArray<readonly [name: string, value: string]> {
    const fields = this.#exchange.body.trailers
    return Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]] as const)
  }

  /**
   * Sets the fields of the next 100, in place of earlier ones. With `capitalize` (the default) names are title-cased. Throws an
   * `InterimError` for fields that cannot be sent.
   */
  setHundredContinueResponseHeaders(headers: HeaderPairs, capitalize = true): void {
    throwInvalid(this.#exchange.setContinueFields(capitalize ? inTitleCase(headers) : headers, true))
  }

  /**
   * Sends a 100 now, with the fields that were set last. It can be called any number of times, and counts as the 100 for which a
   * client waits. Does nothing once the response has begun, or for an HTTP/1.0 client.
   */
  sendHundredContinueResponse(): void {
    throwInvalid(this.#exchange.sendContinue())
  }

  /**
   * Takes the connection over for another protocol. The socket begins with the bytes received after the head. The server writes
   * nothing more and ignores what the application returns. The exchange ends when the socket closes. The server closes it if
   * bytes wait and its peer takes none for `timeouts.write`. Wait for `drain` when `write` returns `false`. Throws a
   * `ResponseError` (`AlreadyOver`, `HeadAlreadySent`) once the response has begun, and `Unsupported` where the protocol of the
   * request does not allow it.
   */
  getSocket(): Duplex {
    const taken = this.#exchange.takeOver()
    if (taken instanceof ResponseError) throw taken
    if (!(taken.stream instanceof Duplex)) {
      throw new ResponseError({
        reason: "InvalidBody",
        description: "this connection has no socket to give: its listener, such as one in memory, accepts none"
      })
    }
    if (taken.rest.length > 0) taken.stream.unshift(taken.rest)
    this.#socket = taken.stream
    return taken.stream
  }

  // Bytes that have arrived are read at once, without an `async` function. Only a read that waits for bytes makes the next one
  // wait.
  #inTurn<A>(read: () => A | Promise<A>): Promise<A> {
    try {
      const result = this.#lastRead === undefined ? read() : this.#lastRead.then(read, read)
      if (!(result instanceof Promise)) return Promise.resolve(result)
      const settled = (): void => {
        if (this.#lastRead === result) this.#lastRead = undefined
      }
      this.#lastRead = result
      result.then(settled, settled)
      return result
    } catch (error) {
      const refused = Promise.reject(error instanceof Error ? error : new Error(String(error)))
      // The caller may handle the rejection later, as it could if the bytes arrived later.
      refused.catch(() => undefined)
      return refused
    }
  }

  // Gathers `size` bytes, or a line of at most `size` bytes.
  #gather(size: number, line: boolean): Buffer | Promise<Buffer> {
    if (size === 0) {
      this.#exchange.payContinue()
      return empty
    }
    const pieces: Array<Buffer> = []
    let length = 0
    const { wholeBody } = this.#exchange.config.limits
    const whole = size === Infinity
    if (whole && !line) this.#judgeLength(wholeBody)
    const more = (): Buffer | Promise<Buffer> => {
      while (length < size) {
        if (whole && length > wholeBody) {
          this.#rest = Buffer.concat(this.#rest.length > 0 ? [...pieces, this.#rest] : pieces)
          throw tooLargeWhole(wholeBody, "limits.wholeBody")
        }
        const piece = this.#take()
        if (piece === undefined) return this.#arrival().then(more)
        if (piece === null) break
        const found = line ? piece.indexOf(newline) : -1
        const end = Math.min(found < 0 ? piece.length : found + 1, size - length)
        if (end < piece.length) this.#rest = piece.subarray(end)
        pieces.push(end < piece.length ? piece.subarray(0, end) : piece)
        length += end
        if (found >= 0 && !(whole && length > wholeBody)) break
      }
      return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, length)
    }
    return more()
  }

  // Refuses a declared length that is too large before any of the body is read.
  #judgeLength(most: number): void {
    const { body, bodyLength } = this.#exchange
    if (bodyLength === undefined || bodyLength - body.bytes + this.#rest.length <= most) return
    throw tooLargeWhole(most, "limits.wholeBody")
  }

  #next(): IteratorResult<Buffer> | Promise<IteratorResult<Buffer>> {
    const piece = this.#take()
    if (piece === undefined) return this.#arrival().then(() => this.#next())
    return piece === null ? { done: true, value: undefined } : { done: false, value: piece }
  }

  // The next piece, whatever its length; `null` at the end, `undefined` if nothing has arrived yet.
  #take(): Buffer | null | undefined {
    if (this.#rest.length > 0) {
      if (!this.#exchange.body.mayRead()) return undefined
      const rest = this.#rest
      this.#rest = empty
      return rest
    }
    const taken = this.#exchange.body.take()
    if (taken instanceof BodyError) throw taken
    if (taken === undefined) return undefined
    if (!(taken instanceof Uint8Array)) return null
    return Buffer.isBuffer(taken) ? taken : Buffer.from(taken.buffer, taken.byteOffset, taken.byteLength)
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#exchange.body.wait(resolve)
    })
  }
}

const tooManyLines = (most: number): BodyError =>
  new BodyError({
    reason: "TooLarge",
    status: 413,
    description:
      `the body has more than ${most} lines, the most that are read at once; raise limits.parsedBody, or give a hint`
  })

const most = (size: number | undefined): number => {
  if (size === undefined) return Infinity
  if (typeof size !== "number" || Number.isNaN(size)) {
    throw invalidOption("size", "a number of bytes", size)
  }
  return size < 0 ? Infinity : size
}

/**
 * Throws for an invalid field or status. An interim response that comes too late, or for an HTTP/1.0 client, is silently
 * ignored, as in eventlet.
 *
 * @since 0.1.0
 */
export const throwInvalid = (refused: InterimError | undefined): void => {
  if (refused !== undefined && refused.reason === "InvalidHeader") throw refused
}
