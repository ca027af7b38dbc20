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
import * as CommandLine from "./commandLine.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Journal from "./Journal.js"
import { PlanError } from "./Plan.js"
import { CommandError, serve } from "./serve.js"
import * as Settings from "./Settings.js"
import * as Signals from "./Signals.js"
import * as Spawner from "./Spawner.js"
import { helpOf } from "./verbs.js"
import { versionAt } from "./version.js"

type Flags = Settings.Sources["flags"]

const print = (text: string): Effect.Effect<void> => Effect.sync(() => Fs.writeSync(1, `${text}\n`))

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

const serveVerb = (app: string, flags: Flags): Effect.Effect<number, PlanError | CommandError> =>
  Effect.gen(function*() {
    const signals = yield* Signals.make
    const settings = yield* settingsOf(flags)
    const layer = Layer.merge(
      Spawner.layer(fileURLToPath(new URL("worker.js", import.meta.url))),
      Journal.layer({ format: settings.log, least: settings.logLevel })
    )
    return yield* Effect.provide(serve(app, settings, settingsOf(flags), signals), layer)
  })

const run = (given: ReadonlyArray<string>): Effect.Effect<number, PlanError | CommandError> =>
  Effect.gen(function*() {
    const line = yield* CommandLine.parse(given)
    switch (line._tag) {
      case "Help":
        return yield* Effect.as(print(helpOf(line.verb)), 0)
      case "Version":
        return yield* Effect.as(print(versionAt(import.meta.url)), 0)
      case "Verb":
    }
    const { argument = "", flags, verb: { name } } = line
    switch (name) {
      case "serve":
        return yield* serveVerb(argument, flags)
      case "completions":
        return yield* Effect.as(Effect.flatMap(CommandLine.completions(argument), print), 0)
      default:
        return yield* Effect.fail(new CommandError({ code: 2, message: `${name} is not there yet` }))
    }
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
