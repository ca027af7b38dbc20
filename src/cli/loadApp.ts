/**
 * Loads an app and finds out its kind. This file does not load Effect; an Effect is recognized by the symbols that Effect gives
 * its values.
 *
 * @since 0.2.0
 */
import { spawnSync } from "node:child_process"
import { basename } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { inspect, stripVTControlCharacters } from "node:util"
import { isEffectOrLayer } from "../exchange/internal.js"
import { nearest } from "../server/OptionNames.js"
import { withoutCallers } from "../server/stackText.js"
import { hintOf } from "./appHints.js"
import type { AppSource, Interface } from "./messages.js"
import { AppSockets, listensByItself, warningOf } from "./selfListening.js"
import { AppError, type LoadedApp } from "./Serving.js"

/**
 * @param loaded called once the module is loaded, before a factory makes the app
 * @param sockets finds those on which the app listens
 *
 * @since 0.2.0
 * @category constructors
 */
export const load = async (
  source: AppSource,
  loaded: () => void,
  sockets = new AppSockets()
): Promise<LoadedApp> => {
  const handled = handlers()
  let module: unknown
  try {
    module = await import(pathToFileURL(source.file).href)
  } catch (error) {
    throw new AppError(`cannot load ${source.name}: ${explained(error, source)}`, { cause: error })
  }
  const does = [
    ...(sockets.areThere ? [listensByItself] : []),
    ...(handlers() > handled ? ["handles SIGTERM or SIGINT (NodeRuntime.runMain and handleSignals do)"] : [])
  ]
  const found = pick(module, source, does)
  const warnings = does.map((what) => warningOf(source, what))
  const value = source.factory ? await madeBy(found, source, loaded) : found
  const kind = kindOf(value, source, does)
  const hint = kind === "wsgi" && source.interface === "auto" && !source.factory ? hintOf(String(value)) : undefined
  return {
    kind,
    value,
    warnings: hint === undefined ? warnings : [...warnings, `${named(source)} ${hint}; ${kinds}`]
  }
}

const madeBy = async (factory: unknown, source: AppSource, loaded: () => void): Promise<unknown> => {
  if (!isFactory(factory)) {
    throw new AppError(`${named(source)} is ${described(factory)}, and --factory needs a function that makes the app`)
  }
  loaded()
  try {
    return await factory()
  } catch (error) {
    if (factory.length < 2) throw error
    const hint =
      `it takes ${factory.length} arguments, and --factory gives none: leave --factory out where it is the app`
    throw new AppError(`${named(source)} cannot make the app: ${firstLine(error)}; ${hint}`, { cause: error })
  }
}

const isFactory = (value: unknown): value is () => unknown => typeof value === "function"

const handlers = (): number => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT")

/**
 * The app in messages: `app.mjs's default export`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const named = ({ export: name, name: file }: AppSource): string =>
  `${file}${name === "default" ? "'s default export" : `'s export ${name}`}`

// The default export of a CommonJS module is its `module.exports`, which may have the app as `default` or by name.
const pick = (module: unknown, source: AppSource, does: ReadonlyArray<string>): unknown => {
  const exports = recordOf(module)
  const inner = recordOf(exports["default"])
  if (source.export in exports) {
    const value = exports[source.export]
    // compilers to CommonJS set `__esModule`, which is not enumerable
    const isCompiled = Reflect.get(Object(value), "__esModule") === true && "default" in inner
    return source.export === "default" && isCompiled ? inner["default"] : value
  }
  if (source.export in inner) return inner[source.export]
  const names = Object.keys(exports).filter((name) => name !== "module.exports")
  const close = nearest(source.export, names) ?? likelyOf(names)
  const there = names.length === 0
    ? does.length > 0
      ? `it exports nothing, and ${does.join(" and ")}: export the app as default instead`
      : "it exports nothing: export the app as default"
    : `its exports are ${names.join(", ")}${alsoDoes(does)}`
  throw new AppError(
    `${source.name} has no ${source.export === "default" ? "default export" : `export ${source.export}`}: ${there}${
      close !== undefined && close !== source.export ? `; did you mean ${callOf(source, close)}?` : ""
    }`
  )
}

// The export that is probably the app.
const likelyOf = (names: ReadonlyArray<string>): string | undefined =>
  names.length === 1 ? names[0] : names.find((name) => name === "app")

const callOf = ({ name }: AppSource, found: string): string => found === "default" ? name : `${name}:${found}`

const alsoDoes = (does: ReadonlyArray<string>): string =>
  does.length === 0 ? "" : `; it ${does.join(" and ")}, which is the command's part`

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  (typeof value === "object" && value !== null) || typeof value === "function" ? { ...value } : {}

const has = (value: unknown, key: PropertyKey): boolean =>
  (typeof value === "object" || typeof value === "function") && value !== null && key in value

const kindOf = (
  value: unknown,
  source: AppSource,
  does: ReadonlyArray<string>
): Exclude<Interface, "auto"> => {
  if (source.interface !== "auto") return checked(value, source, source.interface)
  if (isEffectOrLayer(value)) return "effect"
  if (has(value, "fetch")) return checked(value, source, "fetch")
  // apps for node:http are started by a `listen` of their own
  const isForNode = has(value, "listen")
  if (typeof value === "function" && !isForNode) return "wsgi"
  throw new AppError(
    isForNode
      ? `${named(source)} is made for node:http (Express, Koa, Fastify and others are), and no app: ${kinds}${
        alsoDoes(does)
      }`
      : `${named(source)} is ${described(value)}, and no app: ${kinds}${alsoDoes(does)}${innerHint(value, source)}`
  )
}

// The app may be a property of the export, as in `module.exports = { app }`.
const innerHint = (value: unknown, source: AppSource): string => {
  const names = Object.entries(recordOf(value)).filter(([, each]) => isApp(each)).map(([name]) => name)
  const close = source.export === "default" ? likelyOf(names) : undefined
  return close === undefined ? "" : `; did you mean ${callOf(source, close)}?`
}

const isApp = (value: unknown): boolean => typeof value === "function" || isEffectOrLayer(value) || has(value, "fetch")

const kinds = "an app is a function (env, startResponse), an object with fetch(request), an HttpApp (Effect), " +
  "or a Layer that needs HttpServer"

const checked = (value: unknown, source: AppSource, kind: Exclude<Interface, "auto">): typeof kind => {
  const holds = kind === "wsgi"
    ? typeof value === "function"
    : kind === "effect"
    ? isEffectOrLayer(value)
    : typeof value === "function" || (has(value, "fetch") && typeof Reflect.get(Object(value), "fetch") === "function")
  if (holds) return kind
  throw new AppError(`${named(source)} is ${described(value)}, which is no ${kind} app: ${kinds}`)
}

const described = (value: unknown): string =>
  value === undefined || value === null
    ? String(value)
    : value instanceof Promise
    ? "a promise (await it in the module, or use --factory)"
    : typeof value === "object"
    ? `an object with ${Object.keys(value).slice(0, 5).join(", ") || "no keys"}`
    : typeof value === "function"
    ? "a function"
    : `a ${typeof value}`

/**
 * Whether an error or one of its causes has this name.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOf = (error: unknown, name: string): boolean =>
  error instanceof Error && (error.name === name || (error.cause !== error && isOf(error.cause, name)))

/**
 * An error with its stack, without the frames that called the app.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failureText = (error: unknown): string =>
  withoutCallers(
    inspect(error instanceof Error && error.cause !== undefined && error instanceof AppError ? error.cause : error)
  )

/**
 * An error in one line.
 *
 * @since 0.2.0
 * @category conversions
 */
export const firstLine = (error: unknown): string =>
  stripVTControlCharacters(error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)).split(
    "\n"
  )[0] ?? ""

// The first line of an error with its place, and the remedy of known errors.
const explained = (error: unknown, { file }: AppSource): string => {
  const text = `${has(error, "code") ? String(Reflect.get(Object(error), "code")) : ""} ${firstLine(error)}`
  const [, remedy = ""] = remedies.find(([pattern]) => pattern.test(text)) ?? []
  const place = placeOf(error, file)
  return `${firstLine(error)}${place === undefined ? "" : ` (${place})`}${remedy}`
}

const remedies: ReadonlyArray<readonly [RegExp, string]> = [
  [/^ERR_UNKNOWN_FILE_EXTENSION/, "; this Node does not run TypeScript by itself: npm i -D tsx, or use Node 22.18"],
  [/^ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX/, "; Node strips types and no more: npm i -D tsx, and --import tsx"],
  [
    /^ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING/,
    "; Node runs no TypeScript of packages (node_modules): give a file that is compiled to JavaScript"
  ],
  [/^ERR_MODULE_NOT_FOUND .*Cannot find package/, "; is it installed (npm i)?"],
  [
    /Unexpected token 'export'|import statement outside a module/,
    `; Node takes it for CommonJS: name it .mjs, or set "type": "module" in package.json`
  ],
  [/is not defined in ES module scope/, "; Node takes it for a module: name it .cjs, or export the app as default"]
]

// `app.ts:12`: the place of a syntax error, or of the first frame in a file of the app.
const placeOf = (error: unknown, file: string): string | undefined => {
  const stack = error instanceof Error ? stripVTControlCharacters(error.stack ?? "") : ""
  for (const line of stack.split("\n")) {
    const [, path, number] = /(?:^|\(|at )((?:file:\/\/)?\/[^()]+?):(\d+)(?::\d+)?\)?:?$/.exec(line.trim()) ?? []
    if (path === undefined || path.includes("node_modules")) continue
    const local = path.startsWith("file:") ? fileURLToPath(path.replace(/\?.*$/, "")) : path
    return `${basename(local)}:${number}`
  }
  return error instanceof SyntaxError ? placeOfSyntax(file) : undefined
}

// Node only writes the place of a syntax error to its own standard error.
const placeOfSyntax = (file: string): string | undefined => {
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", timeout: 5000 })
  const [, line] = /^.*?:(\d+)\n/.exec(stderr) ?? []
  return line === undefined ? undefined : `${basename(file)}:${line}`
}
