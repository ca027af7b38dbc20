/**
 * What a WebSocket has been given and its client has not taken: whoever writes waits when it is much, and so does the client
 * that makes it be written by what it sends. A client is not read, either, before somebody listens.
 *
 * @since 0.2.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Effect from "effect/Effect"
import type { WebSocket } from "ws"

type Chunk = Uint8Array | string | Socket.CloseEvent

type Opening = { readonly onOpen?: Effect.Effect<void> | undefined }

type Write = (chunk: Chunk) => Effect.Effect<void, Socket.SocketError>

/**
 * @since 0.2.0
 * @category models
 */
export class WebSocketWrites {
  private socket: WebSocket | undefined = undefined
  private readonly turn = Effect.unsafeMakeSemaphore(1)
  private waiting = 0
  private heard = false
  private paused = false
  private onRoom: (() => void) | undefined = undefined

  /** @param highWaterMark bytes that may wait for the client; with so many, writers do */
  constructor(private readonly highWaterMark: number) {}

  /** Counts what this WebSocket is given from here on, and reads nothing until somebody listens. */
  watch(socket: WebSocket): void {
    this.socket = socket
    this.pause()
    const send = socket.send.bind(socket)
    // it calls back when a message is with the kernel, and has no event for that
    socket.send = (data: Parameters<typeof send>[0]) => {
      send(data, this.taken)
      // who reads nothing is not read from: what it sends may be what makes the answers
      if (this.full) this.pause()
    }
    socket.once("close", this.taken)
  }

  /** The same Socket, whose writers wait, and whose peer is read when somebody listens. */
  over(socket: Socket.Socket): Socket.Socket {
    return Socket.Socket.of({
      ...socket,
      run: (handler, options) => socket.run(handler, this.listening(options)),
      runRaw: (handler, options) => socket.runRaw(handler, this.listening(options)),
      writer: Effect.map(socket.writer, (write) => this.around(write))
    })
  }

  /** What came with the handshake, or behind it, can be told from here on, or is of no use. */
  readOn(): void {
    this.heard = true
    this.resume()
  }

  private listening(options?: Opening): Opening {
    const listened = Effect.sync(() => this.readOn())
    return { onOpen: options?.onOpen === undefined ? listened : Effect.zipRight(listened, options.onOpen) }
  }

  /**
   * Messages leave in the order in which they were given. A close does not wait: it says what ends them. What is written
   * behind it, or when the client has left, waits for the end of `run`, which says what happened: `ws` would drop it in no
   * time, for ever.
   */
  private around(write: Write): Write {
    return (chunk) =>
      Effect.suspend(() => {
        if (Socket.isCloseEvent(chunk) || (this.waiting === 0 && !this.full)) return this.give(write, chunk)
        this.waiting++
        return Effect.ensuring(
          this.turn.withPermits(1)(Effect.zipRight(this.room, this.give(write, chunk))),
          Effect.sync(() => this.waiting--)
        )
      })
  }

  private give(write: Write, chunk: Chunk): Effect.Effect<void, Socket.SocketError> {
    return Effect.suspend(() => {
      const { socket } = this
      const closing = socket !== undefined && socket.readyState > socket.OPEN
      return closing && !Socket.isCloseEvent(chunk) ? Effect.never : write(chunk)
    })
  }

  private get full(): boolean {
    const { socket } = this
    return socket !== undefined && socket.readyState === socket.OPEN && socket.bufferedAmount >= this.highWaterMark
  }

  // Who has the turn waits alone.
  private get room(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.full
        ? Effect.async<void>((resume) => {
          this.onRoom = () => resume(Effect.void)
        })
        : Effect.void
    )
  }

  private readonly taken = (): void => {
    if (this.full) return
    this.resume()
    const { onRoom } = this
    this.onRoom = undefined
    onRoom?.()
  }

  private pause(): void {
    this.paused = true
    this.socket?.pause()
  }

  private resume(): void {
    if (!this.paused || !this.heard || this.full) return
    this.paused = false
    this.socket?.resume()
  }
}
