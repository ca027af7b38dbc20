/**
 * The verbs that ask a running server: status, reload, stop, scale, recycle, reopen.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { isatty } from "node:tty"
import * as Client from "./client.js"
import { CommandError } from "./CommandError.js"
import { print } from "./output.js"
import { isAlive } from "./Pidfile.js"
import type { Status } from "./Status.js"
import * as StatusText from "./StatusText.js"
import { duration, mostWorkers, plural } from "./values.js"

type Flags = Readonly<Record<string, string | ReadonlyArray<string>>>

const ask = (
  path: string,
  method: "GET" | "POST",
  target: string,
  timeout?: number
): Effect.Effect<Client.Answer, CommandError> =>
  Effect.tryPromise({ try: () => Client.ask(path, method, target, timeout), catch: (error) => error }).pipe(
    Effect.catchAll((error) =>
      Effect.flatMap(
        error instanceof Error && error.name === "AbortError"
          ? Effect.succeed({
            code: 1,
            message: `no answer within ${timeout === undefined ? "5 s" : "--timeout"} from ${path}`
          })
          : isOf(error, "EACCES")
          ? Effect.succeed({ code: 7, message: `may not ask ${path}: it is another user's${ownerOf(path)}` })
          : isNoSocket(path)
          ? Effect.succeed({
            code: 7,
            message: `${path} is no socket: give the --control, or the --name, of the server`
          })
          : Effect.map(othersBeside(path), (others) => ({ code: 7, message: `no server at ${path}: ${others}` })),
        (failure) => Effect.fail(new CommandError(failure))
      )
    )
  )

const isOf = (error: unknown, code: string): boolean => error instanceof Error && "code" in error && error.code === code

const isNoSocket = (path: string): boolean => {
  try {
    return !Fs.statSync(path).isSocket()
  } catch {
    return false
  }
}

const ownerOf = (path: string): string => {
  try {
    return ` (uid ${Fs.statSync(path).uid})`
  } catch {
    // this user may not look into the folder
    return ""
  }
}

// Other servers of this user. A server is named after the folder in which it was started, and this may be another folder.
const othersBeside = (path: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    const names = socketsIn(Path.dirname(path)).filter((name) => name !== Path.basename(path)).sort()
    const alive = yield* Effect.filter(names, (name) => Client.answers(Path.join(Path.dirname(path), name)), {
      concurrency: "unbounded"
    })
    const shown = alive.slice(0, 9).map((name) => name.slice(0, -".sock".length))
    return shown.length === 0
      ? "is it running here, under this --name?"
      : `give --name; beside it ${shown.length === 1 ? "is" : "are"} ${shown.join(", ")}`
  })

const socketsIn = (folder: string): ReadonlyArray<string> => {
  try {
    return Fs.readdirSync(folder).filter((name) => name.endsWith(".sock"))
  } catch {
    return []
  }
}

/**
 * Does what a verb says, and returns the exit code.
 *
 * @param path the path of the control socket
 *
 * @since 0.2.0
 * @category constructors
 */
export const run = (
  verb: string,
  argument: string,
  flags: Flags,
  path: string
): Effect.Effect<number, CommandError> => {
  switch (verb) {
    case "status":
      return status(flags, path)
    case "reload":
      return Effect.gen(function*() {
        const { body, status } = yield* ask(path, "POST", "/reload", yield* timeoutOf(flags))
        const { error, generation, took } = yield* fieldsOf(body, path)
        if (status !== 200) return yield* new CommandError({ code: 8, message: `reload refused: ${String(error)}` })
        yield* print(`reloaded in ${String(took)} ms, generation ${String(generation)}`)
        return 0
      })
    case "stop":
      return stop(flags, path)
    case "scale":
      return Effect.gen(function*() {
        if (!/^[+-]?\d{1,4}$/.test(argument)) {
          return yield* new CommandError({ code: 2, message: `scale ${argument}: must be n, +n or -n` })
        }
        if (Number(argument) > mostWorkers) {
          return yield* new CommandError({ code: 2, message: `scale ${argument}: must be at most ${mostWorkers}` })
        }
        const { body, status } = yield* ask(path, "POST", `/scale?workers=${encodeURIComponent(argument)}`)
        const fields = yield* fieldsOf(body, path)
        if (status >= 400) return yield* refusal(fields)
        yield* print(plural(Number(fields["workers"]), "worker"))
        return 0
      })
    case "recycle":
      return Effect.gen(function*() {
        if (!/^\d{0,4}$/.test(argument)) {
          return yield* new CommandError({ code: 2, message: `recycle ${argument}: must be the number of a slot` })
        }
        const { body, status } = yield* ask(path, "POST", `/recycle${argument === "" ? "" : `?slot=${argument}`}`)
        const fields = yield* fieldsOf(body, path)
        return status >= 400 ? yield* refusal(fields) : 0
      })
    default:
      return Effect.flatMap(
        ask(path, "POST", "/reopen"),
        ({ body, status }) => status === 200 ? Effect.as(fieldsOf(body, path), 0) : noTsgi(path)
      )
  }
}

const refusal = ({ error, reason }: Readonly<Record<string, unknown>>): CommandError =>
  new CommandError({ code: reason === "Leaving" ? 8 : 2, message: String(error) })

const timeoutOf = (flags: Flags): Effect.Effect<number, CommandError> => {
  const read = duration(flags["timeout"] ?? "5m")
  return "value" in read
    ? Effect.succeed(read.value)
    : Effect.fail(
      new CommandError({ code: 2, message: `--timeout ${String(flags["timeout"])}: must be ${read.expected}` })
    )
}

// Another program's server at this path answers differently.
const fieldsOf = (body: string, path: string): Effect.Effect<Readonly<Record<string, unknown>>, CommandError> =>
  Effect.try({
    try: () => {
      const parsed: unknown = JSON.parse(body)
      return typeof parsed === "object" && parsed !== null ? { ...parsed } : {}
    },
    catch: () => noTsgi(path)
  })

const noTsgi = (path: string): CommandError =>
  new CommandError({ code: 7, message: `no tsgi at ${path}: another server answers there` })

const isStatus = (value: unknown): value is Status =>
  typeof value === "object" && value !== null && "workers" in value && "tsgi" in value

const statusNow = (path: string): Effect.Effect<Status, CommandError> =>
  Effect.gen(function*() {
    const { body } = yield* ask(path, "GET", "/status")
    const parsed: unknown = yield* fieldsOf(body, path)
    return isStatus(parsed) ? parsed : yield* noTsgi(path)
  })

const exitCode = ({ ready, state }: Status): number => ready > 0 && state !== "unready" && state !== "stopping" ? 0 : 1

const status = (flags: Flags, path: string): Effect.Effect<number, CommandError> =>
  Effect.gen(function*() {
    while (true) {
      const status = yield* statusNow(path)
      const watching = flags["watch"] !== undefined
      const text = flags["json"] === undefined ? StatusText.render(status) : JSON.stringify(status)
      // the cursor goes home, and the screen is cleared
      const isRead = yield* print(watching && isatty(1) ? `\x1b[H\x1b[2J${text}` : text)
      if (!watching || !isRead) return exitCode(status)
      yield* Effect.sleep(1000)
    }
  })

const stop = (flags: Flags, path: string): Effect.Effect<number, CommandError> =>
  Effect.gen(function*() {
    const most = yield* timeoutOf(flags)
    const { pid } = yield* statusNow(path)
    yield* ask(path, "POST", flags["now"] === undefined ? "/stop" : "/stop?now")
    const ended = Effect.suspend(() => isAlive(pid) ? Effect.sleep(50) : Effect.void).pipe(
      Effect.repeat({ while: () => isAlive(pid) })
    )
    yield* Effect.timeoutFail(ended, {
      duration: most,
      onTimeout: () => new CommandError({ code: 1, message: `${pid} has not ended within --timeout` })
    })
    return 0
  })
