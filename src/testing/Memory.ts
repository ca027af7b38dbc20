/**
 * Listeners in memory.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { setImmediate } from "node:timers"
import { type Address, format } from "../exchange/Address.js"
import { type BindError, bindErrorFrom } from "../exchange/ServerError.js"
import type { Acceptor, Listener } from "../server/Listener.js"
import { checkConnection, connection, type MemoryOptions, type MemoryTransport } from "./MemoryTransport.js"
import { type Channel, WireClient } from "./WireClient.js"

/**
 * The listener itself, which is a value for `server` of the plain door and a service for the engine.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bindable {
  readonly _tag: "Listener"
  /** @internal its type needs Effect */
  readonly bind: Context.Tag.Service<Listener>["bind"]
}

/**
 * A listener in memory, and the way to connect to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Memory {
  readonly listener: Bindable
  /** The address that the server sees: 127.0.0.1, with port 80, or 443 with `tls`. */
  readonly address: Address
  /**
   * Connects, with options that override those of the listener. Throws if no server listens, and throws an `OptionError` for an
   * option that is unknown or invalid.
   */
  readonly connect: (options?: MemoryOptions) => WireClient
}

/**
 * Creates a listener in memory, with options for all of its connections. It can be bound again after it was closed. Throws an
 * `OptionError` for an option that is unknown or invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: MemoryOptions = {}): Memory => {
  checkConnection(options)
  const address: Address = { _tag: "Tcp", host: "127.0.0.1", port: options.tls === undefined ? 80 : 443 }
  let acceptor: Acceptor | undefined
  let port = 49_151

  const bind = Effect.suspend((): Effect.Effect<void, BindError> => {
    if (acceptor === undefined) return Effect.void
    return Effect.fail(bindErrorFrom(Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" }), address))
  })
  return {
    address,
    listener: {
      _tag: "Listener",
      bind: (given) =>
        Effect.acquireRelease(
          Effect.map(bind, () => {
            acceptor = given
            return { address, scheme: options.tls === undefined ? "http" as const : "https" as const }
          }),
          () => Effect.sync(() => acceptor = undefined)
        )
    },
    connect: (own) => {
      if (own !== undefined) checkConnection(own)
      const accepting = acceptor
      if (accepting === undefined) throw new Error(`no server listens on ${format(address)}`)
      const remote: Address = { _tag: "Tcp", host: "127.0.0.1", port: ++port }
      const { client, server } = connection(address, own?.remote ?? options.remote ?? remote, { ...options, ...own })
      // the server accepts after `connect` has returned, or refuses if it has stopped meanwhile
      setImmediate(() => accepting.accepted(server))
      return new WireClient(channelOf(client))
    }
  }
}

const channelOf = (transport: MemoryTransport): Channel => ({
  write: (bytes) => transport.write(bytes),
  end: () => transport.end(),
  close: () => transport.destroy(),
  reset: () => transport.reset(),
  pause: () => transport.pause(),
  resume: () => transport.resume(),
  unsent: () => transport.pending,
  receive: ({ closed, data, end }) => transport.open({ closed, data, end, progress: () => undefined })
})
