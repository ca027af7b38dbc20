/**
 * What a WebSocket has been given and its client has not taken: whoever writes waits when it is much, and so does the client
 * that makes it be written by what it sends.
 *
 * @since 0.2.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Effect from "effect/Effect"
import type { WebSocket } from "ws"

type Chunk = Uint8Array | string | Socket.CloseEvent

type Write = (chunk: Chunk) => Effect.Effect<void, Socket.SocketError>

/**
 * @since 0.2.0
 * @category models
 */
export class WebSocketWrites {
  private socket: WebSocket | undefined = undefined
  private readonly turn = Effect.unsafeMakeSemaphore(1)
  private waiting = 0
  private paused = false
  private onRoom: (() => void) | undefined = undefined

  /** @param highWaterMark bytes that may wait for the client; with so many, writers do */
  constructor(private readonly highWaterMark: number) {}

  /** Counts what this WebSocket is given from here on. */
  watch(socket: WebSocket): void {
    this.socket = socket
    const send = socket.send.bind(socket)
    // it calls back when a message is with the kernel, and has no event for that
    socket.send = (data: Parameters<typeof send>[0]) => {
      send(data, this.taken)
      if (!this.full) return
      // who is not read is not read from: what it sends may be what makes the answers
      this.paused = true
      socket.pause()
    }
    socket.once("close", this.taken)
  }

  /**
   * Messages leave in the order in which they were given. A close does not wait: it says what ends them. What is written
   * behind it, or when the client has left, waits for the end of `run`, which says what happened: `ws` would drop it in no
   * time, for ever.
   */
  around(write: Write): Write {
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
    if (this.paused) {
      this.paused = false
      this.socket?.resume()
    }
    const { onRoom } = this
    this.onRoom = undefined
    onRoom?.()
  }
}
