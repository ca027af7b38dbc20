/**
 * Apps that listen by themselves, which is the command's part. Node tells of each server that listens in its process, from 20.15
 * and 22.3 on; before that, nothing is found. This file does not load Effect.
 *
 * @since 0.2.0
 */
import { subscribe } from "node:diagnostics_channel"
import type { AppSource, Assignment, Place } from "./messages.js"

/**
 * What such an app does, in messages.
 *
 * @since 0.2.0
 * @category constants
 */
export const listensByItself = "listens by itself"

/**
 * The warning that an app does what is the command's part.
 *
 * @since 0.2.0
 * @category conversions
 */
export const warningOf = ({ name }: AppSource, what: string): string => `${name} ${what}, which is the command's part`

/** What is used of a `net.Server`. */
interface NodeServer {
  readonly address: () => unknown
  readonly listening: boolean
}

/**
 * The sockets on which an app listens by itself: TCP ports and unix sockets.
 *
 * @since 0.2.0
 * @category models
 */
export class AppSockets {
  /** Those that were told to listen, and do not yet. */
  private readonly beginning = new Set<NodeServer>()
  private readonly begun = new Set<NodeServer>()
  private isTold = false
  private failed = false

  /** @param own the places of the command's own sockets in this process */
  constructor(own: ReadonlyArray<Place> = []) {
    subscribe("tracing:net.server.listen:asyncStart", (message) => {
      const server = serverIn(message)
      if (server !== undefined && !own.some((place) => isAt(message, place))) this.beginning.add(server)
    })
    subscribe("tracing:net.server.listen:asyncEnd", (message) => {
      const server = serverIn(message)
      if (server !== undefined && this.beginning.delete(server)) this.begun.add(server)
    })
    subscribe("tracing:net.server.listen:error", (message) => {
      const server = serverIn(message)
      if (server !== undefined && this.beginning.delete(server)) this.failed = true
    })
  }

  /** Whether the app listens, or has begun to. */
  get areThere(): boolean {
    return this.beginning.size > 0 || this.listening.length > 0
  }

  /** Whether the app listens, or could not. */
  get wereTried(): boolean {
    return this.areThere || this.failed
  }

  /** Whether the app listens at the port of an address, on some host. */
  haveThePortOf(address: string): boolean {
    const port = portIn(address)
    return port !== undefined && this.listening.some((server) => portOf(server) === port)
  }

  /** The warning, once, if the app listens. */
  warnings(app: AppSource): ReadonlyArray<string> {
    if (this.isTold || !this.areThere) return []
    this.isTold = true
    return [warningOf(app, listensByItself)]
  }

  private get listening(): ReadonlyArray<NodeServer> {
    for (const server of this.begun) if (!server.listening) this.begun.delete(server)
    return [...this.begun]
  }
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

const isServer = (value: unknown): value is NodeServer =>
  typeof fieldOf(value, "address") === "function" && typeof fieldOf(value, "listening") === "boolean"

const serverIn = (message: unknown): NodeServer | undefined => {
  const server = fieldOf(message, "server")
  return isServer(server) ? server : undefined
}

const isAt = (message: unknown, place: Place): boolean => {
  const options = fieldOf(message, "options")
  const is = (name: string, value: unknown): boolean => fieldOf(options, name) === value
  return "fd" in place
    ? is("fd", place.fd)
    : "path" in place
    ? is("path", place.path)
    : is("port", place.port) && is("host", place.host)
}

const portOf = (server: NodeServer): unknown => fieldOf(server.address(), "port")

const portIn = (address: string): number | undefined => {
  const [, port] = /:(\d+)$/.exec(address) ?? []
  return port === undefined ? undefined : Number(port)
}

/**
 * The remedy for the user.
 *
 * @param error of the app's socket that could not listen
 * @param addresses those of the command
 *
 * @since 0.2.0
 * @category conversions
 */
export const remedyFor = (error: unknown, { addresses }: Pick<Assignment, "addresses">): string => {
  const port = fieldOf(error, "port")
  const isBeside = fieldOf(error, "code") === "EADDRINUSE" && typeof port === "number" &&
    !addresses.some((address) => portIn(address) === port)
  return `export the app, and leave the call that listens out${
    isBeside ? "; a port for something else, such as metrics, needs TSGI_SLOT in its number: see the README" : ""
  }`
}

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
