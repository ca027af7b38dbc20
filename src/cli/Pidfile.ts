/**
 * The file with the supervisor's pid.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { messageOf } from "./streams.js"

/**
 * Writes the file, and removes it when the Scope closes if it still has this process's pid. The file of a running process is not
 * replaced.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (path: string): Effect.Effect<void, { readonly message: string }, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const folder = Path.dirname(path)
        if (!Fs.existsSync(folder)) throw new Error(`--pid-file ${path}: there is no folder ${folder}`)
        const other = pidIn(path)
        if (other !== undefined && other !== process.pid && isAlive(other)) {
          throw new Error(`already running, pid ${other}: it has ${path}`)
        }
        // the file is written whole or not at all, because others may read it meanwhile
        const draft = `${path}.${process.pid}`
        Fs.writeFileSync(draft, `${process.pid}\n`)
        Fs.renameSync(draft, path)
      },
      catch: (error) => ({ message: messageOf(error) })
    }),
    () =>
      Effect.sync(() => {
        if (pidIn(path) === process.pid) Fs.rmSync(path, { force: true })
      })
  )

const pidIn = (path: string): number | undefined => {
  try {
    const pid = Number(Fs.readFileSync(path, "utf8").trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether a process with this pid exists.
 *
 * @since 0.2.0
 * @category accessors
 */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // the process is another user's
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
