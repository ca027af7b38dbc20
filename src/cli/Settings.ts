/**
 * The settings of a server, as data. Flags override the environment, the environment overrides the file, and the file overrides
 * the defaults.
 *
 * @since 0.2.0
 */
import * as Path from "node:path"
import { addressOf, type ListenSettings, peers, readListen } from "./ListenSettings.js"
import type { Interface } from "./messages.js"
import { type Recycling, type WorkerTimeouts, wrong } from "./Plan.js"
import { checkNames, ignoredValues, type Reader, reader, type Sources, standard, unknownVariables } from "./sources.js"
import * as Values from "./values.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Settings extends ListenSettings {
  /** A line for each flag or variable that has no effect. */
  readonly warnings: ReadonlyArray<string>
  /** The number of workers. With 0, this process serves. */
  readonly workers: number | "auto"
  readonly timeouts: WorkerTimeouts
  readonly recycling: Recycling
  readonly unready: number
  readonly watch: { readonly paths: ReadonlyArray<string>; readonly ignore: ReadonlyArray<string> } | undefined
  /** The app of the environment or the file. The command line overrides it. */
  readonly appPath: string | undefined
  readonly app: { readonly factory: boolean; readonly interface: Interface }
  readonly envFiles: ReadonlyArray<string>
  readonly imports: ReadonlyArray<string>
  readonly nodeArgs: ReadonlyArray<string>
  readonly cwd: string
  readonly platform: NodeJS.Platform
  /** Options of the engine. */
  readonly options: Readonly<Record<string, unknown>>
  readonly accessLog: string
  readonly logFormat: string | undefined
  readonly log: "text" | "json"
  readonly logLevel: "debug" | "info" | "warn" | "error"
  readonly control: string | undefined
  readonly name: string
  readonly status: { readonly host: string; readonly port: number } | undefined
  readonly pidFile: string | undefined
}

/**
 * Throws a `PlanError` that names the invalid setting, its source, and what is expected.
 *
 * @since 0.2.0
 * @category constructors
 */
export const read = (sources: Sources): Settings => {
  const { cwd, platform = process.platform } = sources
  checkNames(sources)
  const get = reader(sources)
  const { text } = Values
  const path = (given: string): string => Path.resolve(cwd, given)
  const pidFile = get("pid-file", text)
  const name = nameOf(get, cwd)
  const workers = workersFor(get, sources)
  if (workers === 0) checkAlone(get)
  const settings = {
    ...readListen(get, sources, path),
    workers,
    timeouts: timeoutsOf(get),
    recycling: recyclingOf(get, workers),
    unready: get("unready", Values.duration) ?? 0,
    watch: watchOf(get, cwd, path),
    appPath: get("app", text),
    app: {
      factory: get("factory", Values.yesOrNo) ?? false,
      interface: get("interface", Values.oneOf<Interface>("auto", "fetch", "wsgi", "effect")) ?? "auto"
    },
    envFiles: get.many("env-file").map(path),
    imports: get.many("import"),
    nodeArgs: get.many("node-arg"),
    cwd: path(get("cwd", text) ?? "."),
    platform,
    options: optionsOf(get, sources),
    accessLog: accessLogOf(get("access-log", text) ?? "-", path),
    logFormat: get("log-format", text),
    log: get("log", Values.oneOf("text", "json")) ?? "text",
    logLevel: get("log-level", Values.oneOf("debug", "info", "warn", "error")) ?? "info",
    control: controlOf(get, sources),
    name,
    status: get("status", addressOf),
    pidFile: pidFile === undefined || pidFile === "none" ? undefined : path(pidFile)
  } as const
  return { ...settings, warnings: warningsOf(get, sources, settings) }
}

/**
 * The path of the control socket; `undefined` for none. Only `control` and `name` are read, so that an invalid setting does not
 * keep a verb from reaching a running server.
 *
 * @since 0.2.0
 * @category accessors
 */
export const controlPath = (sources: Sources): string | undefined => controlOf(reader(sources), sources)

const nameOf = (get: Reader, cwd: string): string => {
  const name = get("name", Values.text) ?? (Path.basename(cwd) || "tsgi")
  if (name.includes("/")) throw wrong(`--name ${name}: must be a name, without a slash`)
  return name
}

const controlOf = (get: Reader, { cwd, env, platform = process.platform }: Sources): string | undefined => {
  const given = get("control", Values.text)
  if (given === "none") return undefined
  if (given !== undefined) return Path.resolve(cwd, given)
  // Windows has no unix sockets with modes
  if (platform === "win32") return undefined
  return defaultControl(nameOf(get, cwd), env)
}

/**
 * The default path of the control socket of a server with this name.
 *
 * @since 0.2.0
 * @category accessors
 */
export const defaultControl = (name: string, env: Sources["env"]): string =>
  Path.join(runtimeFolder(env), `${name}.sock`)

/**
 * The folder for sockets of this user's servers.
 *
 * @since 0.2.0
 * @category accessors
 */
export const runtimeFolder = ({ XDG_RUNTIME_DIR: runtime = "" }: Sources["env"]): string =>
  runtime === "" ? `/tmp/tsgi-${process.getuid?.() ?? 0}` : Path.join(runtime, "tsgi")

const workersOf = (given: unknown): Values.Read<number | "auto"> => {
  if (given === "auto") return { value: "auto" }
  const read = Values.count(0, Values.mostWorkers)(given)
  return "value" in read ? read : { expected: `auto, or a whole number from 0 to ${Values.mostWorkers}` }
}

const workersFor = (get: Reader, { env, platform = process.platform }: Sources): number | "auto" => {
  const workers = get("workers", workersOf) ?? standard("WEB_CONCURRENCY", env, workersOf) ??
    (platform === "win32" ? 0 : 1)
  if (workers !== 0 && platform === "win32") {
    throw wrong(`--workers ${workers}: must be 0 on Windows, which hands no sockets on to other processes`)
  }
  return workers
}

const timeoutsOf = (get: Reader): WorkerTimeouts => ({
  boot: get("boot-timeout", Values.durationFrom(1)) ?? 60_000,
  settle: get("settle", Values.duration) ?? 1000,
  grace: get("grace", Values.duration) ?? 10_000,
  killAfter: get("kill-after", Values.duration) ?? 5000
})

const recyclingOf = (get: Reader, workers: number | "auto"): Recycling => ({
  hangTimeout: workers === 0 ? 0 : get("hang-timeout", hangTimeout) ?? 30_000,
  maxRequests: get("max-requests", Values.count(0)) ?? 0,
  maxAge: get("max-age", Values.duration) ?? 0,
  maxMemory: get("max-memory", maxMemory) ?? 0,
  jitter: get("jitter", Values.share) ?? 0.1
})

const watchOf = (get: Reader, cwd: string, path: (given: string) => string): Settings["watch"] => {
  if (get("watch", Values.yesOrNo) !== true) return undefined
  const paths = get.many("watch-path")
  return { paths: paths.length === 0 ? [cwd] : paths.map(path), ignore: get.many("watch-ignore") }
}

const warningsOf = (
  get: Reader,
  { env, file, flags }: Sources,
  { listen, proxyProtocol, watch }: Pick<Settings, "listen" | "proxyProtocol" | "watch">
): ReadonlyArray<string> => {
  const needs: ReadonlyArray<readonly [name: string, other: string, isThere: boolean]> = [
    ["watch-path", "--watch", watch !== undefined],
    ["watch-ignore", "--watch", watch !== undefined],
    ["proxy-from", "--proxy-protocol v1, v2 or any", proxyProtocol !== "off"],
    ["unix-mode", "--unix", listen.some(({ _tag }) => _tag === "Unix")]
  ]
  const certificate = listen.some(({ tls }) => tls) ? undefined : get.originOf("tls-cert")
  return [
    ...unknownVariables(env),
    ...ignoredValues({ file }),
    ...needs.filter(([name, , isThere]) => name in flags && !isThere)
      .map(([name, other]) => `--${name} changes nothing without ${other}`),
    ...(certificate === undefined
      ? []
      : [
        `${certificate.called}${
          certificate.source === "file" ? ` in ${file?.name}` : ""
        } changes nothing without --listen https://host:port or https+unix:/path`
      ])
  ]
}

// Flags that need a worker in a process of its own.
const checkAlone = (get: Reader): void => {
  const isSet = (given: unknown): Values.Read<boolean> => ({ value: !/^0[a-z]*$/i.test(String(given)) })
  const replacing = ["hang-timeout", "max-requests", "max-age", "max-memory"].find((name) => get(name, isSet) === true)
  const found = get("watch", Values.yesOrNo) === true
    ? "watch"
    : get.many("node-arg").length > 0
    ? "node-arg"
    : replacing
  if (found === undefined) return
  throw wrong(`--${found} needs a worker, and --workers 0 serves in this process: give --workers 1`)
}

// A worker beats each second, so less than two seconds would kill healthy workers.
const hangTimeout = (given: unknown): Values.Read<number> => {
  const read = Values.duration(given)
  return "value" in read && read.value > 0 ? { value: Math.max(2000, read.value) } : read
}

// An empty app takes more memory, so a smaller size is a mistake, such as 100 for 100MiB.
const leastMemory = 32 * 1024 ** 2

const maxMemory = (given: unknown): Values.Read<number> => {
  const read = Values.size(given)
  return "value" in read && read.value > 0 && read.value < leastMemory
    ? { expected: "0, or a size with its unit from 32MiB up" }
    : read
}

const accessLogOf = (given: string, path: (given: string) => string): string =>
  given === "-" || given === "none" ? given : path(given)

// Options are `limits.body=10MiB` in flags and variables, and groups in a file.
const optionsOf = (get: Reader, { file, flags, env }: Sources): Readonly<Record<string, unknown>> => {
  const options: Record<string, Record<string, unknown> | unknown> = {}
  const inFile = file?.values["set"]
  const given = flags["set"] === undefined && env["TSGI_SET"] === undefined && isGroup(inFile)
    ? pairsOf(inFile)
    : get.many("set").map((pair): readonly [string, unknown] => {
      const at = pair.indexOf("=")
      if (at < 1) throw wrong(`--set ${pair}: must be KEY=VALUE, such as limits.body=10MiB`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    })
  for (const [key, value] of given) {
    const flag = flagFor[key]
    if (flag !== undefined) throw wrong(`--set ${key}: give ${flag} instead`)
    const [group, name, ...more] = key.split(".")
    const read = typeof value === "string" ? Values.scalar(value) : value
    if (more.length > 0 || group === undefined) throw wrong(`--set ${key}: there is no such option`)
    if (name === undefined) options[group] = read
    else options[group] = { ...Object(options[group] ?? {}), [name]: read }
  }
  const proxies = get("trusted-proxies", peers)
  return {
    ...options,
    ...(proxies === undefined ? {} : { trustedProxies: proxies }),
    ...(get("debug", Values.yesOrNo) === true ? { debug: true } : {})
  }
}

// Options of the engine that have a flag, which the supervisor knows too.
const flagFor: Readonly<Record<string, string>> = {
  log: "--access-log -|PATH|none",
  logFormat: "--log-format TEMPLATE|json",
  "timeouts.settle": "--settle TIME",
  "timeouts.grace": "--grace TIME"
}

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const pairsOf = (values: Readonly<Record<string, unknown>>): ReadonlyArray<readonly [string, unknown]> =>
  Object.entries(values).flatMap(([key, value]) =>
    isGroup(value)
      ? Object.entries(value).map(([name, value]): readonly [string, unknown] => [`${key}.${name}`, value])
      : [[key, value] as const]
  )
