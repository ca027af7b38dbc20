/**
 * Listeners for the facade: values that say where to listen, bound when they are served.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { ListenOptions, TlsOptions } from "../node/ListenOptions.js"
import { check, TlsSettings } from "../node/NodeListener.js"
import { OptionError } from "../server/ServerError.js"
import type { Listener, TlsListener } from "./Listener.js"
import { ListenerValue, notAListener, TlsListenerValue } from "./ListenerValue.js"

export type { Listener, TlsListener }

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

const optionNames = [
  "port",
  "host",
  "backlog",
  "ipv6Only",
  "reusePort",
  "path",
  "mode",
  "fd",
  "socket",
  "keepAliveInitialDelay"
]

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
