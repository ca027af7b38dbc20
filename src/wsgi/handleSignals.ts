/**
 * Signals that stop a server.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { checkOption, type Option } from "../server/checkOptions.js"
import { kindOf } from "../server/OptionNames.js"
import { type StopOptions, stopOptions } from "../server/StopReport.js"
import type { RunningServer } from "./server.js"

const signals = ["SIGTERM", "SIGINT"] as const

/**
 * Stops a server with grace at the first SIGTERM or SIGINT. The second one ends the process at once, as it would without
 * handlers; under the command `tsx`, which may pass on a copy of each signal, a copy within 200 milliseconds is ignored. Once the
 * server has stopped, for whatever reason, the handlers are removed, and the process ends when it has nothing else to do. The
 * options are those of `stop`. Returns a function that removes the handlers. Throws an `OptionError` for an option that is
 * unknown or invalid, and for a value that is not a server.
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
  checkOption("running", running, runningServer)
  const checked = stopOptions(options)
  const removeHandlers = (): void => {
    for (const signal of signals) process.off(signal, stop).off(signal, ignore)
  }
  const stop = (signal: NodeJS.Signals): void => {
    removeHandlers()
    if (isRelayed()) {
      process.once(signal, ignore)
      // signals that have arrived by then are handled first
      setTimeout(() => setImmediate(() => process.off(signal, ignore)), copyWithin).unref()
    }
    void running.stop(checked)
  }
  for (const signal of signals) process.on(signal, stop)
  void running.closed.then(removeHandlers)
  return removeHandlers
}

/**
 * Whether this is a child of the command `tsx`. That receives the terminal's signals too, and passes on those that its child is
 * slow to acknowledge, so that one key press may arrive twice.
 */
const isRelayed = (): boolean =>
  process.execArgv.some((argument) => /[\\/]tsx[\\/]dist[\\/]preflight\.\w+$/.test(argument))

const copyWithin = 200

const ignore = (): void => undefined

const runningServer: Option = {
  expected: "what server() returns",
  accepts: (given) =>
    Predicate.hasProperty(given, "stop") && Predicate.isFunction(given.stop) &&
    Predicate.hasProperty(given, "closed") && Predicate.isPromiseLike(given.closed),
  explain: (given) => `give what server() returns, not ${kindOf(given)}`
}
