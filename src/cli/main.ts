/**
 * The command: its verbs, and the only program that runs.
 *
 * @since 0.2.0
 */
// before anything else, so that no signal is lost
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import * as AskVerbs from "./askVerbs.js"
import { check } from "./check.js"
import { CommandError } from "./CommandError.js"
import * as CommandLine from "./commandLine.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Journal from "./Journal.js"
import { print } from "./output.js"
import { PlanError } from "./Plan.js"
import { serve } from "./serve.js"
import * as Settings from "./Settings.js"
import * as Signals from "./Signals.js"
import * as Spawner from "./Spawner.js"
import { helpOf } from "./verbs.js"
import { versionAt } from "./version.js"
import * as WorkHere from "./workHere.js"

type Flags = Settings.Sources["flags"]

const settingsOf = (flags: Flags): Effect.Effect<Settings.Settings, PlanError> =>
  Effect.tryPromise({
    try: async () => {
      const cwd = process.cwd()
      const config = flags["config"] ?? process.env["TSGI_CONFIG"]
      const file = await ConfigFile.read(typeof config === "string" ? config : undefined, cwd)
      return Settings.read({ flags, env: process.env, file, cwd })
    },
    catch: (error) =>
      error instanceof PlanError
        ? error
        : new PlanError({ code: 2, message: `cannot read the settings: ${String(error)}` })
  })

const layerOf = (settings: Settings.Settings): Layer.Layer<Spawner.Spawner | Journal.Journal> =>
  Layer.merge(
    settings.workers === 0 ? WorkHere.layer : Spawner.layer(fileURLToPath(new URL("worker.js", import.meta.url))),
    Journal.layer({ format: settings.log, least: settings.logLevel })
  )

const serveVerb = (app: string, flags: Flags, dev: boolean): Effect.Effect<number, PlanError | CommandError> =>
  Effect.gen(function*() {
    const signals = yield* Signals.make
    const settings = yield* settingsOf(flags)
    process.title = `tsgi: ${settings.name}`
    const options = { app, settings, reread: settingsOf(flags), signals, version: versionAt(import.meta.url), dev }
    return yield* Effect.provide(serve(options), layerOf(settings))
  })

const devDefaults: Flags = { watch: "true", workers: "1", debug: "true" }

const run = (given: ReadonlyArray<string>): Effect.Effect<number, PlanError | CommandError> =>
  Effect.gen(function*() {
    const line = yield* CommandLine.parse(given)
    if (line._tag === "Help") return yield* Effect.as(print(helpOf(line.verb)), 0)
    if (line._tag === "Version") return yield* Effect.as(print(versionAt(import.meta.url)), 0)
    const { argument = "", flags, verb: { name } } = line
    switch (name) {
      case "serve":
        return yield* serveVerb(argument, flags, false)
      case "dev":
        return yield* serveVerb(argument, { ...devDefaults, ...flags }, true)
      case "check":
        return yield* Effect.gen(function*() {
          const settings = yield* settingsOf(flags)
          return yield* Effect.as(Effect.flatMap(check(argument, settings), print), 0).pipe(
            Effect.provide(layerOf(settings))
          )
        })
      case "completions":
        return yield* Effect.as(Effect.flatMap(CommandLine.completions(argument), print), 0)
    }
    const { control } = yield* settingsOf(flags)
    if (control === undefined) {
      return yield* new CommandError({ code: 7, message: "--control none: there is nobody to ask" })
    }
    return yield* AskVerbs.run(name, argument, flags, control)
  })

const complain = (text: string): void => {
  try {
    Fs.writeSync(2, `${text}\n`)
  } catch {
    // nobody listens
  }
}

const main = async (): Promise<void> => {
  const exit = await Effect.runPromiseExit(
    run(process.argv.slice(2)).pipe(
      Effect.catchAll((error) =>
        Effect.sync(() => {
          if (error instanceof CommandError && error.details !== undefined) complain(error.details)
          complain(`tsgi: ${error.message}`)
          return error.code
        })
      ),
      // what is to be told is told by the journal
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
  )
  if (Exit.isFailure(exit)) complain(`tsgi: a defect of tsgi's own: ${Cause.pretty(exit.cause)}`)
  process.exit(Exit.isSuccess(exit) ? exit.value : 1)
}

void main()
