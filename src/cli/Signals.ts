/**
 * Signals, from the first moment on: a process that is alone in its container gets none that it does not handle, and one that
 * comes before there is anybody to hear it is kept.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { isatty } from "node:tty"

const names = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR2"] as const
/** Of these Windows has: Ctrl-C, and a console that is closed. */
const ofWindows: ReadonlyArray<string> = ["SIGINT", "SIGHUP"]

/**
 * @since 0.2.0
 * @category models
 */
export type Signal = typeof names[number]

const early: Array<Signal> = []
let hear = (signal: Signal): void => void early.push(signal)

if (["serve", "dev"].includes(process.argv[2] ?? "")) {
  for (const name of names) {
    if (process.platform !== "win32" || ofWindows.includes(name)) process.on(name, () => hear(name))
  }
}

const onTerminal = [0, 1, 2].filter((fd) => isatty(fd))

/**
 * Was this process started on a terminal that is closed now? It sends HUP to whoever is on it, and so does Windows' console.
 *
 * @since 0.2.0
 * @category accessors
 */
export const terminalIsClosed = (): boolean =>
  process.platform === "win32" || (onTerminal.length > 0 && !onTerminal.some((fd) => isatty(fd)))

/**
 * All signals, those that came before included.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make: Effect.Effect<Queue.Dequeue<Signal>> = Effect.map(Queue.unbounded<Signal>(), (queue) => {
  hear = (signal) => void Queue.unsafeOffer(queue, signal)
  for (const signal of early.splice(0)) hear(signal)
  return queue
})
