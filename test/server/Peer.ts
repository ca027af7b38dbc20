/** The engine on a transport whose events the test emits. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Address } from "../../src/exchange/Address.js"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { Listener } from "../../src/server/Listener.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import type { Transport, TransportEvents } from "../../src/transport/Transport.js"
import { Journal } from "../utils/Journal.js"
import { serve } from "./engine.js"

export class Peer implements Transport {
  readonly local: Address = { _tag: "Tcp", host: "127.0.0.1", port: 80 }
  readonly remote: Address = { _tag: "Tcp", host: "127.0.0.1", port: 50_000 }
  readonly tls = undefined
  written = ""
  /** While it is true, the kernel takes nothing. */
  stalled = false
  destroyed = false
  events: TransportEvents = { data: ignore, end: ignore, progress: ignore, closed: ignore }

  get pending(): number {
    return this.stalled ? this.written.length : 0
  }

  get handed(): number {
    return this.written.length - this.pending
  }

  open(events: TransportEvents): void {
    this.events = events
  }

  write(data: string | Uint8Array): void {
    this.written += typeof data === "string" ? data : Buffer.from(data).toString("latin1")
  }

  destroy(): void {
    this.destroyed = true
  }

  run<A, B>(callback: (first: A, second: B) => void, first: A, second: B): void {
    callback(first, second)
  }

  cork = ignore
  uncork = ignore
  pause = ignore
  resume = ignore
  end = ignore
  detach = ignore
}

const ignore = (): void => undefined
export const told = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** Serves within a scope, on transports that the test controls. */
export const servePeers = (handler: (exchange: Exchange) => void, config: ServerConfig.PartialConfig) =>
  Effect.gen(function*() {
    let accept: (transport: Transport) => void = ignore
    const listener = Layer.succeed(Listener, {
      bind: ({ accepted }) =>
        Effect.sync(() => {
          accept = accepted
          return { address: new Peer().local, scheme: "http" as const }
        })
    })
    const { running } = yield* serve(handler, new Journal(), config, listener)
    const connect = (): Peer => {
      const peer = new Peer()
      accept(peer)
      return peer
    }
    return { connect, running }
  })
