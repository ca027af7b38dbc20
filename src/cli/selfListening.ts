/**
 * Apps that listen by themselves, which is the command's part. This file does not load Effect.
 *
 * @since 0.2.0
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import type { AppSource, Assignment } from "./messages.js"
import { listeningPorts } from "./procNet.js"

/**
 * The number of TCP sockets of this process that listen.
 *
 * @since 0.2.0
 * @category accessors
 */
export const listening = (): number =>
  // a unix socket that listens has the name of any pipe
  process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length

const ownOf = ({ addresses }: Pick<Assignment, "addresses">): number =>
  addresses.filter((address) => !/^(?:https\+)?unix:/.test(address)).length

/**
 * The words for what such an app does.
 *
 * @since 0.2.0
 * @category constants
 */
export const listens = "listens by itself"

/**
 * The warning that an app does what is the command's part.
 *
 * @since 0.2.0
 * @category conversions
 */
export const warningOf = ({ name }: AppSource, what: string): string => `${name} ${what}, which is the command's part`

/**
 * Finds out whether the app of a worker listens by itself.
 *
 * @since 0.2.0
 * @category models
 */
export class SelfListening {
  private readonly before = listening()
  private isTold: boolean

  /** @param isAlone whether all sockets of the process belong to the worker; if they do not, nothing is found */
  constructor(private readonly isAlone: boolean) {
    this.isTold = !isAlone
  }

  /** Whether more sockets listen than the worker's own, of which one could not listen. */
  async isSeenBeside(assignment: Pick<Assignment, "addresses">): Promise<boolean> {
    // a socket that could not listen is closed at the end of a turn
    for (let turn = 0; turn < 2; turn++) await nextTurn()
    return this.isAlone && listening() - this.before > ownOf(assignment) - 1
  }

  /** The warning, once, if more sockets listen than the worker's own. */
  warnings({ addresses, app }: Pick<Assignment, "addresses" | "app">): ReadonlyArray<string> {
    if (this.isTold || listening() - this.before <= ownOf({ addresses })) return []
    this.isTold = true
    return [warningOf(app, listens)]
  }
}

/**
 * The remedy for the user.
 *
 * @since 0.2.0
 * @category constants
 */
export const remedy = "export the app, and leave the call that listens out"

/**
 * The error, of an error and its causes, that says that listening at an address has failed, in Node's words if it has them;
 * `undefined` where none says so.
 *
 * @since 0.2.0
 * @category accessors
 */
export const listenErrorOf = (error: unknown): Error | undefined => {
  if (!(error instanceof Error)) return undefined
  if ("syscall" in error && error.syscall === "listen") return error
  const cause = error.cause === error ? undefined : listenErrorOf(error.cause)
  return cause ?? (error.name === "BindError" ? error : undefined)
}

/**
 * The address of the listener of the worker that could not listen, as it is shown; `undefined` if the error is of another socket.
 *
 * @since 0.2.0
 * @category accessors
 */
export const addressOf = (
  error: unknown,
  assignment: Pick<Assignment, "addresses" | "listeners">
): string | undefined => {
  if (!(error instanceof Error)) return undefined
  if (error.name !== "BindError") return error.cause === error ? undefined : addressOf(error.cause, assignment)
  const { addresses, listeners } = assignment
  return addresses[
    listeners.findIndex((listener) =>
      "fd" in listener && "address" in error && error.address === `descriptor ${listener.fd}`
    )
  ]
}

/**
 * Whether a socket of this process other than its listeners listens at the port of an address; false if the system does not tell.
 *
 * @since 0.2.0
 * @category guards
 */
export const isListening = (address: string, { listeners }: Pick<Assignment, "listeners">): boolean => {
  const [, port] = /:(\d+)$/.exec(address) ?? []
  const own = listeners.flatMap((listener) => "fd" in listener ? [listener.fd] : [])
  return port !== undefined && listeningPorts(own).has(Number(port))
}
