/**
 * Makes a plan from settings: reads files, finds the app, and makes the environment of the workers.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { parseEnv } from "node:util"
import { withoutActivation } from "../node/activation.js"
import { find, typescriptArgs } from "./appFile.js"
import type { Listening } from "./Listening.js"
import { type Assignment, firstDescriptor } from "./messages.js"
import { readTls } from "./pem.js"
import { type Plan, PlanError, wrong } from "./Plan.js"
import { readText } from "./readText.js"
import type { Settings } from "./Settings.js"
import { messageOf } from "./streams.js"

/**
 * @param app the app as given
 * @param more `announce` and `others` of the assignment; by default workers log their addresses, and there are no others
 *
 * @since 0.2.0
 * @category constructors
 */
export const makePlan = (
  app: string,
  settings: Settings,
  listening: ReadonlyArray<Listening>,
  env: Readonly<Record<string, string | undefined>>,
  more: Pick<Assignment, "announce" | "others"> = { announce: true, others: [] }
): Effect.Effect<Plan, PlanError> =>
  Effect.try({
    try: () => {
      const tls = settings.tls === undefined ? undefined : readTls(settings.tls)
      const { imports, name, timeouts } = settings
      if (!isFolder(settings.cwd)) throw wrong(`--cwd ${settings.cwd}: there is no such folder`)
      const found = find(app, settings.cwd)
      return {
        workers: settings.workers === "auto" ? cores() : Math.max(1, settings.workers),
        here: settings.workers === 0,
        child: {
          env: { ...readEnv(settings.envFiles), ...workerEnv(env), TSGI_NAME: name },
          nodeArgs: [
            "--enable-source-maps",
            ...typescriptArgs(found.file, imports),
            ...imports.flatMap((module) => ["--import", importable(module, settings.cwd)]),
            ...settings.nodeArgs
          ],
          cwd: settings.cwd,
          descriptors: listening.flatMap(({ at }) => "fd" in at ? [at.fd] : [])
        },
        assignment: {
          app: { ...found, ...settings.app },
          listeners: listening.map(({ at, tls: secured }, i) => ({
            ...(settings.workers === 0 ? at : { fd: firstDescriptor + i }),
            backlog: settings.backlog,
            tls: secured ? tls : undefined,
            proxy: settings.proxyProtocol === "off" ? undefined : settings.proxyProtocol,
            proxyFrom: settings.proxyProtocol === "off" ? undefined : settings.proxyFrom
          })),
          addresses: listening.map(({ address }) => address),
          options: settings.options,
          accessLog: settings.accessLog,
          logFormat: settings.logFormat,
          ...more,
          settle: timeouts.settle,
          grace: timeouts.grace,
          title: `tsgi: ${name} worker`,
          multiprocess: settings.workers === "auto" || settings.workers > 1
        },
        timeouts,
        recycling: settings.recycling
      }
    },
    catch: (error) =>
      error instanceof PlanError
        ? error
        : wrong(messageOf(error))
  })

// A variable has the value of the first file that sets it.
const readEnv = (files: ReadonlyArray<string>): Record<string, string> => {
  const whole: Record<string, string> = {}
  for (const file of files) {
    for (const [name, value] of Object.entries(parseEnv(readText(file, "env-file")))) {
      if (value !== undefined) whole[name] ??= value
    }
  }
  return whole
}

const workerEnv = (env: Readonly<Record<string, string | undefined>>): Record<string, string> => {
  const passedOn: Record<string, string> = {}
  for (const [name, value] of Object.entries(withoutActivation(env))) {
    if (value !== undefined && !/^(?:NOTIFY_SOCKET$|WATCHDOG_|NODE_CHANNEL_)/.test(name)) passedOn[name] = value
  }
  return passedOn
}

const isFolder = (path: string): boolean => Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

// A loader such as tsx finds `setup.ts` for `./setup` and `./setup.js`, so the extension does not matter.
const isThere = (file: string): boolean => {
  const { dir, name } = Path.parse(file)
  return isFolder(dir) && Fs.readdirSync(dir).some((other) => Path.parse(other).name === name || other === name)
}

// A module is resolved as in the app's own modules.
const importable = (module: string, cwd: string): string => {
  if (/^[./]/.test(module)) {
    const file = Path.resolve(cwd, module)
    if (!isThere(file)) throw wrong(`--import ${module}: there is no ${file}`)
    return pathToFileURL(file).href
  }
  if (/^[a-z]+:/.test(module)) return module
  try {
    return pathToFileURL(createRequire(Path.join(cwd, "package.json")).resolve(module)).href
  } catch (error) {
    // it only exports ES modules, which `require` does not find; Node finds them from the app's folder
    if (error instanceof Error && "code" in error && error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED") return module
    throw wrong(`--import ${module}: there is no such package here; is it installed (npm i)?`)
  }
}

/**
 * The number of cores that this process may use, which is at most the share of its control group (cgroup v2, cpu.max).
 *
 * @since 0.2.0
 * @category accessors
 */
export const cores = (): number => {
  const all = Os.availableParallelism()
  try {
    const [quota, period] = Fs.readFileSync("/sys/fs/cgroup/cpu.max", "utf8").split(" ").map(Number)
    return quota > 0 && period > 0 ? Math.max(1, Math.min(all, Math.ceil(quota / period))) : all
  } catch {
    return all
  }
}
