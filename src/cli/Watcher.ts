/**
 * Watches sources with chokidar, because Node's own recursive watching no longer sees a file that was saved by renaming.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import { Journal } from "./Journal.js"
import { messageOf } from "./streams.js"

const sources = /\.(?:[cm]?[jt]sx?|json|ya?ml|toml|env)$/
const passedOver = new Set(["node_modules", "dist", ".git"])

/** Limits of the system, by their errors. Once one is reached, all further files fail too, so it is reported once. */
const limits: Readonly<Record<string, string>> = {
  ENOSPC: "fs.inotify.max_user_watches",
  EMFILE: "fs.inotify.max_user_instances"
}

/**
 * Paths that have changed, each after 100 ms without another change. Logs a warning for files that cannot be watched.
 *
 * @param files paths that are watched whatever their names are
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  paths: ReadonlyArray<string>,
  ignore: ReadonlyArray<string>,
  files: ReadonlyArray<string>
): Effect.Effect<Stream.Stream<string>, never, Scope.Scope | Journal> =>
  Effect.gen(function*() {
    const { warn } = yield* Journal
    const changes = yield* Queue.unbounded<string>()
    yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const { watch } = await import("chokidar")
        const isIgnored = (path: string): boolean => {
          if (files.includes(path) || paths.includes(path)) return false
          const name = Path.basename(path)
          return passedOver.has(name) || name.startsWith(".") || ignore.includes(name)
        }
        const watcher = watch([...paths, ...files], { ignored: isIgnored, ignoreInitial: true })
        watcher.on("all", (_, path) => {
          if (sources.test(path) || files.includes(path)) Queue.unsafeOffer(changes, path)
        })
        const warned = new Set<string>()
        watcher.on("error", (error) => {
          const { code = "", limit, path } = failureOf(error)
          const key = limit === undefined ? path : code
          if (warned.has(key)) return
          warned.add(key)
          Effect.runSync(
            warn(
              "watch",
              limit === undefined
                ? `not watched: ${messageOf(error)}; --watch-ignore ${Path.basename(path) || "NAME"} passes over it`
                : `not watched, like others: ${messageOf(error)}; raise ${limit}, or give --watch-path src`
            )
          )
        })
        await new Promise<void>((resolve) => watcher.once("ready", () => resolve()))
        return watcher
      }),
      (watcher) => Effect.promise(() => watcher.close())
    )
    return Stream.debounce(Stream.fromQueue(changes), "100 millis")
  })

const failureOf = (error: unknown): { readonly code?: string; readonly path: string; readonly limit?: string } => {
  if (!(error instanceof Error)) return { path: "" }
  const code = "code" in error ? String(error.code) : ""
  return { code, path: "path" in error ? String(error.path) : "", ...(code in limits ? { limit: limits[code] } : {}) }
}
