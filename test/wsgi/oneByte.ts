/** A TCP listener whose connections take one byte at a time, as `send(2)` may. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type { Address } from "tsgi"
import type { MemoryListener } from "tsgi/testing"
import type { TransportError } from "../../src/exchange/ServerError.js"
import type { Transport, TransportEvents } from "../../src/transport/Transport.js"

/** The listener. `writes` has the length of each write. */
export const oneByteAtATime = (): {
  readonly listener: MemoryListener.Bindable
  readonly writes: ReadonlyArray<number>
} => {
  const writes: Array<number> = []
  const listener: MemoryListener.Bindable = {
    _tag: "Listener",
    bind: (acceptor) =>
      Effect.acquireRelease(
        Effect.promise(async () => {
          const server = Net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
            acceptor.accepted(new OneByteTransport(socket, writes)))
          await new Promise<void>((resolve) =>
            server.listen(0, "127.0.0.1", resolve)
          )
          return server
        }),
        (server) => Effect.sync(() => server.close())
      ).pipe(Effect.map((server) => {
        const bound = server.address()
        if (bound === null || typeof bound === "string") throw new Error("not bound")
        return { address: { _tag: "Tcp" as const, host: bound.address, port: bound.port }, scheme: "http" as const }
      }))
  }
  return { listener, writes }
}

class OneByteTransport implements Transport {
  readonly local: Address = { _tag: "Tcp", host: "127.0.0.1", port: 0 }
  readonly remote: Address = { _tag: "Tcp", host: "127.0.0.1", port: 0 }
  readonly tls = undefined
  handed = 0
  private left = Buffer.alloc(0)
  private sending = false
  private ending = false
  private events: TransportEvents | undefined = undefined

  constructor(private readonly socket: Net.Socket, private readonly writes: Array<number>) {
    socket.on("error", () => undefined)
  }

  get pending(): number {
    return this.left.length
  }

  open(events: TransportEvents): void {
    this.events = events
    const none: TransportError | undefined = undefined
    this.socket.on("data", events.data).on("end", events.end).once("close", () => events.closed(none))
    this.socket.resume()
  }

  write(data: string | Uint8Array): void {
    this.left = Buffer.concat([this.left, typeof data === "string" ? Buffer.from(data, "latin1") : data])
    this.next()
  }

  end(): void {
    this.ending = true
    this.next()
  }

  destroy(): void {
    this.socket.destroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  cork(): void {
    // each byte leaves alone, even if the server has written several together
  }

  run<A, B>(callback: (first: A, second: B) => void, first: A, second: B): void {
    callback(first, second)
  }

  uncork(): void {
    this.next()
  }

  detach(): Net.Socket {
    return this.socket
  }

  private next(): void {
    if (this.sending) return
    if (this.left.length === 0) {
      if (this.ending) this.socket.end()
      return
    }
    this.sending = true
    const byte = this.left.subarray(0, 1)
    this.left = this.left.subarray(1)
    this.writes.push(byte.length)
    this.socket.write(byte, () => {
      this.sending = false
      this.handed++
      this.events?.progress()
      this.next()
    })
  }
}
