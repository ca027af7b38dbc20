/**
 * Makes the listeners of the plain door: values that say where to listen, and are bound when they are served.
 *
 * @since 0.1.0
 */
import { OptionError } from "../exchange/ServerError.js"
import { listenArguments } from "../node/listenArguments.js"
import { listenerTable } from "../node/listenChecks.js"
import type { ListenOptions, TlsOptions } from "../node/ListenOptions.js"
import { check, TlsSettings } from "../node/NodeListener.js"
import { checkTls } from "../node/tlsChecks.js"
import { type OptionTable, refuseMore } from "../server/checkOptions.js"
import type { Listener, TlsListener } from "./Listener.js"
import { ListenerValue, notAListener, TlsListenerValue } from "./ListenerValue.js"
import { tlsNames } from "./Options.js"

export type { Listener, TlsListener }

/**
 * Describes a listener, by a port on `127.0.0.1` or by options. A port may be a string, as the environment has it:
 * `listen(process.env.PORT ?? 8090)`. Without an argument, with `undefined` or with port 0, a free port is taken; `ready` of the
 * server tells which. Throws an `OptionError` for an option that is unknown or invalid.
 *
 * @example
 * ```ts
 * import { listen } from "tsgi"
 *
 * const everywhere = listen({ port: process.env.PORT ?? 8090, host: "0.0.0.0" })
 * const local = listen({ path: "/run/app.sock", mode: 0o660 })
 * ```
 *
 * @function
 * @since 0.1.0
 * @category constructors
 */
export const listen: (portOrOptions?: number | string | ListenOptions) => Listener = (
  given = {},
  ...more: ReadonlyArray<unknown>
) => {
  const options = listenArguments("listen", given, more)
  check(options, "listen", table)
  return new ListenerValue(options)
}

const table: OptionTable = { ...listenerTable, ...tlsNames }

/**
 * Adds TLS to a listener made by {@link listen}. `options` are `node:tls` server options: `cert`, `key`, `ca`,
 * `requestCert`, `SNICallback`, `minVersion` and so on. Throws an `OptionError` for an unknown one, and for the path of a
 * certificate or key in place of its content.
 *
 * @example
 * ```ts
 * import { readFileSync } from "node:fs"
 * import { listen, wrapTls } from "tsgi"
 *
 * const listener = wrapTls(listen(8443), { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") })
 * ```
 *
 * @function
 * @since 0.1.0
 * @category constructors
 */
export const wrapTls: (listener: Listener, options: TlsOptions) => TlsListener = (
  listener,
  options,
  ...more: ReadonlyArray<unknown>
) => {
  if (!(listener instanceof ListenerValue)) throw notAListener(listener)
  if (listener instanceof TlsListenerValue) {
    throw new OptionError({ option: "listener", description: "has TLS already; reload changes its certificate" })
  }
  refuseMore(more, "options", "wrapTls takes two arguments, a listener and TLS options")
  checkTls(options)
  return new TlsListenerValue(listener.options, new TlsSettings(options))
}
