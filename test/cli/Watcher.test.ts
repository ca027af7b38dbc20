/**
 * A path that cannot be watched is a line in the log, and the rest is watched. The family: a folder that must not be read, at the
 * start and later; the system's limits on watches and on instances, which affect all further paths.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, expect, it } from "vitest"
import * as Journal from "../../src/cli/Journal.js"
import * as Watcher from "../../src/cli/Watcher.js"

const watchOfNode = fs.watch
/** Makes the system refuse to watch some paths, because it refuses nothing to root, who may run this test. */
const refuse = (errorOf: (given: string) => NodeJS.ErrnoException | undefined): void => {
  const refusing = (...args: Parameters<typeof fs.watch>): fs.FSWatcher => {
    const error = errorOf(String(args[0]))
    if (error !== undefined) throw error
    return watchOfNode(...args)
  }
  Object.assign(fs, { watch: refusing })
  syncBuiltinESMExports()
}
afterEach(() => {
  Object.assign(fs, { watch: watchOfNode })
  syncBuiltinESMExports()
})

const failure = (code: string, message: string, at: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: ${message}, watch '${at}'`), { code, path: at })

/** The warnings, and the first change that is seen, in a folder with `a.ts`, `secret/` and `more/`. */
const watched = async (
  errorOf: (given: string) => NodeJS.ErrnoException | undefined
): Promise<{ readonly lines: ReadonlyArray<string>; readonly seen: ReadonlyArray<string> }> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-watch-"))
  for (const name of ["secret", "more"]) fs.mkdirSync(path.join(folder, name))
  fs.writeFileSync(path.join(folder, "a.ts"), "")
  const lines: Array<string> = []
  const journal = Journal.make({ format: "text", least: "info", banner: false, pid: 1 }, (line) => lines.push(line))
  refuse(errorOf)
  const seen = await Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const changes = yield* Watcher.make([folder], [], [path.join(folder, "a.ts")])
      fs.mkdirSync(path.join(folder, "secret/later"))
      fs.writeFileSync(path.join(folder, "a.ts"), "changed")
      return [...yield* Stream.runCollect(Stream.take(changes, 1))]
    })).pipe(Effect.provideService(Journal.Journal, journal), Effect.timeout("10 seconds"))
  )
  fs.rmSync(folder, { recursive: true, force: true })
  return { lines: lines.map((line) => line.slice(line.indexOf("] ") + 2).replaceAll(folder, "")), seen }
}

it("a folder that may not be read is told and passed over", async () => {
  const { lines, seen } = await watched((at) =>
    path.basename(at) === "secret" ? failure("EACCES", "permission denied", at) : undefined
  )
  expect(lines).toEqual([
    "warn  not watched: EACCES: permission denied, watch '/secret'; --watch-ignore secret passes over it"
  ])
  expect(seen).toEqual([expect.stringMatching(/a\.ts$/)])
})

it.each([
  ["ENOSPC", "System limit for number of file watchers reached", "fs.inotify.max_user_watches"],
  ["EMFILE", "too many open files", "fs.inotify.max_user_instances"]
])("a limit of the system, %s, is told once, with the way to raise it", async (code, message, limit) => {
  const { lines } = await watched((at) => path.basename(at) === "a.ts" ? undefined : failure(code, message, at))
  expect(lines).toEqual([
    expect.stringMatching(
      new RegExp(`^warn  not watched, like others: ${code}: ${message}, .*; raise ${limit}, or give --watch-path src$`)
    )
  ])
})
