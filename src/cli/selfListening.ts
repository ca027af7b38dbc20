/**
 * Apps that listen by themselves, which is the command's part. Plain Node.
 *
 * @since 0.2.0
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import type { AppSource, Assignment } from "./messages.js"

/**
 * The number of sockets of this process that listen.
 *
 * @since 0.2.0
 * @category accessors
 */
export const listening = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(?:TCPServer|Pipe)/.test(name) && name !== "PipeWrap").length

/**
 * What such an app does.
 *
 * @since 0.2.0
 * @category constants
 */
export const listens = "listens by itself"

/**
 * The warning about what an app does that is the command's part.
 *
 * @since 0.2.0
 * @category conversions
 */
export const warningOf = ({ name }: AppSource, what: string): string => `${name} ${what}, which is the command's part`

/**
 * Sees whether the app of a worker listens by itself.
 *
 * @since 0.2.0
 * @category models
 */
export class SelfListening {
  private readonly before = listening()
  private isTold: boolean

  /** @param isAlone whether all sockets of the process are the worker's; nothing is seen where they are not */
  constructor(private readonly isAlone: boolean) {
    this.isTold = !isAlone
  }

  /** Whether more sockets listen than those of the worker that may, one of which could not: its own ones are closed by then. */
  async isSeenBeside({ listeners }: Pick<Assignment, "listeners">): Promise<boolean> {
    // a socket that could not listen is closed at the end of a turn
    for (let turn = 0; turn < 2; turn++) await nextTurn()
    return this.isAlone && listening() - this.before > listeners.length - 1
  }

  /** The warning, once, where more sockets listen than the worker's own. */
  warnings({ app, listeners }: Pick<Assignment, "app" | "listeners">): ReadonlyArray<string> {
    if (this.isTold || listening() - this.before <= listeners.length) return []
    this.isTold = true
    return [warningOf(app, listens)]
  }
}

/**
 * What to do about it.
 *
 * @since 0.2.0
 * @category constants
 */
export const remedy = "export the app, and leave the call that listens out"

/**
 * Whether an error, or a cause of it, says that an address could not be listened on.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOfListen = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "BindError" || ("syscall" in error && error.syscall === "listen") ||
    (error.cause !== error && isOfListen(error.cause)))
