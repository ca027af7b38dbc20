/**
 * Connections in memory, with the behaviour of a network: bytes may be cut anywhere, a bounded number of them is held, their
 * order is kept, and they are delivered after the call that wrote them has returned.
 *
 * Bytes move in turns of the event loop, without timers, so tests may stop the clock.
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
import { checkOptions, type TableOf } from "../server/checkOptions.js"
import { number, record } from "../server/optionKinds.js"
import type { TlsInfo, Transport, TransportEvents } from "../transport/Transport.js"
import { Pipe } from "./Pipe.js"

/**
 * Options of a connection in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /** The most bytes that are held in each direction before a writer must wait. Default 65536. */
  readonly bufferSize?: number | undefined
  /** The most bytes that the server is given at a time; 1 cuts its input at every position. Default `Infinity`. */
  readonly deliverAtMost?: number | undefined
  /** The most bytes of the server that are taken at a time; the rest must wait. Default `Infinity`. */
  readonly takeAtMost?: number | undefined
  /** The address of the client. Default 127.0.0.1, with another port for each connection. */
  readonly remote?: Address | undefined
  /** The result of a TLS handshake, for a connection that the server takes for a secured one. Default: none. */
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
    expected: "an address, such as { _tag: \"Tcp\", host: \"192.0.2.1\", port: 5000 }",
    accepts: (given) =>
      Predicate.isRecord(given) &&
      (given._tag === "Tcp"
        ? typeof given.host === "string" && typeof given.port === "number"
        : given._tag === "Unix" && typeof given.path === "string")
  },
  tls: record
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
  private endDelivered = false
  private gone = false
  private closeReported = false
  private failure: TransportError | undefined = undefined
  private scheduled = false
  // true: the last write has left bytes that must wait
  private waits = false
  private readonly context = new AsyncResource("TSGI_CONNECTION", { requireManualDestroy: true })

  constructor(
    private readonly incoming: Pipe,
    private readonly outgoing: Pipe,
    private readonly deliverAtMost: number,
    readonly local: Address,
    readonly remote: Address,
    readonly tls: TlsInfo | undefined
  ) {
    incoming.readBy({ readable: () => this.schedule(), reset: () => this.fail(resetByPeer()) })
    outgoing.writtenBy(() => {
      if (this.waits) this.schedule()
    })
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
    if (this.outgoing.ended) return this.fail(transportErrorFrom(new Error("write after end")))
    this.outgoing.push(typeof data === "string" ? Buffer.from(data, "latin1") : data)
    if (!this.corked) this.send()
  }

  cork(): void {
    this.corked = true
  }

  uncork(): void {
    this.corked = false
    this.send()
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

  /** Leaves as `close(2)` does: with a reset if bytes are unread. */
  destroy(): void {
    if (this.gone) return
    if (this.incoming.hasUnread) return this.reset()
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
    // without this listener, an error would be thrown
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

  // Takes at once the bytes for which there is room, as a kernel does; the others follow in later turns.
  private send(): void {
    if (this.outgoing.hasReader) this.outgoing.take()
    this.waits = this.pending > 0
    if (this.waits) this.schedule()
  }

  private leave(): void {
    this.gone = true
    this.incoming.leave()
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
    if (!this.gone && this.waits) this.sendMore()
    if (!this.gone && !this.paused) this.deliver()
    if (!this.gone && this.endDelivered && this.outgoing.finished) this.leave()
    if (this.gone) return this.reportClosed()
    const sending = this.waits && this.outgoing.canTake
    const receiving = !this.paused && (this.incoming.hasUnread || (this.incoming.atEnd && !this.endDelivered))
    if (sending || receiving) this.schedule()
  }

  private sendMore(): void {
    if (!this.outgoing.hasReader) return this.fail(resetByPeer())
    const taken = this.outgoing.take()
    this.waits = this.pending > 0
    if (taken) this.events?.progress()
  }

  private deliver(): void {
    if (this.incoming.hasUnread) this.events?.data(this.incoming.read(this.deliverAtMost))
    else if (this.incoming.atEnd && !this.endDelivered) {
      this.endDelivered = true
      this.events?.end()
    }
  }

  private reportClosed(): void {
    if (this.closeReported) return
    this.closeReported = true
    this.events?.closed(this.failure)
  }
}

const resetByPeer = (): TransportError =>
  transportErrorFrom(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }))

/**
 * Creates a connection, and returns both ends.
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
