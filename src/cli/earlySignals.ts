/**
 * Keeps signals that arrive before the server can handle them.
 *
 * @since 0.2.0
 */
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

/**
 * Keeps all signals from here on. Called before everything else: a process that is alone in its container gets none that it does
 * not handle.
 *
 * @since 0.2.0
 * @category constructors
 */
export const keep = (): void => {
  for (const name of names) {
    if (process.platform !== "win32" || ofWindows.includes(name)) process.on(name, () => hear(name))
  }
}

/**
 * Hands over all signals, those that were kept included.
 *
 * @since 0.2.0
 * @category constructors
 */
export const handTo = (hearer: (signal: Signal) => void): void => {
  hear = hearer
  for (const signal of early.splice(0)) hear(signal)
}
