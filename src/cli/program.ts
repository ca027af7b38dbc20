/**
 * Runs a verb of the command.
 *
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { CommandError } from "./CommandError.js"
import * as CommandLine from "./commandLine.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Journal from "./Journal.js"
import { print } from "./output.js"
import { PlanError, wrong } from "./Plan.js"
import * as Settings from "./Settings.js"
import type { Sources } from "./sources.js"
import type * as Spawner from "./Spawner.js"
import { complain } from "./streams.js"
import { versionAt } from "./version.js"
import type * as Work from "./work.js"

/**
 * The file of the command, and the modules that it loads.
 *
 * @since 0.2.0
 * @category models
 */
export interface EntryFile {
  readonly url: string
  /** Loads the work of a worker, for `--workers 0`. */
  readonly work: () => Promise<typeof Work>
}

type Flags = Sources["flags"]

const attempt = <A>(read: () => Promise<A>): Effect.Effect<A, PlanError> =>
  Effect.tryPromise({
    try: read,
    catch: (error) =>
      error instanceof PlanError
        ? error
        : wrong(`cannot read the settings: ${String(error)}`)
  })

const sourcesOf = async (flags: Flags): Promise<Sources> => {
  const cwd = process.cwd()
  const config = flags["config"] ?? (process.env["TSGI_CONFIG"] || undefined)
  const file = await ConfigFile.read(typeof config === "string" ? config : undefined, cwd)
  return { flags, env: process.env, file, cwd }
}

const settingsOf = (flags: Flags): Effect.Effect<Settings.Settings, PlanError> =>
  attempt(async () => Settings.read(await sourcesOf(flags)))

// A broken file of settings does not keep a server from being stopped, unless that file has the name of the server.
const controlOf = (flags: Flags): Effect.Effect<string | undefined, PlanError> =>
  attempt(async () => {
    const sources = await sourcesOf(flags).catch((error: unknown): Sources => {
      if (flags["config"] !== undefined && flags["name"] === undefined && flags["control"] === undefined) throw error
      return { flags, env: process.env, file: undefined, cwd: process.cwd() }
    })
    return Settings.controlPath(sources)
  })

const layerOf = (
  settings: Settings.Settings,
  entry: EntryFile,
  banner = false
): Layer.Layer<Spawner.Spawner | Journal.Journal> =>
  Layer.merge(
    Layer.unwrapEffect(Effect.promise(async () =>
      settings.workers === 0
        ? (await import("./workHere.js")).layer(entry.work)
        : (await import("./Spawner.js")).layer(fileURLToPath(new URL("worker.js", entry.url)))
    )),
    Journal.layer({ format: settings.log, least: settings.logLevel, banner })
  )

const appOf = (argument: string | undefined, { appPath }: Settings.Settings, verb: string) => {
  const app = argument ?? appPath
  return app === undefined
    ? Effect.fail(wrong(`give an app: tsgi ${verb} ./app.ts`))
    : Effect.succeed(app)
}

const serveVerb = (
  argument: string | undefined,
  flags: Flags,
  dev: boolean,
  entry: EntryFile
): Effect.Effect<number, PlanError | CommandError> =>
  Effect.gen(function*() {
    const Signals = yield* Effect.promise(() => import("./Signals.js"))
    const signals = yield* Signals.make
    const settings = yield* settingsOf(flags)
    const app = yield* appOf(argument, settings, dev ? "dev" : "serve")
    process.title = `tsgi: ${settings.name}`
    // a supervisor allocates little, so the space of young objects need not grow
    if (settings.workers !== 0) setFlagsFromString("--semi-space-growth-factor=1")
    const { serve } = yield* Effect.promise(() => import("./serve.js"))
    const terminal = process.stderr.isTTY && settings.log === "text"
    const options = { app, settings, reread: settingsOf(flags), signals, version: versionAt(entry.url), terminal, dev }
    return yield* Effect.provide(serve(options), layerOf(settings, entry, terminal))
  })

const devDefaults: Flags = { watch: "true", workers: "1", debug: "true" }

const perform = (
  { argument, flags, verb: { name } }: CommandLine.Line,
  entry: EntryFile
): Effect.Effect<number, PlanError | CommandError> =>
  Effect.gen(function*() {
    switch (name) {
      case "serve":
        return yield* serveVerb(argument, flags, false, entry)
      case "dev":
        return yield* serveVerb(argument, { ...devDefaults, ...flags }, true, entry)
      case "check": {
        const { check } = yield* Effect.promise(() => import("./check.js"))
        const settings = yield* settingsOf(flags)
        const found = yield* Effect.provide(
          check(yield* appOf(argument, settings, name), settings),
          layerOf(settings, entry)
        )
        return yield* Effect.as(print(found), 0)
      }
      case "completions": {
        const { completions } = yield* Effect.promise(() => import("./completions.js"))
        return yield* Effect.as(Effect.flatMap(completions(argument ?? ""), print), 0)
      }
    }
    const control = yield* controlOf(flags)
    if (control === undefined) {
      return yield* new CommandError({ code: 7, message: "--control none: the server has no control socket" })
    }
    const AskVerbs = yield* Effect.promise(() => import("./askVerbs.js"))
    return yield* AskVerbs.run(name, argument ?? "", flags, control)
  })

/**
 * Does what the command line says, and returns the exit code.
 *
 * @param given the arguments without node and the command
 *
 * @since 0.2.0
 * @category constructors
 */
export const run = async (given: ReadonlyArray<string>, entry: EntryFile): Promise<number> => {
  const line = Effect.try({
    try: () => CommandLine.parse(given),
    catch: (error) => error instanceof PlanError ? error : wrong(String(error))
  })
  const exit = await Effect.runPromiseExit(
    Effect.flatMap(line, (line) => perform(line, entry)).pipe(
      Effect.catchAll((error) =>
        Effect.sync(() => {
          if (error instanceof CommandError && error.details !== undefined) complain(error.details)
          complain(`tsgi: ${error.message}`)
          return error.code
        })
      ),
      // the journal writes all lines
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
  )
  if (Exit.isSuccess(exit)) return exit.value
  complain(`tsgi: a defect of tsgi's own: ${Cause.pretty(exit.cause)}`)
  return 1
}
