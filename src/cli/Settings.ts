/**
 * The settings of a server: flags before the environment, that before the file, that before defaults. All of it data.
 *
 * @since 0.2.0
 */
import * as Path from "node:path"
import { OptionError } from "../exchange/ServerError.js"
import * as TrustedProxies from "../node/TrustedProxies.js"
import type { Interface } from "./messages.js"
import { type Patience, type Recycling, wrong } from "./Plan.js"
import { checkNames, type Reader, reader, type Sources } from "./sources.js"
import * as Values from "./values.js"

/**
 * @since 0.2.0
 * @category models
 */
export type ListenSpec =
  | { readonly _tag: "Tcp"; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly _tag: "Unix"; readonly path: string; readonly mode: number; readonly tls: boolean }
  | { readonly _tag: "Descriptor"; readonly fd: number; readonly tls: boolean }

/**
 * @since 0.2.0
 * @category models
 */
export interface Settings {
  readonly listen: ReadonlyArray<ListenSpec>
  /** No address was given, so an activated socket takes precedence. */
  readonly listenByDefault: boolean
  readonly backlog: number
  readonly bindRetry: boolean
  readonly tls: TlsFiles | undefined
  readonly proxyProtocol: "off" | "v1" | "v2" | "any"
  readonly proxyFrom: ReadonlyArray<string> | undefined
  /** A line for each flag that changes nothing without another one. */
  readonly unused: ReadonlyArray<string>
  /** 0 is none: this process serves. */
  readonly workers: number | "auto"
  readonly patience: Patience
  readonly recycling: Recycling
  readonly unready: number
  readonly watch: { readonly paths: ReadonlyArray<string>; readonly ignore: ReadonlyArray<string> } | undefined
  /** That of the environment or the file; the command line's goes before. */
  readonly appPath: string | undefined
  readonly app: { readonly factory: boolean; readonly interface: Interface }
  readonly envFiles: ReadonlyArray<string>
  readonly imports: ReadonlyArray<string>
  readonly nodeArgs: ReadonlyArray<string>
  readonly cwd: string
  readonly platform: NodeJS.Platform
  /** Of the engine. */
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
 * @since 0.2.0
 * @category models
 */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly client: "none" | "request" | "require"
}

/**
 * Throws a `PlanError` that names the invalid setting, its source, and what is expected.
 *
 * @since 0.2.0
 * @category constructors
 */
export const read = (sources: Sources): Settings => {
  const { cwd, env, platform = process.platform } = sources
  checkNames(sources)
  const get = reader(sources)
  const one = <A>(name: string, of: (given: unknown) => Values.Read<A>, otherwise: A): A => get(name, of) ?? otherwise
  const { count, duration, share, size, text, yesOrNo } = Values
  const path = (given: string): string => Path.resolve(cwd, given)
  const paths = (name: string): ReadonlyArray<string> => get.many(name).map(path)
  const unless = (given: string | undefined): string | undefined =>
    given === undefined || given === "none" ? undefined : path(given)

  const tls = tlsOf(get, path)
  const { listen, listenByDefault } = listenOf(get, env, tls !== undefined, path)
  if (tls === undefined && listen.some(({ tls }) => tls)) {
    throw wrong("--listen https://… needs --tls-cert and --tls-key")
  }
  const name = nameOf(get, cwd)
  const workers = get("workers", workersOf) ?? standard("WEB_CONCURRENCY", env, workersOf) ??
    (platform === "win32" ? 0 : 1)
  if (workers !== 0 && platform === "win32") {
    throw wrong(`--workers ${workers}: must be 0 on Windows, which hands no sockets on to other processes`)
  }
  if (workers === 0) checkAlone(get)
  const proxyProtocol = one("proxy-protocol", Values.oneOf("off", "v1", "v2", "any"), "off")
  const proxyFrom = get("proxy-from", peers)
  const watching = one("watch", yesOrNo, false)
  const unused = unusedOf(sources, {
    "watch-path": ["--watch", watching],
    "watch-ignore": ["--watch", watching],
    "proxy-from": ["--proxy-protocol v1, v2 or any", proxyProtocol !== "off"],
    "unix-mode": ["--unix", listen.some(({ _tag }) => _tag === "Unix")]
  })
  return {
    listen,
    listenByDefault,
    backlog: one("backlog", count(1), 511),
    bindRetry: one("bind-retry", yesOrNo, false),
    tls,
    proxyProtocol,
    proxyFrom,
    unused,
    workers,
    patience: {
      bootTimeout: one("boot-timeout", Values.durationFrom(1), 60_000),
      settle: one("settle", duration, 1000),
      grace: one("grace", duration, 10_000),
      killAfter: one("kill-after", duration, 5000)
    },
    recycling: {
      hangTimeout: workers === 0 ? 0 : one("hang-timeout", hangTimeout, 30_000),
      maxRequests: one("max-requests", count(0), 0),
      maxAge: one("max-age", duration, 0),
      maxMemory: one("max-memory", size, 0),
      jitter: one("jitter", share, 0.1)
    },
    unready: one("unready", duration, 0),
    watch: watching
      ? { paths: get.many("watch-path").length === 0 ? [cwd] : paths("watch-path"), ignore: get.many("watch-ignore") }
      : undefined,
    appPath: get("app", text),
    app: {
      factory: one("factory", yesOrNo, false),
      interface: one("interface", Values.oneOf<Interface>("auto", "fetch", "wsgi", "effect"), "auto")
    },
    envFiles: paths("env-file"),
    imports: get.many("import"),
    nodeArgs: get.many("node-arg"),
    cwd: path(one("cwd", text, ".")),
    platform,
    options: optionsOf(get, sources),
    accessLog: accessLogOf(one("access-log", text, "-"), path),
    logFormat: get("log-format", text),
    log: one("log", Values.oneOf("text", "json"), "text"),
    logLevel: one("log-level", Values.oneOf("debug", "info", "warn", "error"), "info"),
    control: controlOf(get, sources),
    name,
    status: get("status", addressOf) ?? undefined,
    pidFile: unless(get("pid-file", text))
  }
}

/**
 * The path of the control socket; `undefined` for none. It reads `control` and `name` alone, so that a server can be asked and
 * stopped whatever else the settings say by now.
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
  // it has no unix sockets with modes
  if (platform === "win32") return undefined
  return defaultControl(nameOf(get, cwd), env)
}

/**
 * Where the control socket of a server of a name is, unless it is put elsewhere.
 *
 * @since 0.2.0
 * @category accessors
 */
export const defaultControl = (name: string, { XDG_RUNTIME_DIR: runtime = "" }: Sources["env"]): string =>
  Path.join(runtime === "" ? `/tmp/tsgi-${process.getuid?.() ?? 0}` : Path.join(runtime, "tsgi"), `${name}.sock`)

const peers = (given: unknown): Values.Read<ReadonlyArray<string>> => {
  const entries = (Array.isArray(given) ? given.map(String) : String(given).split(","))
    .map((part) => part.trim()).filter((part) => part !== "")
  try {
    TrustedProxies.make(entries)
    return { value: entries }
  } catch (error) {
    return {
      expected: `addresses and CIDR ranges: ${error instanceof OptionError ? error.description : String(error)}`
    }
  }
}

const workersOf = (given: unknown): Values.Read<number | "auto"> => {
  if (given === "auto") return { value: "auto" }
  const read = Values.count(0, Values.mostWorkers)(given)
  return "value" in read ? read : { expected: `auto, or a whole number from 0 to ${Values.mostWorkers}` }
}

const unusedOf = (
  { flags }: Sources,
  needs: Readonly<Record<string, readonly [other: string, isThere: boolean]>>
): ReadonlyArray<string> =>
  Object.entries(needs).filter(([name, [, isThere]]) => name in flags && !isThere)
    .map(([name, [other]]) => `--${name} changes nothing without ${other}`)

// What is done with workers only: replaced, killed, or told more than others.
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

// Variables that are not ours, and so are taken where nothing else says anything.
const standard = <A>(name: string, env: Sources["env"], of: (given: unknown) => Values.Read<A>): A | undefined => {
  const given = env[name]
  if (given === undefined || given === "") return undefined
  const read = of(given)
  if ("value" in read) return read.value
  throw wrong(`${name} ${given}: must be ${read.expected}`)
}

const port = Values.count(0, 65_535)

// A worker beats each second: a shorter time than two of them would end healthy ones.
const hangTimeout = (given: unknown): Values.Read<number> => {
  const read = Values.duration(given)
  return "value" in read && read.value > 0 ? { value: Math.max(2000, read.value) } : read
}

const addressOf = (given: unknown): Values.Read<{ readonly host: string; readonly port: number } | undefined> => {
  if (given === "none") return { value: undefined }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(String(given)) ?? []
  const read = port(digits)
  return "value" in read
    ? { value: { host: bracketed ?? (plain === undefined || plain === "" ? "127.0.0.1" : plain), port: read.value } }
    : { expected: "HOST:PORT, such as 127.0.0.1:9090, or none" }
}

const tlsOf = (get: Reader, path: (given: string) => string): TlsFiles | undefined => {
  const [cert, key, ca] = ["tls-cert", "tls-key", "tls-ca"].map((name) => get(name, Values.text))
  const client = get("tls-client", Values.oneOf("none", "request", "require")) ?? "none"
  if (cert === undefined && key === undefined) {
    if (ca !== undefined || client !== "none") throw wrong("--tls-ca and --tls-client need --tls-cert and --tls-key")
    return undefined
  }
  if (cert === undefined) throw wrong("--tls-key needs --tls-cert")
  if (key === undefined) throw wrong("--tls-cert needs --tls-key")
  return { cert: path(cert), key: path(key), ca: ca === undefined ? undefined : path(ca), client }
}

const listenOf = (
  get: Reader,
  env: Sources["env"],
  tls: boolean,
  path: (given: string) => string
): Pick<Settings, "listen" | "listenByDefault"> => {
  const mode = get("unix-mode", Values.mode) ?? 0o660
  const [host, number, unix, fd] = [
    get("host", Values.text),
    get("port", port),
    get("unix", Values.text),
    get("fd", Values.count(0))
  ]
  const urls = get.many("listen")
  const kinds = [
    urls.length > 0 ? "--listen" : "",
    unix === undefined ? "" : "--unix",
    fd === undefined ? "" : "--fd",
    host === undefined && number === undefined ? "" : "--host and --port"
  ].filter((kind) => kind !== "")
  if (kinds.length > 1) throw wrong(`${kinds.join(" and ")}: give one of them, or --listen for each`)
  if (urls.length > 0) return { listen: urls.map((url) => fromUrl(url, tls, mode, path)), listenByDefault: false }
  if (unix !== undefined) {
    return { listen: [{ _tag: "Unix", path: path(unix), mode, tls }], listenByDefault: false }
  }
  if (fd !== undefined) return { listen: [{ _tag: "Descriptor", fd, tls }], listenByDefault: false }
  return {
    listen: [{
      _tag: "Tcp",
      host: host ?? "127.0.0.1",
      port: number ?? standard("PORT", env, port) ?? 8090,
      tls
    }],
    listenByDefault: kinds.length === 0
  }
}

const fromUrl = (given: string, tls: boolean, mode: number, path: (given: string) => string): ListenSpec => {
  const [, socket] = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(given) ?? []
  if (socket !== undefined) return { _tag: "Unix", path: path(socket), mode, tls }
  const [, fd] = /^fd:(?:\/\/)?(\d+)$/.exec(given) ?? []
  if (fd !== undefined) return { _tag: "Descriptor", fd: Number(fd), tls }
  const [, scheme, address] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(given) ?? []
  const read = addressOf(address)
  if (address !== undefined && "value" in read && read.value !== undefined) {
    return { _tag: "Tcp", ...read.value, tls: scheme === "https" }
  }
  throw wrong(`--listen ${given}: must be http://host:port, https://host:port, unix:/path or fd:3`)
}

const accessLogOf = (given: string, path: (given: string) => string): string =>
  given === "-" || given === "none" ? given : path(given)

// `limits.body=10MiB` of flags and variables, or groups of a file.
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

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const pairsOf = (values: Readonly<Record<string, unknown>>): ReadonlyArray<readonly [string, unknown]> =>
  Object.entries(values).flatMap(([key, value]) =>
    isGroup(value)
      ? Object.entries(value).map(([name, value]): readonly [string, unknown] => [`${key}.${name}`, value])
      : [[key, value] as const]
  )
