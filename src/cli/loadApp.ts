/**
 * Loads an app and tells its kind. Plain Node: what is an Effect is known by the marks that Effect gives its values.
 *
 * @since 0.2.0
 */
import { spawnSync } from "node:child_process"
import { basename } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { inspect, stripVTControlCharacters } from "node:util"
import { nearest } from "../server/OptionNames.js"
import type { AppSource, Interface } from "./messages.js"
import { AppError, type LoadedApp } from "./Serving.js"

/**
 * @param loaded the module is there, and its export is looked at
 *
 * @since 0.2.0
 * @category constructors
 */
export const load = async (source: AppSource, loaded: () => void): Promise<LoadedApp> => {
  const before = listening()
  const handled = handlers()
  let module: unknown
  try {
    module = await import(pathToFileURL(source.file).href)
  } catch (error) {
    throw new AppError(`cannot load ${source.name}: ${explained(error, source)}`, { cause: error })
  }
  const does = [
    ...(listening() > before ? ["listens by itself"] : []),
    ...(handlers() > handled ? ["handles SIGTERM or SIGINT (NodeRuntime.runMain does)"] : [])
  ]
  const found = pick(module, source, does)
  const warnings = does.map((what) => `${source.name} ${what}, which is the command's part`)
  if (!source.factory) {
    return {
      kind: kindOf(found, source, does),
      value: found,
      warnings: seemsForNode(found, source)
        ? [...warnings, `${told(source)} takes (req, res), as handlers of node:http do: ${kinds}`]
        : warnings
    }
  }
  if (!isFactory(found)) {
    throw new AppError(`${told(source)} is ${described(found)}, and --factory wants a function that makes the app`)
  }
  loaded()
  const made: unknown = await found()
  return { kind: kindOf(made, source, does), value: made, warnings }
}

// Served all the same: the names are an application's own.
const seemsForNode = (value: unknown, source: AppSource): boolean =>
  source.interface === "auto" && typeof value === "function" &&
  /^(?:async\s+)?(?:function\s*\w*\s*)?\(?\s*(?:req|request)\s*,\s*(?:res|response|reply)\b/.test(String(value))

const isFactory = (value: unknown): value is () => unknown => typeof value === "function"

// Sockets that listen in this process.
const listening = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(?:TCPServer|Pipe)/.test(name) && name !== "PipeWrap").length

const handlers = (): number => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT")

const told = ({ export: name, name: file }: AppSource): string =>
  `${file}${name === "default" ? "'s default export" : `'s export ${name}`}`

// A CommonJS module is the default export of its own, and may have one within.
const pick = (module: unknown, source: AppSource, does: ReadonlyArray<string>): unknown => {
  const exports = recordOf(module)
  const inner = recordOf(exports["default"])
  if (source.export in exports) {
    const value = exports[source.export]
    return source.export === "default" && inner["__esModule"] === true && "default" in inner ? inner["default"] : value
  }
  if (source.export in inner) return inner[source.export]
  const names = Object.keys(exports).filter((name) => name !== "module.exports")
  const close = nearest(source.export, names) ?? (names.length === 1 ? names[0] : undefined)
  const there = names.length === 0
    ? does.length > 0
      ? `it exports nothing, and ${does.join(" and ")}: export the app as default instead`
      : "it exports nothing: export the app as default"
    : `its exports are ${names.join(", ")}${parts(does)}`
  throw new AppError(
    `${source.name} has no ${source.export === "default" ? "default export" : `export ${source.export}`}: ${there}${
      close !== undefined && close !== source.export ? `; did you mean ${source.name}:${close}?` : ""
    }`
  )
}

const parts = (does: ReadonlyArray<string>): string =>
  does.length === 0 ? "" : `; it ${does.join(" and ")}, which is the command's part`

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  (typeof value === "object" && value !== null) || typeof value === "function" ? { ...value } : {}

const has = (value: unknown, key: PropertyKey): boolean =>
  (typeof value === "object" || typeof value === "function") && value !== null && key in value

const layer = Symbol.for("effect/Layer")
const effect = Symbol.for("effect/Effect")

const kindOf = (
  value: unknown,
  source: AppSource,
  does: ReadonlyArray<string>
): Exclude<Interface, "auto"> => {
  if (source.interface !== "auto") return checked(value, source, source.interface)
  if (has(value, layer) || has(value, effect)) return "effect"
  if (has(value, "fetch")) return checked(value, source, "fetch")
  // it is started by a `listen` of its own
  const isForNode = has(value, "listen")
  if (typeof value === "function" && !isForNode) return "wsgi"
  throw new AppError(
    isForNode
      ? `${told(source)} is made for node:http (Express, Koa, Fastify and others are), and no app: ${kinds}${
        parts(does)
      }`
      : `${told(source)} is ${described(value)}, and no app: ${kinds}${parts(does)}`
  )
}

const kinds =
  "an app is a function (env, startResponse), an object with fetch(request), an HttpApp (Effect), or a Layer that needs HttpServer"

const checked = (value: unknown, source: AppSource, kind: Exclude<Interface, "auto">): typeof kind => {
  const holds = kind === "wsgi"
    ? typeof value === "function"
    : kind === "effect"
    ? has(value, layer) || has(value, effect)
    : typeof value === "function" || (has(value, "fetch") && typeof Reflect.get(Object(value), "fetch") === "function")
  if (holds) return kind
  throw new AppError(`${told(source)} is ${described(value)}, which is no ${kind} app: ${kinds}`)
}

const described = (value: unknown): string =>
  value === undefined || value === null
    ? String(value)
    : value instanceof Promise
    ? "a promise (await it in the module, or use --factory with the function)"
    : typeof value === "object"
    ? `an object with ${Object.keys(value).slice(0, 5).join(", ") || "no keys"}`
    : typeof value === "function"
    ? "a function"
    : `a ${typeof value}`

/**
 * Whether it, or a cause of it, is an error of this name.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOf = (error: unknown, name: string): boolean =>
  error instanceof Error && (error.name === name || (error.cause !== error && isOf(error.cause, name)))

/**
 * An error with its stack, as it is shown to developers.
 *
 * @since 0.2.0
 * @category conversions
 */
export const failureText = (error: unknown): string =>
  inspect(error instanceof Error && error.cause !== undefined && error instanceof AppError ? error.cause : error)

/**
 * What is wrong, in one line.
 *
 * @since 0.2.0
 * @category conversions
 */
export const firstLine = (error: unknown): string =>
  stripVTControlCharacters(error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)).split(
    "\n"
  )[0] ?? ""

// The first line of an error and where it is, with the remedy of those that have one.
const explained = (error: unknown, { file }: AppSource): string => {
  const text = `${has(error, "code") ? String(Reflect.get(Object(error), "code")) : ""} ${firstLine(error)}`
  const [, remedy = ""] = remedies.find(([pattern]) => pattern.test(text)) ?? []
  const place = placeOf(error, file)
  return `${firstLine(error)}${place === undefined ? "" : ` (${place})`}${remedy}`
}

const remedies: ReadonlyArray<readonly [RegExp, string]> = [
  [/^ERR_UNKNOWN_FILE_EXTENSION/, "; this Node does not run TypeScript by itself: npm i -D tsx, or use Node 22.18"],
  [/^ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX/, "; Node strips types and no more: npm i -D tsx, and --import tsx"],
  [/^ERR_MODULE_NOT_FOUND .*Cannot find package/, "; is it installed (npm i)?"],
  [
    /Unexpected token 'export'|import statement outside a module/,
    `; Node takes it for CommonJS: name it .mjs, or set "type": "module" in package.json`
  ],
  [/is not defined in ES module scope/, "; Node takes it for a module: name it .cjs, or export the app as default"]
]

// `app.ts:12`: where a syntax error is, or the first frame that is in a file of the app's.
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

// Node keeps the place of a syntax error for itself, and tells it on its own standard error.
const placeOfSyntax = (file: string): string | undefined => {
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", timeout: 5000 })
  const [, line] = /^.*?:(\d+)\n/.exec(stderr) ?? []
  return line === undefined ? undefined : `${basename(file)}:${line}`
}
