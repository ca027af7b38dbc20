/**
 * A listener in memory for Effect programs: a value that is the engine's `Listener`, and a layer.
 *
 * @module
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Address } from "../exchange/Address.js"
import { Listener } from "../server/Listener.js"
import * as Plain from "./Memory.js"
import type { MemoryOptions } from "./MemoryTransport.js"
import type { WireClient } from "./WireClient.js"

/**
 * A listener in memory, as the engine's {@link Listener}.
 *
 * @since 0.2.0
 * @category models
 */
export interface Bindable extends Plain.Bindable, Context.Tag.Service<Listener> {
  readonly _tag: "Listener"
}

/**
 * A listener in memory, and the way to connect to it.
 *
 * @since 0.2.0
 * @category models
 */
export interface Memory extends Plain.Memory {
  readonly listener: Bindable
}

/**
 * Creates a listener in memory, with options for all of its connections. It can be bound again after it was closed. Throws an
 * `OptionError` for an option that is unknown or invalid.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make: (options?: MemoryOptions) => Memory = Plain.make

/**
 * The service that connects to the {@link Listener} in memory.
 *
 * @since 0.1.0
 * @category tags
 */
export class MemoryListener extends Context.Tag("tsgi/MemoryListener")<MemoryListener, {
  readonly address: Address
  /** Connects until the scope is closed. Dies if no server listens. */
  readonly connect: (options?: MemoryOptions) => Effect.Effect<WireClient, never, Scope.Scope>
}>() {}

/**
 * A listener in memory, as the engine's listener and as the service that connects to it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: MemoryOptions = {}): Layer.Layer<Listener | MemoryListener> =>
  Layer.unwrapEffect(Effect.sync(() => {
    const memory = make(options)
    return Layer.merge(
      Layer.succeed(Listener, memory.listener),
      Layer.succeed(MemoryListener, {
        address: memory.address,
        connect: (own) =>
          Effect.acquireRelease(
            Effect.sync(() => memory.connect(own)),
            (client) => Effect.sync(() => client.close())
          )
      })
    )
  }))
