/**
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type { Signal } from "./earlySignals.js"
import { terminalIsClosed } from "./Signals.js"
import type { StopOrder } from "./StopOrder.js"
import type { Supervisor } from "./Supervisor.js"

/**
 * The parts of the command on which signals act.
 *
 * @since 0.2.0
 * @category models
 */
export interface SignalTargets {
  readonly supervisor: Supervisor
  readonly order: StopOrder
  readonly reload: Effect.Effect<unknown>
  readonly stopNow: Effect.Effect<void>
  /** With `true`, HUP stops the server, because a closed terminal sends it. */
  readonly dev: boolean
}

/**
 * Does what a signal says.
 *
 * @since 0.2.0
 * @category constructors
 */
export const obey = (
  { dev, order, reload, stopNow, supervisor }: SignalTargets
) =>
(signal: Signal): Effect.Effect<void> =>
  Effect.gen(function*() {
    // a refusal is in the log
    const scaleBy = (more: number) => Effect.ignore(supervisor.scale(supervisor.facts.slots.length + more))
    switch (signal) {
      case "SIGTERM":
        return void (yield* order.stop)
      case "SIGINT":
        if (yield* order.stop) return
        order.exitWith(130)
        return yield* stopNow
      case "SIGQUIT":
        return yield* stopNow
      case "SIGHUP":
        return void (yield* dev || terminalIsClosed() ? order.stop : Effect.forkDaemon(reload))
      case "SIGTTIN":
        return yield* scaleBy(1)
      case "SIGTTOU":
        return yield* scaleBy(-1)
      case "SIGUSR2":
        return yield* supervisor.reopen
    }
  })
