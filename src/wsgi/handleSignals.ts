/**
 * Signals that stop a server.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { OptionError } from "../exchange/ServerError.js"
import { kindOf } from "../server/OptionNames.js"
import { type StopOptions, stopOptions } from "../server/StopReport.js"
import type { RunningServer } from "./server.js"

const signals = ["SIGTERM", "SIGINT"] as const

/**
 * Stops a server with grace at the first SIGTERM or SIGINT. The second one ends the process at once, as it would without handlers.
 * Once the server has stopped, for whatever reason, the handlers are removed, and the process ends when it has nothing else to do.
 * Options are those of `stop`. Returns a function that removes the handlers. Throws an `OptionError` for an option that is unknown
 * or invalid, and for a value that is no server.
 *
 * @example
 * ```ts
 * import { handleSignals, listen, server } from "tsgi"
 *
 * const running = server(listen(8090), (_, startResponse) => {
 *   startResponse("204 No Content", [])
 *   return ""
 * })
 *
 * handleSignals(running)
 * ```
 *
 * @since 0.2.0
 * @category combinators
 */
export const handleSignals = (
  running: Pick<RunningServer, "stop" | "closed">,
  options?: StopOptions
): () => void => {
  if (!isRunning(running)) {
    throw new OptionError({ option: "running", description: `give what server() returns, not ${kindOf(running)}` })
  }
  const checked = stopOptions(options)
  const removeHandlers = (): void => {
    for (const signal of signals) process.off(signal, stop)
  }
  const stop = (): void => {
    removeHandlers()
    void running.stop(checked)
  }
  for (const signal of signals) process.on(signal, stop)
  void running.closed.then(removeHandlers)
  return removeHandlers
}

const isRunning = (given: unknown): boolean =>
  Predicate.hasProperty(given, "stop") && Predicate.isFunction(given.stop) &&
  Predicate.hasProperty(given, "closed") && Predicate.isPromiseLike(given.closed)
