/**
 * `wsgi.input`: the request body, and the 100s before and within it.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import type { Exchange } from "../server/Exchange.js"
import type { InterimError } from "../server/ServerError.js"
import { BodyError, ResponseError } from "../server/ServerError.js"
import type { HeaderPairs } from "./HeaderPairs.js"

const newline = 10
const empty = Buffer.alloc(0)

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
  readonly #exchange: Exchange
  /** Where the connection went, when `getSocket` has given it away. */
  socket: Duplex | undefined = undefined

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /**
   * `size` bytes, fewer only at the end of the body; without `size`, all that is left, in memory. The first read, also
   * one of 0 bytes, sends the 100 that the client waits for.
   */
  read(size?: number): Promise<Buffer> {
    return this.#inTurn(() => this.#read(size === undefined || size < 0 ? Infinity : size))
  }

  /** Up to and with the next newline; at most `size` bytes; empty at the end. */
  readline(size?: number): Promise<Buffer> {
    return this.#inTurn(() => this.#readline(size === undefined || size < 0 ? Infinity : size))
  }

  /** Lines until there are no more, or `hint` bytes have been read. */
  readlines(hint?: number): Promise<Array<Buffer>> {
    const most = hint === undefined || hint <= 0 ? Infinity : hint
    return this.#inTurn(async () => {
      const lines: Array<Buffer> = []
      let total = 0
      while (total < most) {
        const line = await this.#readline(Infinity)
        if (line.length === 0) break
        lines.push(line)
        total += line.length
      }
      return lines
    })
  }

  /** Pieces of the body as they come, never empty. */
  async *[Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    while (true) {
      const piece = await this.#inTurn(() => this.#piece())
      if (piece === undefined) return
      yield piece
    }
  }

  /** What came behind a chunked body, once the end was read (RFC 9112, 7.1.2). */
  get trailers(): ReadonlyArray<readonly [name: string, value: string]> {
    const fields = this.#exchange.body.trailers
    return Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]] as const)
  }

  /**
   * Sets the fields of the next 100, in place of those set before. With `capitalize` (the default) names are title-cased.
   */
  setHundredContinueResponseHeaders(headers: HeaderPairs, capitalize = true): void {
    this.#exchange.continueFields = [...headers]
    this.#exchange.continueFieldCase = capitalize ? "title" : "preserve"
  }

  /**
   * Sends a 100 now, with the fields set last; any number of times. It pays the one owed to a client that waits. Does
   * nothing once the response has begun, or for an HTTP/1.0 client. Throws an `InterimError` for fields that cannot be
   * sent.
   */
  sendHundredContinueResponse(): void {
    const { continueFieldCase, continueFields } = this.#exchange
    throwInvalid(this.#exchange.interim(100, continueFields, continueFieldCase))
  }

  /**
   * Takes the connection over, for another protocol: the socket, with what was received beyond the head. The server
   * writes nothing more and ignores what the application returns; the exchange ends when the socket closes.
   */
  getSocket(): Duplex {
    const taken = this.#exchange.takeOver()
    if (taken instanceof ResponseError) throw taken
    if (!(taken.stream instanceof Duplex)) {
      throw new ResponseError({ reason: "InvalidBody", description: "this transport has no socket to give" })
    }
    if (taken.rest.length > 0) taken.stream.unshift(taken.rest)
    this.socket = taken.stream
    return taken.stream
  }

  // Reads in flight are rare; the common read finds the turn free.
  #inTurn<A>(read: () => Promise<A>): Promise<A> {
    const before = this.#turn
    const mine = before === undefined ? read() : before.then(read, read)
    const settled = (): void => {
      if (this.#turn === mine) this.#turn = undefined
    }
    this.#turn = mine
    mine.then(settled, settled)
    return mine
  }

  async #read(size: number): Promise<Buffer> {
    if (size === 0) {
      this.#exchange.payContinue()
      return empty
    }
    const pieces: Array<Buffer> = []
    let length = 0
    while (length < size) {
      const piece = await this.#piece()
      if (piece === undefined) break
      const wanted = size - length
      if (piece.length > wanted) this.#rest = piece.subarray(wanted)
      pieces.push(piece.length > wanted ? piece.subarray(0, wanted) : piece)
      length += pieces[pieces.length - 1].length
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, length)
  }

  async #readline(size: number): Promise<Buffer> {
    if (size === 0) return this.#read(0)
    const pieces: Array<Buffer> = []
    let length = 0
    while (length < size) {
      const piece = await this.#piece()
      if (piece === undefined) break
      const found = piece.indexOf(newline)
      const end = Math.min(found < 0 ? piece.length : found + 1, size - length)
      if (end < piece.length) this.#rest = piece.subarray(end)
      pieces.push(end < piece.length ? piece.subarray(0, end) : piece)
      length += end
      if (found >= 0 && end === found + 1) break
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, length)
  }

  // The next piece, whatever its length; `undefined` at the end.
  async #piece(): Promise<Buffer | undefined> {
    if (this.#rest.length > 0) {
      const rest = this.#rest
      this.#rest = empty
      return rest
    }
    const body = this.#exchange.body
    while (true) {
      const taken = body.take()
      if (taken instanceof Uint8Array) {
        return Buffer.isBuffer(taken) ? taken : Buffer.from(taken.buffer, taken.byteOffset, taken.byteLength)
      }
      if (taken instanceof BodyError) throw taken
      if (taken !== undefined) return undefined
      await new Promise<void>((resolve) => body.wait(resolve))
    }
  }
}

/**
 * Throws what the application can mend; too late, or too old a client, is silence, as in eventlet.
 *
 * @since 0.1.0
 */
export const throwInvalid = (refused: InterimError | undefined): void => {
  if (refused !== undefined && refused.reason === "InvalidHeader") throw refused
}
