/**
 * The plain door's listeners, as listeners of the engine.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import { BindError, OptionError } from "../exchange/ServerError.js"
import type { ListenOptions, TlsCredentials } from "../node/ListenOptions.js"
import { make, type TlsSettings } from "../node/NodeListener.js"
import type * as Engine from "../server/Listener.js"
import { bind } from "../server/serviceCalls.js"
import type { Listener, TlsListener } from "./Listener.js"

/**
 * The engine's listener for one of the plain door. That was made here, or is another one that can be bound, such as the one in
 * memory.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toEngine = (listener: Listener): Context.Tag.Service<Engine.Listener> => {
  if (!isBindable(listener)) throw notAListener(listener)
  return listener instanceof ListenerValue ? listener : adopted(listener)
}

// A listener that was not made here, such as the one in memory, uses the installed Effect, while the plain door contains its own.
// What the two share works with any two versions, so Effect's warning about them is switched off. A failure becomes an instance
// of this door's class.
const adopted = (listener: Bindable): Bindable => {
  const unwarned = Effect.provide(Layer.setVersionMismatchErrorLogLevel(Option.none()))
  return {
    _tag: "Listener",
    bind: (...given) =>
      Effect.acquireRelease(Scope.make(), (scope, exit) => unwarned(Scope.close(scope, exit))).pipe(
        Effect.flatMap((scope) => unwarned(Scope.extend(bind(listener, ...given), scope))),
        Effect.mapError(({ address, cause, reason }) => new BindError({ reason, address, cause }))
      )
  }
}

type Bindable = Listener & Context.Tag.Service<Engine.Listener>

const isBindable = (listener: Listener): listener is Bindable =>
  Predicate.hasProperty(listener, "bind") && Predicate.isFunction(listener.bind)

/**
 * The listener that `listen` returns.
 *
 * @since 0.1.0
 * @category models
 */
export class ListenerValue implements Bindable {
  readonly _tag = "Listener"
  readonly bind: Bindable["bind"]

  constructor(readonly options: ListenOptions, tls?: TlsSettings) {
    this.bind = make(options, tls).bind
  }
}

/**
 * The listener that `wrapTls` returns.
 *
 * @since 0.1.0
 * @category models
 */
export class TlsListenerValue extends ListenerValue implements TlsListener {
  constructor(options: ListenOptions, private readonly settings: TlsSettings) {
    super(options, settings)
  }

  reload(options: TlsCredentials): void {
    this.settings.reload(options)
  }

  setTicketKeys(keys: Uint8Array): void {
    this.settings.setTicketKeys(keys)
  }
}

/**
 * The error for a value that is not a listener.
 *
 * @since 0.1.0
 * @category errors
 */
export const notAListener = (given: unknown): OptionError => {
  const hint = typeof given === "number" || typeof given === "string"
    ? `, such as listen(${JSON.stringify(given)})`
    : ""
  return new OptionError({
    option: "listener",
    description: `give what listen() or wrapTls(listen(), ...) returns${hint}`
  })
}
