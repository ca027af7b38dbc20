/**
 * The bytes between the two ends of a connection in memory, in one direction.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"

/**
 * The reader of a {@link Pipe}.
 *
 * @since 0.2.0
 * @category models
 */
export interface PipeReader {
  /** Called when there are bytes to read, or the end. */
  readonly readable: () => void
  /** Called when the writer has left with a reset. */
  readonly reset: () => void
}

const nothing = (): void => undefined

/**
 * One direction of a connection. `queue` has the bytes that wait for room, and `travelling` those that were taken and not yet
 * delivered.
 *
 * @since 0.2.0
 * @category models
 */
export class Pipe {
  private pendingBytes = 0
  private handedBytes = 0
  private isRead = true
  private reader: PipeReader = { readable: nothing, reset: nothing }
  private onRoom: () => void = nothing
  private queue: Array<Uint8Array> = []
  private travelling: Array<Buffer> = []
  private held = 0
  private ending = false

  constructor(private readonly size: number, private readonly takeAtMost: number) {}

  /** Sets the reader, which is called back. */
  readBy(reader: PipeReader): void {
    this.reader = reader
  }

  /** Sets the function that is called when there is room for more. */
  writtenBy(onRoom: () => void): void {
    this.onRoom = onRoom
  }

  /** Bytes that were written and not taken. */
  get pending(): number {
    return this.pendingBytes
  }

  /** Bytes that were taken since the beginning. */
  get handed(): number {
    return this.handedBytes
  }

  /** False once the reader has left, so that further writes are answered with a reset. */
  get hasReader(): boolean {
    return this.isRead
  }

  /** Called when the reader leaves. The writer learns of it with its next write. */
  leave(): void {
    this.isRead = false
    this.onRoom()
  }

  /** Whether the writer has ended its side. */
  get ended(): boolean {
    return this.ending
  }

  /** Whether all bytes and the end have been taken. */
  get finished(): boolean {
    return this.ending && this.queue.length === 0
  }

  /** Whether there are bytes to read. */
  get hasUnread(): boolean {
    return this.held > 0
  }

  /** Whether all bytes are read, so that the end is next. */
  get atEnd(): boolean {
    return this.finished && this.held === 0
  }

  /** Whether more bytes can be taken at the moment. */
  get canTake(): boolean {
    return this.queue.length > 0 && this.held < this.size
  }

  push(bytes: Uint8Array): void {
    this.queue.push(bytes)
    this.pendingBytes += bytes.length
  }

  end(): void {
    this.ending = true
    this.reader.readable()
  }

  /** Takes the bytes for which there is room. Returns true if there were any. */
  take(): boolean {
    const most = Math.min(this.size - this.held, this.takeAtMost)
    let taken = 0
    while (this.queue.length > 0 && taken < most) {
      const next = this.queue[0]
      const length = Math.min(next.length, most - taken)
      // the bytes are copied, because the writer may change them
      this.travelling.push(Buffer.from(next.subarray(0, length)))
      if (length === next.length) this.queue.shift()
      else this.queue[0] = next.subarray(length)
      taken += length
    }
    this.held += taken
    this.handedBytes += taken
    this.pendingBytes -= taken
    if (taken > 0) this.reader.readable()
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

  /** Called when the writer leaves. Bytes that wait for room are lost; the others arrive. */
  abandon(): void {
    this.queue = []
    this.end()
  }

  /** Called when the writer leaves with a reset. Bytes that were not read are lost (RFC 9112, 9.6). */
  reset(): void {
    this.queue = []
    this.travelling = []
    this.held = 0
    this.reader.reset()
  }
}
