/** A listener that reports when the engine closes a socket. */
import * as Effect from "effect/Effect"
import type { Listener } from "../../src/server/Listener.js"
import type { Transport } from "../../src/transport/Transport.js"

export const noting = (listener: Listener["Type"], closed: () => void): Listener["Type"] => ({
  bind: (acceptor, options) =>
    Effect.suspend(() =>
      listener.bind({ ...acceptor, accepted: (transport) => acceptor.accepted(noted(transport, closed)) }, options)
    )
})

const noted = (transport: Transport, closed: () => void): Transport =>
  new Proxy(transport, {
    get: (target, name): unknown => {
      const value: unknown = Reflect.get(target, name, target)
      if (name === "destroy") {
        return () => {
          closed()
          target.destroy()
        }
      }
      return typeof value === "function" ? value.bind(target) : value
    }
  })
