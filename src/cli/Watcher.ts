/**
 * Says when sources change, by chokidar: Node's own recursive watching no longer sees a file that was once saved by renaming.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Path from "node:path"

const sources = /\.(?:[cm]?[jt]sx?|json|ya?ml|toml|env)$/
const passedOver = new Set(["node_modules", "dist", ".git"])

/**
 * Paths that changed, once nothing has for 100 ms.
 *
 * @param files are watched whatever their names are
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  paths: ReadonlyArray<string>,
  ignore: ReadonlyArray<string>,
  files: ReadonlyArray<string>
): Effect.Effect<Stream.Stream<string>, never, Scope.Scope> =>
  Effect.gen(function*() {
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
        await new Promise<void>((resolve) => watcher.once("ready", () => resolve()))
        return watcher
      }),
      (watcher) => Effect.promise(() => watcher.close())
    )
    return Stream.debounce(Stream.fromQueue(changes), "100 millis")
  })
