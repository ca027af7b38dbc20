/**
 * The sources of settings. Flags override the environment, and the environment overrides the file.
 *
 * @since 0.2.0
 */
import { nearest } from "../server/OptionNames.js"
import { flags as table, keyOf, variableOf } from "./flags.js"
import { wrong } from "./Plan.js"
import type { Read } from "./values.js"

/**
 * The sources. A flag that may be given more than once has a list of values.
 *
 * @since 0.2.0
 * @category models
 */
export interface Sources {
  readonly flags: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file: { readonly name: string; readonly values: Readonly<Record<string, unknown>> } | undefined
  readonly cwd: string
  /** Default: `process.platform`. */
  readonly platform?: NodeJS.Platform
}

/**
 * Returns the value of a setting by its flag's name, and `undefined` if no source has it. Throws a `PlanError` that names an
 * invalid value and its source.
 *
 * @since 0.2.0
 * @category models
 */
export interface Reader {
  <A>(name: string, of: (given: unknown) => Read<A>): A | undefined
  readonly many: (name: string) => ReadonlyArray<string>
  /** The highest source that has a setting, and the name of the setting in it; `undefined` if none has it. */
  readonly originOf: (name: string) => Origin | undefined
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Origin {
  readonly source: Source
  readonly called: string
}

/**
 * Highest first.
 *
 * @since 0.2.0
 * @category constants
 */
export const order = ["flags", "environment", "file"] as const

/**
 * @since 0.2.0
 * @category models
 */
export type Source = typeof order[number]

/**
 * @since 0.2.0
 * @category constructors
 */
export const reader = ({ env, file, flags }: Sources): Reader => {
  const found = (name: string): Origin & { readonly value: unknown } | undefined => {
    const flag = flags[name]
    if (flag !== undefined && flag.length > 0) return { value: flag, source: "flags", called: `--${name}` }
    const variable = env[variableOf(name)]
    if (variable !== undefined && variable !== "") {
      return { value: variable, source: "environment", called: variableOf(name) }
    }
    const value = file?.values[keyOf(name)]
    return value === undefined || value === null ? undefined : { value, source: "file", called: keyOf(name) }
  }
  const get = <A>(name: string, of: (given: unknown) => Read<A>): A | undefined => {
    const given = found(name)
    if (given === undefined) return undefined
    const { called, source, value } = given
    const read = of(value)
    if ("value" in read) return read.value
    const shown = typeof value === "string" ? value : JSON.stringify(value)
    throw wrong(`${called}${source === "file" ? ` in ${file?.name}` : ""} ${shown}: must be ${read.expected}`)
  }
  const many = (name: string): ReadonlyArray<string> => {
    const given = found(name)?.value
    if (Array.isArray(given)) return given.map(String)
    return typeof given === "string" ? given.split(",") : typeof given === "number" ? [String(given)] : []
  }
  return Object.assign(get, { many, originOf: found })
}

/**
 * Returns the value of a variable that other programs have too, such as `PORT`. All sources override it. Throws a `PlanError`
 * that names an invalid one.
 *
 * @since 0.2.0
 * @category constructors
 */
export const standard = <A>(
  name: string,
  env: Sources["env"],
  of: (given: unknown) => Read<A>
): A | undefined => {
  const given = env[name]
  if (given === undefined || given === "") return undefined
  const read = of(given)
  if ("value" in read) return read.value
  throw wrong(`${name} ${given}: must be ${read.expected}`)
}

/**
 * A warning for each variable that begins with `TSGI_` and is not a setting, such as a mistyped one.
 *
 * @since 0.2.0
 * @category accessors
 */
export const unknownVariables = (env: Sources["env"]): ReadonlyArray<string> => {
  const known = [...table.map(({ name }) => variableOf(name)), "TSGI_APP", "TSGI_SLOT", "TSGI_GENERATION"]
  return Object.keys(env).filter((name) => name.startsWith("TSGI_") && !known.includes(name)).map((name) => {
    const close = nearest(name, known)
    return `${name} is no setting${close === undefined ? "" : `; did you mean ${close}?`}`
  })
}

/**
 * A warning for each value of the file that is neither text nor a list, where it must be one of them.
 *
 * @since 0.2.0
 * @category accessors
 */
export const ignoredValues = ({ file }: Pick<Sources, "file">): ReadonlyArray<string> => {
  const lists = table.filter(({ many, name }) => many === true && name !== "set").map(({ name }) => keyOf(name))
  return Object.entries(file?.values ?? {}).filter(([key, value]) =>
    lists.includes(key) && (value === true || (typeof value === "object" && value !== null && !Array.isArray(value)))
  ).map(([key, value]) =>
    `${key} in ${file?.name} is ignored: it must be text, or a list of texts; it is ${JSON.stringify(value)}`
  )
}

/**
 * Throws a `PlanError` for an unknown key of the file.
 *
 * @since 0.2.0
 * @category accessors
 */
export const checkNames = ({ file }: Sources): void => {
  if (file === undefined) return
  // a file cannot name another file of settings
  const known = [...table.map(({ name }) => keyOf(name)).filter((key) => key !== "config"), "app"]
  for (const key of Object.keys(file.values)) {
    if (known.includes(key)) continue
    const close = nearest(key, known)
    throw wrong(
      `${file.name}: there is no setting ${key}${close === undefined ? "" : `; did you mean ${close}?`}`
    )
  }
}
