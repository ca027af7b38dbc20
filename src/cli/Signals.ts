/**
 * The signals of a supervisor.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { isatty } from "node:tty"
import { handTo, type Signal } from "./earlySignals.js"

const onTerminal = [0, 1, 2].filter((fd) => isatty(fd))

/**
 * Whether this process was started on a terminal that is now closed. A closing terminal sends HUP, and so does the console of
 * Windows.
 *
 * @since 0.2.0
 * @category accessors
 */
export const terminalIsClosed = (): boolean =>
  process.platform === "win32" || (onTerminal.length > 0 && !onTerminal.some((fd) => isatty(fd)))

/**
 * All signals, including those that arrived earlier.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make: Effect.Effect<Queue.Dequeue<Signal>> = Effect.tap(
  Queue.unbounded<Signal>(),
  (queue) => handTo((signal) => void Queue.unsafeOffer(queue, signal))
)
