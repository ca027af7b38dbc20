/**
 * Listeners for the facade: values that say where to listen, bound when they are served.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import {
  check,
  type ListenOptions,
  make,
  type TlsCredentials,
  type TlsOptions,
  TlsSettings
} from "../node/NodeListener.js"
import type * as Engine from "../server/Listener.js"
import { BindError, OptionError } from "../server/ServerError.js"

/**
 * Where to listen. A value: it is bound when it is served, and can be served again after its server has stopped.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listener {
  readonly _tag: "Listener"
}

/**
 * A listener with TLS.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsListener extends Listener {
  /** Takes a new certificate and key for connections from here on, without a restart. */
  readonly reload: (options: TlsCredentials) => void
}

/**
 * Describes a listener: a port on `127.0.0.1`, or options. Without an argument, or with port 0, a free port is taken;
 * `ready` of the server tells which. Throws an `OptionError` for an option that is unknown or cannot be meant.
 *
 * @since 0.1.0
 * @category constructors
 */
export const listen = (portOrOptions: number | ListenOptions = {}): Listener => {
  const options = typeof portOrOptions === "number" ? { port: portOrOptions } : portOrOptions
  const given: unknown = options
  if (!Predicate.isRecord(given)) {
    throw new OptionError({ option: "options", description: `give a port or an object, not ${String(given)}` })
  }
  for (const key of Object.keys(options)) {
    if (!optionNames.includes(key)) {
      throw new OptionError({
        option: key,
        description: `listen has no such option; known are ${optionNames.join(", ")}`
      })
    }
  }
  check(options)
  return new ListenerValue(options)
}

const optionNames = ["port", "host", "backlog", "ipv6Only", "reusePort", "path", "mode", "fd"]

/**
 * Adds TLS to a listener made by {@link listen}. `options` are `node:tls` server options: `cert`, `key`, `ca`,
 * `requestCert`, `SNICallback`, `minVersion` and so on.
 *
 * @since 0.1.0
 * @category constructors
 */
export const wrapTls = (listener: Listener, options: TlsOptions): TlsListener => {
  if (!(listener instanceof ListenerValue)) throw notAListener()
  return new TlsListenerValue(listener.options, new TlsSettings(options))
}

/**
 * The engine's listener that a facade's is: one made here, or another that can be bound, such as the one in memory.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toEngine = (listener: Listener): Context.Tag.Service<Engine.Listener> => {
  if (!isBindable(listener)) throw notAListener()
  return listener instanceof ListenerValue ? listener : adopted(listener)
}

// A listener that was not made here, such as the one in memory, was made with the Effect that is installed, and the facade has
// its own. What the two share works whatever their versions are; Effect's warning of it is for nobody, as nobody can mend it.
// A failure becomes the facade's, so that its users know the class.
const adopted = (listener: Bindable): Bindable => {
  const unwarned = Effect.provide(Layer.setVersionMismatchErrorLogLevel(Option.none()))
  return {
    _tag: "Listener",
    bind: (...given) =>
      Effect.acquireRelease(Scope.make(), (scope, exit) => unwarned(Scope.close(scope, exit))).pipe(
        Effect.flatMap((scope) => unwarned(Scope.extend(listener.bind(...given), scope))),
        Effect.mapError(({ address, cause, reason }) => new BindError({ reason, address, cause }))
      )
  }
}

type Bindable = Listener & Context.Tag.Service<Engine.Listener>

const isBindable = (listener: Listener): listener is Bindable =>
  Predicate.hasProperty(listener, "bind") && Predicate.isFunction(listener.bind)

class ListenerValue implements Bindable {
  readonly _tag = "Listener"
  readonly bind: Bindable["bind"]

  constructor(readonly options: ListenOptions, tls?: TlsSettings) {
    this.bind = make(options, tls).bind
  }
}

class TlsListenerValue extends ListenerValue implements TlsListener {
  constructor(options: ListenOptions, private readonly settings: TlsSettings) {
    super(options, settings)
  }

  reload(options: TlsCredentials): void {
    this.settings.reload(options)
  }
}

const notAListener = (): OptionError =>
  new OptionError({ option: "listener", description: "give what listen() or wrapTls(listen(), ...) returns" })
