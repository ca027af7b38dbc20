/**
 * Finds the file of an app, or the reason why there is none.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { closest } from "../server/OptionNames.js"
import { PlanError } from "./Plan.js"

/**
 * Reads `path[:export]`, in which the path is that of a file.
 *
 * @since 0.2.0
 * @category constructors
 */
export const find = (
  given: string,
  cwd: string
): { readonly name: string; readonly file: string; readonly export: string } => {
  const whole = Path.resolve(cwd, given)
  const at = given.lastIndexOf(":")
  if (at > 0 && !Fs.existsSync(whole)) {
    const name = given.slice(0, at)
    return { name, file: checked(name, cwd, given.slice(at)), export: given.slice(at + 1) || "default" }
  }
  return { name: given, file: checked(given, cwd), export: "default" }
}

// `behind` is the export, which a suggestion repeats after the path
const checked = (name: string, cwd: string, behind = ""): string => {
  const file = Path.resolve(cwd, name)
  const stat = Fs.statSync(file, { throwIfNoEntry: false })
  if (stat?.isFile() === true) return file
  if (stat?.isDirectory() === true) {
    const likely = ["app", "index", "server", "main", "src/app", "src/index", "dist/index"]
      .flatMap((base) => sources.map((extension) => `${base}${extension}`))
      .find((base) => Fs.existsSync(Path.join(file, base)))
    throw noApp(
      `${name} is a folder; give the app's file${
        likely === undefined ? `, as in ${Path.join(name, "app.js")}` : hint(Path.join(name, likely) + behind)
      }`
    )
  }
  const extension = sources.find((extension) => Fs.existsSync(file + extension))
  if (extension !== undefined) throw noApp(`there is no ${name}${hint(name + extension + behind)}`)
  const folder = Path.dirname(file)
  const beside = Fs.existsSync(folder) ? Fs.readdirSync(folder) : []
  const close = closest(Path.basename(file), beside, (name) => name.toLowerCase())
  throw noApp(`there is no ${name} (tried ${file})${hint(close && Path.join(Path.dirname(name), close) + behind)}`)
}

const sources = [".ts", ".mts", ".js", ".mjs", ".cts", ".cjs"]

const hint = (close: string | undefined): string => close === undefined ? "" : `; did you mean ${close}?`

const noApp = (message: string): PlanError => new PlanError({ code: 4, message })

/**
 * Node's arguments to run a file of TypeScript: none if Node can do it itself, otherwise tsx, if the app has it.
 *
 * @since 0.2.0
 * @category accessors
 */
export const typescriptArgs = (file: string, imports: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (!/\.[cm]?tsx?$/.test(file) || imports.some((name) => name.startsWith("tsx"))) return []
  if (Reflect.get(process.features, "typescript")) return []
  try {
    return ["--import", pathToFileURL(createRequire(file).resolve("tsx")).href]
  } catch {
    throw noApp(
      `Node ${process.versions.node} does not run TypeScript by itself: npm i -D tsx (found from ${
        Path.dirname(file)
      }), or use Node 22.18 or later`
    )
  }
}
