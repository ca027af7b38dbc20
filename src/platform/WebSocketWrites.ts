/**
 * Back-pressure for a WebSocket. While too much waits to be sent, writers wait and the client is not read, because its messages
 * may cause the writes. Nor is the client read before the handler listens.
 *
 * @since 0.2.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Effect from "effect/Effect"
import type { WebSocket } from "ws"
import { onSend } from "./internal.js"

type Chunk = Uint8Array | string | Socket.CloseEvent

type Opening = { readonly onOpen?: Effect.Effect<void> | undefined }

type Write = (chunk: Chunk) => Effect.Effect<void, Socket.SocketError>

/**
 * The writes of one WebSocket, and whether it is read.
 *
 * @since 0.2.0
 * @category models
 */
export class WebSocketWrites {
  private socket: WebSocket | undefined = undefined
  private readonly lock = Effect.unsafeMakeSemaphore(1)
  private waiting = 0
  private isHeard = false
  private isPaused = false
  private onRoom: (() => void) | undefined = undefined

  /** @param highWaterMark the bytes that may wait to be sent; with more, writers wait */
  constructor(private readonly highWaterMark: number) {}

  /** Counts what is written to this WebSocket, and reads nothing until the handler listens. */
  watch(socket: WebSocket): void {
    this.socket = socket
    this.pause()
    const sent = (): void => {
      // a client that does not read is not read either, because its messages may cause these writes
      if (this.isFull) this.pause()
    }
    onSend(socket, sent, this.taken)
    socket.once("close", this.taken)
  }

  /** The same Socket, with back-pressure. */
  wrap(socket: Socket.Socket): Socket.Socket {
    return Socket.Socket.of({
      ...socket,
      run: (handler, options) => socket.run(handler, this.listening(options)),
      runRaw: (handler, options) => socket.runRaw(handler, this.listening(options)),
      writer: Effect.map(socket.writer, (write) => this.wrapWrite(write))
    })
  }

  /** Called when the handler begins to listen, or has ended. */
  readOn(): void {
    this.isHeard = true
    this.resume()
  }

  private listening(options?: Opening): Opening {
    const listened = Effect.sync(() => this.readOn())
    return { onOpen: options?.onOpen === undefined ? listened : Effect.zipRight(listened, options.onOpen) }
  }

  /**
   * Messages leave in the order in which they were written. A close does not wait. `ws` would drop a message that is written
   * after it, or when the client has left, at once, and a loop of writes would never end. So such a write waits for `run` to end
   * with the reason.
   */
  private wrapWrite(write: Write): Write {
    return (chunk) =>
      Effect.suspend(() => {
        if (Socket.isCloseEvent(chunk) || (this.waiting === 0 && !this.isFull)) return this.send(write, chunk)
        this.waiting++
        return Effect.ensuring(
          this.lock.withPermits(1)(Effect.zipRight(this.room, this.send(write, chunk))),
          Effect.sync(() => this.waiting--)
        )
      })
  }

  private send(write: Write, chunk: Chunk): Effect.Effect<void, Socket.SocketError> {
    return Effect.suspend(() => {
      const { socket } = this
      const closing = socket !== undefined && socket.readyState > socket.OPEN
      return closing && !Socket.isCloseEvent(chunk) ? Effect.never : write(chunk)
    })
  }

  private get isFull(): boolean {
    const { socket } = this
    return socket !== undefined && socket.readyState === socket.OPEN && socket.bufferedAmount >= this.highWaterMark
  }

  // Only the holder of the lock waits here.
  private get room(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.isFull
        ? Effect.async<void>((resume) => {
          this.onRoom = () => resume(Effect.void)
        })
        : Effect.void
    )
  }

  private readonly taken = (): void => {
    if (this.isFull) return
    this.resume()
    const { onRoom } = this
    this.onRoom = undefined
    onRoom?.()
  }

  private pause(): void {
    this.isPaused = true
    this.socket?.pause()
  }

  private resume(): void {
    if (!this.isPaused || !this.isHeard || this.isFull) return
    this.isPaused = false
    this.socket?.resume()
  }
}
