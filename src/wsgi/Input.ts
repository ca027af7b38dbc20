/**
 * `wsgi.input`: the request body, and the 100s before and within it.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import type { RequestBody } from "../exchange/RequestBody.js"
import type { InterimError } from "../exchange/ServerError.js"
import { BodyError, OptionError, ResponseError, tooLargeWhole } from "../exchange/ServerError.js"
import type { FieldCase, FieldPairs } from "../protocol/responseHead.js"
import type { Config } from "../server/Config.js"
import type { HeaderPairs } from "./HeaderPairs.js"

const newline = 10
const empty = Buffer.alloc(0)

/**
 * What of a body may be read whole, and what parsed, in bytes.
 *
 * @since 0.2.0
 * @category models
 */
export type WholeLimits = Pick<Config["limits"], "wholeBody" | "parsedBody">

/**
 * What an input needs of its exchange.
 *
 * @since 0.2.0
 * @category models
 */
export interface InputSource {
  readonly body: Pick<RequestBody, "bytes" | "mayRead" | "take" | "trailers" | "wait">
  /** Bytes of the body; `undefined` where only its end tells. */
  readonly bodyLength: number | undefined
  readonly config: { readonly limits: WholeLimits }
  /** Sends the 100 that is owed, if one is. */
  readonly payContinue: () => void
  readonly sendContinue: () => InterimError | undefined
  readonly setContinueFields: (fields: FieldPairs, fieldCase: FieldCase) => InterimError | undefined
  readonly takeOver: () => { readonly stream: unknown; readonly rest: Uint8Array } | ResponseError
}

/**
 * Reads are answered in the order they are made. They reject with a `BodyError` when the client leaves before the end,
 * when the body is malformed or too large, or does not come in time; one that is not caught answers the client with its
 * status.
 *
 * @since 0.1.0
 * @category models
 */
export class Input implements AsyncIterable<Buffer> {
  #rest: Buffer = empty
  #turn: Promise<unknown> | undefined = undefined
  readonly #exchange: InputSource
  #socket: Duplex | undefined = undefined

  constructor(exchange: InputSource) {
    this.#exchange = exchange
  }

  /** What a read without a size may take. */
  get limits(): WholeLimits {
    return this.#exchange.config.limits
  }

  /** Where the connection went, when `getSocket` has given it away. */
  get socket(): Duplex | undefined {
    return this.#socket
  }

  /**
   * `size` bytes, fewer only at the end of the body; without `size`, all that is left, in memory: no more than
   * `limits.wholeBody`, or it rejects with `TooLarge`, and what has come can still be read in parts. The first read, also one
   * of 0 bytes, sends the 100 that the client waits for.
   */
  read(size?: number): Promise<Buffer> {
    return this.#inTurn(() => this.#gather(most(size), false))
  }

  /** Up to and with the next newline; at most `size` bytes, or else `limits.wholeBody`; empty at the end. */
  readline(size?: number): Promise<Buffer> {
    return this.#inTurn(() => this.#gather(most(size), true))
  }

  /**
   * Lines until there are no more, or `hint` bytes have been read. Without `hint` no more than `limits.wholeBody` bytes, and
   * `limits.parsedBody` lines, of which each costs more than its bytes; then it rejects with `TooLarge`.
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

  /** Pieces of the body as they come, never empty. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    const iterator: AsyncIterableIterator<Buffer> = {
      next: () => this.#inTurn(() => this.#next()),
      [Symbol.asyncIterator]: () => iterator
    }
    return iterator
  }

  /** What came behind a chunked body, once the end was read (RFC 9112, 7.1.2). */
  get trailers(): ReadonlyArray<readonly [name: string, value: string]> {
    const fields = this.#exchange.body.trailers
    return Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]] as const)
  }

  /**
   * Sets the fields of the next 100, in place of those set before. With `capitalize` (the default) names are title-cased.
   * Throws an `InterimError` for fields that cannot be sent.
   */
  setHundredContinueResponseHeaders(headers: HeaderPairs, capitalize = true): void {
    throwInvalid(this.#exchange.setContinueFields(headers, capitalize ? "title" : "preserve"))
  }

  /**
   * Sends a 100 now, with the fields set last; any number of times. It pays the one owed to a client that waits. Does
   * nothing once the response has begun, or for an HTTP/1.0 client.
   */
  sendHundredContinueResponse(): void {
    throwInvalid(this.#exchange.sendContinue())
  }

  /**
   * Takes the connection over, for another protocol: the socket, with what was received beyond the head. The server
   * writes nothing more and ignores what the application returns; the exchange ends when the socket closes, which the server
   * does when its peer takes nothing of what waits for `timeouts.write`. Wait for `drain` when `write` returns `false`.
   */
  getSocket(): Duplex {
    const taken = this.#exchange.takeOver()
    if (taken instanceof ResponseError) throw taken
    if (!(taken.stream instanceof Duplex)) {
      throw new ResponseError({ reason: "InvalidBody", description: "this transport has no socket to give" })
    }
    if (taken.rest.length > 0) taken.stream.unshift(taken.rest)
    this.#socket = taken.stream
    return taken.stream
  }

  // What is there is read at once: an `async` function for each piece would cost more than reading it. Only a read that
  // waits for bytes holds the turn.
  #inTurn<A>(read: () => A | Promise<A>): Promise<A> {
    try {
      const result = this.#turn === undefined ? read() : this.#turn.then(read, read)
      if (!(result instanceof Promise)) return Promise.resolve(result)
      const settled = (): void => {
        if (this.#turn === result) this.#turn = undefined
      }
      this.#turn = result
      result.then(settled, settled)
      return result
    } catch (error) {
      const refused = Promise.reject(error instanceof Error ? error : new Error(String(error)))
      // who asks for it later still gets it; until then it is nobody's fault that bytes were there already
      refused.catch(() => undefined)
      return refused
    }
  }

  // `size` bytes, or a line of at most so many.
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

  // What is left of a length that was declared can be too much before a byte of it is asked for.
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

  // The next piece, whatever its length; `null` at the end, `undefined` when nothing is there yet.
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
    description: `the body has more than the ${most} lines that are read at once; limits.parsedBody lifts the bound`
  })

const most = (size: number | undefined): number => {
  if (size === undefined) return Infinity
  if (typeof size !== "number" || Number.isNaN(size)) {
    throw new OptionError({ option: "size", description: "the size of a read is a number of bytes" })
  }
  return size < 0 ? Infinity : size
}

/**
 * Throws what the application can mend; too late, or too old a client, is silence, as in eventlet.
 *
 * @since 0.1.0
 */
export const throwInvalid = (refused: InterimError | undefined): void => {
  if (refused !== undefined && refused.reason === "InvalidHeader") throw refused
}
