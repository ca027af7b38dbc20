/**
 * Keeps signals that arrive before the server can handle them.
 *
 * @since 0.2.0
 */
const names = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR2"] as const
/** The signals that Windows has, for Ctrl-C and for a closed console. */
const ofWindows: ReadonlyArray<string> = ["SIGINT", "SIGHUP"]

/**
 * @since 0.2.0
 * @category models
 */
export type Signal = typeof names[number]

const early: Array<Signal> = []
let hear = (signal: Signal): void => void early.push(signal)

/**
 * Keeps all signals from now on. It is called before anything else, because the first process of a container only receives
 * signals that it handles.
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
 * Gives all signals to a function, the kept ones first.
 *
 * @since 0.2.0
 * @category constructors
 */
export const handTo = (hearer: (signal: Signal) => void): void => {
  hear = hearer
  for (const signal of early.splice(0)) hear(signal)
}
