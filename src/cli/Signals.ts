/**
 * Signals, from the first moment on: a process that is alone in its container gets none that it does not handle, and one that
 * comes before there is anybody to hear it is kept.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

const names = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR2"] as const

/**
 * @since 0.2.0
 * @category models
 */
export type Signal = typeof names[number]

const early: Array<Signal> = []
let hear = (signal: Signal): void => void early.push(signal)

if (["serve", "dev"].includes(process.argv[2] ?? "") && process.platform !== "win32") {
  for (const name of names) process.on(name, () => hear(name))
}

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
