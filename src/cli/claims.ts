/**
 * What a supervisor claims before its workers start, so that another one that starts at the same moment is refused: its control
 * socket, and its addresses.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { BindError } from "../exchange/ServerError.js"
import type { Environment } from "../node/activation.js"
import * as BoundSocket from "../node/BoundSocket.js"
import { hasServer, pidAt } from "./client.js"
import { CommandError } from "./CommandError.js"
import { Journal } from "./Journal.js"
import { runtimeFolder } from "./Settings.js"
import { messageOf } from "./streams.js"

/**
 * Binds the control socket, which is closed and removed with the Scope. If it cannot be made, logs a warning and returns
 * `undefined`. Fails if another server has it.
 *
 * @since 0.2.0
 * @category constructors
 */
export const claimControl = (
  path: string
): Effect.Effect<BoundSocket.BoundSocket | undefined, CommandError, Scope.Scope | Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    yield* checkRunning(path)
    return yield* claim(path).pipe(
      Effect.catchAll((error) =>
        Effect.gen(function*() {
          if (isInUse(error)) {
            yield* checkRunning(path)
            if (!(yield* hasServer(path))) return yield* taken(`another server is starting with ${named(path)}`)
          }
          yield* journal.warn("control", noControl(path, error))
          return undefined
        })
      )
    )
  })

/**
 * The warning that there is no control socket.
 *
 * @since 0.2.0
 * @category conversions
 */
export const noControl = (path: string, error: unknown): string =>
  `no control socket at ${path}: ${causeOf(error)}; --control PATH puts it elsewhere`

/**
 * The message of the cause of an error.
 *
 * @since 0.2.0
 * @category conversions
 */
export const causeOf = (error: unknown): string =>
  messageOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
    // the path is said before it
    .replace(/^cannot listen: /, "")

/**
 * Claims a TCP address among the servers of this user, until the Scope closes: the system lets two sockets be bound to it until
 * one of them listens, which is once an app is loaded. Does nothing where no file can be made.
 *
 * @param address as `127.0.0.1:8090`
 *
 * @since 0.2.0
 * @category constructors
 */
export const claimAddress = (
  address: string,
  env: Environment
): Effect.Effect<void, { readonly reason: "AddressInUse"; readonly message: string }, Scope.Scope> =>
  claim(Path.join(runtimeFolder(env), `${address}.address`)).pipe(
    Effect.catchIf((error) => !isInUse(error), () => Effect.void),
    Effect.mapError(() => ({
      reason: "AddressInUse" as const,
      message: "another server of this user is starting there; stop it, or choose another port"
    })),
    Effect.asVoid
  )

const claim = (path: string): Effect.Effect<BoundSocket.BoundSocket, unknown, Scope.Scope> =>
  Effect.zipRight(Effect.try(() => checkPlace(path)), BoundSocket.make({ path, mode: 0o600 }))

const isInUse = (error: unknown): boolean => error instanceof BindError && error.reason === "AddressInUse"

const checkRunning = (path: string): Effect.Effect<void, CommandError> =>
  Effect.flatMap(
    pidAt(path),
    (pid) => pid === undefined ? Effect.void : taken(`already running, pid ${pid}, with ${named(path)}`)
  )

const named = (path: string): string => `the control socket ${path}: give this one another --name`

const taken = (message: string): CommandError => new CommandError({ code: 5, message })

// Node's own `recursive` does not end if no folder can be made, as below /proc.
const makeFolder = (folder: string): void => {
  if (Fs.existsSync(folder)) return
  makeFolder(Path.dirname(folder))
  Fs.mkdirSync(folder, { mode: 0o700 })
}

// Creates the folder with mode 0700, or checks its mode, because a user who can write there could replace the socket.
const checkPlace = (path: string): void => {
  const folder = Path.dirname(path)
  makeFolder(folder)
  // see statOf of node/unixSocket.ts
  if (Fs.statSync(path, { bigint: true, throwIfNoEntry: false })?.isSocket() === false) {
    throw new Error("it is no socket")
  }
  const { mode, uid } = Fs.statSync(folder)
  if (folder === "/tmp" || folder === process.cwd()) return
  if (uid !== process.getuid?.()) throw new Error(`${folder} is not ours`)
  if ((mode & 0o022) !== 0) throw new Error(`others may write to ${folder} (chmod 700 ${folder})`)
}
