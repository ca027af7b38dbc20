/**
 * Connections in memory: two ends, and between them what a network does to bytes. It cuts them anywhere, holds a bounded number of
 * them, keeps their order, and delivers them later than they were written, never within the call that wrote them.
 *
 * There are no timers here. Everything moves in turns of the event loop, so tests may stop the clock.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { AsyncResource } from "node:async_hooks"
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import { setImmediate } from "node:timers"
import type { Address } from "../exchange/Address.js"
import { type TransportError, transportErrorFrom } from "../exchange/ServerError.js"
import type { TlsInfo, Transport, TransportEvents } from "../http1/Transport.js"
import { checkOptions, type TableOf } from "../server/checkOptions.js"
import { number, record } from "../server/optionKinds.js"

/**
 * Options of a connection in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /** Bytes held between the ends, in each direction, before a writer has to wait. Default 65536. */
  readonly bufferSize?: number | undefined
  /** The server is given at most so many bytes at a time; 1 shows it every seam there can be. Default `Infinity`. */
  readonly deliverAtMost?: number | undefined
  /** At most so many of the server's bytes are taken at a time; the rest is left for later. Default `Infinity`. */
  readonly takeAtMost?: number | undefined
  /** Who connects. Default 127.0.0.1 with a port of its own. */
  readonly remote?: Address | undefined
  /** What TLS agreed on, for a connection that looks like a secured one. Default: none. */
  readonly tls?: TlsInfo | undefined
}

/**
 * Throws an `OptionError` for an option of a connection that is unknown or invalid.
 *
 * @since 0.2.0
 */
export const checkConnection = (options: unknown): void => checkOptions(options, table)

const least = number({ least: 1, whole: true, unit: "bytes", infinite: true })

/**
 * The options of a connection.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: TableOf<MemoryOptions> = {
  bufferSize: least,
  deliverAtMost: least,
  takeAtMost: least,
  remote: {
    meant: "an address, such as { _tag: \"Tcp\", host: \"192.0.2.1\", port: 5000 }",
    accepts: (given) =>
      Predicate.isRecord(given) &&
      (given._tag === "Tcp"
        ? typeof given.host === "string" && typeof given.port === "number"
        : given._tag === "Unix" && typeof given.path === "string")
  },
  tls: record
}

/** One direction: what was written and found no room yet, and before it what is on its way. */
class Pipe {
  /** Bytes written and not taken. */
  pending = 0
  /** Bytes taken since the beginning. */
  handed = 0
  /** Nobody will read any more: a write is answered with a reset. */
  readerGone = false
  onReadable = (): void => undefined
  onRoom = (): void => undefined
  onReset = (): void => undefined
  private queue: Array<Uint8Array> = []
  private travelling: Array<Buffer> = []
  private held = 0
  private ending = false

  constructor(private readonly size: number, private readonly takeAtMost: number) {}

  /** Has the writer said its end? */
  get ended(): boolean {
    return this.ending
  }

  /** Has everything been taken, the end included? */
  get finished(): boolean {
    return this.ending && this.queue.length === 0
  }

  /** Are there bytes to read? */
  get unread(): boolean {
    return this.held > 0
  }

  /** Has everything been read, the end being next? */
  get atEnd(): boolean {
    return this.finished && this.held === 0
  }

  /** Could more be taken now? */
  get movable(): boolean {
    return this.queue.length > 0 && this.held < this.size
  }

  push(bytes: Uint8Array): void {
    this.queue.push(bytes)
    this.pending += bytes.length
  }

  end(): void {
    this.ending = true
    this.onReadable()
  }

  /** Takes what there is room for. Says whether that was anything. */
  take(): boolean {
    const most = Math.min(this.size - this.held, this.takeAtMost)
    let taken = 0
    while (this.queue.length > 0 && taken < most) {
      const next = this.queue[0]
      const length = Math.min(next.length, most - taken)
      // a copy: the writer may change its bytes
      this.travelling.push(Buffer.from(next.subarray(0, length)))
      if (length === next.length) this.queue.shift()
      else this.queue[0] = next.subarray(length)
      taken += length
    }
    this.held += taken
    this.handed += taken
    this.pending -= taken
    if (taken > 0) this.onReadable()
    return taken > 0
  }

  read(most: number): Buffer {
    const next = this.travelling[0]
    const length = Math.min(next.length, most)
    if (length === next.length) this.travelling.shift()
    else this.travelling[0] = next.subarray(length)
    this.held -= length
    this.onRoom()
    return next.subarray(0, length)
  }

  /** The writer leaves: what found no room is lost, the rest arrives. */
  abandon(): void {
    this.queue = []
    this.end()
  }

  /** The writer leaves with a reset: what was not read is lost (RFC 9112, 9.6). */
  reset(): void {
    this.queue = []
    this.travelling = []
    this.held = 0
    this.onReset()
  }
}

/**
 * One end of a connection in memory.
 *
 * @since 0.1.0
 * @category models
 */
export class MemoryTransport implements Transport {
  private events: TransportEvents | undefined = undefined
  private paused = false
  private corked = false
  private endTold = false
  private gone = false
  private closedTold = false
  private failure: TransportError | undefined = undefined
  private scheduled = false
  // whether bytes were left when the last write returned
  private late = false
  private readonly context = new AsyncResource("TSGI_CONNECTION", { requireManualDestroy: true })

  constructor(
    private readonly incoming: Pipe,
    private readonly outgoing: Pipe,
    private readonly deliverAtMost: number,
    readonly local: Address,
    readonly remote: Address,
    readonly tls: TlsInfo | undefined
  ) {
    incoming.onReadable = () => this.schedule()
    incoming.onReset = () => this.fail(resetByPeer())
    outgoing.onRoom = () => {
      if (this.late) this.schedule()
    }
  }

  get pending(): number {
    return this.outgoing.pending
  }

  get handed(): number {
    return this.outgoing.handed
  }

  open(events: TransportEvents): void {
    this.events = events
    this.schedule()
  }

  write(data: string | Uint8Array): void {
    if (this.gone || data.length === 0) return
    if (this.outgoing.ended) return this.fail(transportErrorFrom(new Error("a write after the end")))
    this.outgoing.push(typeof data === "string" ? Buffer.from(data, "latin1") : data)
    if (!this.corked) this.hand()
  }

  cork(): void {
    this.corked = true
  }

  uncork(): void {
    this.corked = false
    this.hand()
  }

  run<A, B>(callback: (first: A, second: B) => void, first: A, second: B): void {
    this.context.runInAsyncScope(callback, undefined, first, second)
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    this.schedule()
  }

  end(): void {
    if (this.gone || this.outgoing.ended) return
    this.outgoing.end()
    this.schedule()
  }

  /** Leaves as `close(2)` does: with a reset when something was left unread. */
  destroy(): void {
    if (this.gone) return
    if (this.incoming.unread) return this.reset()
    this.leave()
    this.outgoing.abandon()
  }

  /** Leaves with a reset. */
  reset(): void {
    if (this.gone) return
    this.leave()
    this.outgoing.reset()
  }

  detach(owes: () => void): Duplex {
    const closed = this.events?.closed
    let waiting: (() => void) | undefined
    const written = (): void => {
      if (this.pending > 0 && !this.gone) return
      waiting?.()
      waiting = undefined
    }
    const stream = new Duplex({
      read: () => this.resume(),
      write: (chunk: Buffer, _, done) => {
        waiting = done
        this.write(chunk)
        written()
        if (this.pending > 0) owes()
      },
      final: (done) => {
        this.end()
        done()
      },
      destroy: (error, done) => {
        this.destroy()
        done(error)
      }
    })
    // an error is followed by `close`, also where nothing listens for errors
    stream.on("error", (error) => {
      this.failure ??= transportErrorFrom(error)
      stream.destroy()
    })
    this.pause()
    this.events = {
      data: (bytes) => {
        if (!stream.push(bytes)) this.pause()
      },
      end: () => stream.push(null),
      progress: written,
      closed: (error) => {
        written()
        stream.destroy(error)
        closed?.(error)
      }
    }
    return stream
  }

  // Takes at once what there is room for, as a kernel does; the rest follows in later turns.
  private hand(): void {
    if (!this.outgoing.readerGone) this.outgoing.take()
    this.late = this.pending > 0
    if (this.late) this.schedule()
  }

  private leave(): void {
    this.gone = true
    this.incoming.readerGone = true
    // a later write fails
    this.incoming.onRoom()
    this.schedule()
  }

  private fail(error: TransportError): void {
    if (this.gone) return
    this.failure = error
    this.leave()
    this.outgoing.reset()
  }

  private schedule(): void {
    if (this.scheduled || this.events === undefined) return
    this.scheduled = true
    setImmediate(() => this.context.runInAsyncScope(this.turn, this))
  }

  private turn(): void {
    this.scheduled = false
    if (!this.gone && this.late) this.sendMore()
    if (!this.gone && !this.paused) this.deliver()
    if (!this.gone && this.endTold && this.outgoing.finished) this.leave()
    if (this.gone) return this.tellClosed()
    const sending = this.late && this.outgoing.movable
    const receiving = !this.paused && (this.incoming.unread || (this.incoming.atEnd && !this.endTold))
    if (sending || receiving) this.schedule()
  }

  private sendMore(): void {
    if (this.outgoing.readerGone) return this.fail(resetByPeer())
    const taken = this.outgoing.take()
    this.late = this.pending > 0
    if (taken) this.events?.progress()
  }

  private deliver(): void {
    if (this.incoming.unread) this.events?.data(this.incoming.read(this.deliverAtMost))
    else if (this.incoming.atEnd && !this.endTold) {
      this.endTold = true
      this.events?.end()
    }
  }

  private tellClosed(): void {
    if (this.closedTold) return
    this.closedTold = true
    this.events?.closed(this.failure)
  }
}

const resetByPeer = (): TransportError =>
  transportErrorFrom(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }))

/**
 * Both ends of a new connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connection = (
  local: Address,
  remote: Address,
  options: MemoryOptions
): { readonly server: MemoryTransport; readonly client: MemoryTransport } => {
  const { bufferSize = 65_536, deliverAtMost = Infinity, takeAtMost = Infinity, tls } = options
  const requests = new Pipe(bufferSize, Infinity)
  const responses = new Pipe(bufferSize, takeAtMost)
  return {
    server: new MemoryTransport(requests, responses, deliverAtMost, local, remote, tls),
    client: new MemoryTransport(responses, requests, Infinity, remote, local, tls)
  }
}
