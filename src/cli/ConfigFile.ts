/**
 * The file of settings: JSON, YAML or TOML.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { wrong } from "./Plan.js"
import { readText } from "./readText.js"

const names = ["tsgi.json", "tsgi.yaml", "tsgi.yml", "tsgi.toml"]

/**
 * Reads a file of settings: the given one, otherwise the one in the folder; `undefined` if there is none. Throws a `PlanError`
 * for a file that cannot be read.
 *
 * @since 0.2.0
 * @category constructors
 */
export const read = async (
  given: string | undefined,
  cwd: string
): Promise<{ readonly name: string; readonly values: Readonly<Record<string, unknown>> } | undefined> => {
  const found = given === undefined ? names.filter((name) => Fs.existsSync(Path.join(cwd, name))) : [given]
  const [name, ...others] = found
  if (name === undefined) return undefined
  if (others.length > 0) throw wrong(`there are ${found.join(" and ")}: keep one, or name one with --config`)
  let values: unknown
  const text = readText(Path.resolve(cwd, name), "config")
  try {
    values = await parse(name, text)
  } catch (error) {
    throw wrong(`cannot read ${name}: ${mistakeOf(error)}`)
  }
  if (values === null || values === undefined) return { name, values: {} }
  if (typeof values !== "object" || Array.isArray(values)) throw wrong(`${name}: must have keys, such as port: 8090`)
  return { name, values: { ...values } }
}

// A parser is only loaded for a file of its kind.
const parse = async (name: string, text: string): Promise<unknown> => {
  if (name.endsWith(".json")) return JSON.parse(text)
  // CommonJS, of which a bundle has the default export only
  if (/\.ya?ml$/.test(name)) return (await import("yaml")).default.parse(text)
  if (name.endsWith(".toml")) return (await import("smol-toml")).parse(text)
  throw new Error("its name must end in .json, .yaml or .toml")
}

// The first line of a parser's message. That of TOML has the place beside it.
const mistakeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const first = error.message.split("\n")[0].replace(/:$/, "")
  return "line" in error && !/ at line /.test(first) ? `${first} at line ${String(error.line)}` : first
}
