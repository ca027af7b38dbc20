/**
 * The verbs of the command, and their help.
 *
 * @since 0.2.0
 */
import { clientFlags, type Flag, flags, help } from "./flags.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Verb {
  readonly name: string
  /** The name of the argument, in brackets if it is optional. */
  readonly argument?: string
  readonly text: string
  readonly flags: ReadonlyArray<Flag>
}

const timeout: Flag = {
  name: "timeout",
  value: "TIME",
  default: "5m",
  group: "Control",
  text: "how long to wait for its end"
}

/**
 * @since 0.2.0
 * @category constants
 */
export const verbs: ReadonlyArray<Verb> = [
  { name: "serve", argument: "app", text: "serve until told to stop", flags },
  { name: "dev", argument: "app", text: "serve --watch --workers 1 --debug", flags },
  { name: "check", argument: "app", text: "load settings and app, serve none", flags },
  {
    name: "status",
    text: "what runs: exit 0 ready, 1 not, 7 no server",
    flags: [
      { name: "json", group: "Control", text: "as JSON" },
      { name: "watch", group: "Control", text: "again each second" },
      ...clientFlags
    ]
  },
  {
    name: "reload",
    text: "new workers, then the old ones end: exit 0 done, 8 refused",
    flags: [timeout, ...clientFlags]
  },
  {
    name: "stop",
    text: "stop, and wait for the end",
    flags: [{ name: "now", group: "Control", text: "without grace" }, timeout, ...clientFlags]
  },
  { name: "scale", argument: "n", text: "so many workers; +n more, -n fewer", flags: clientFlags },
  { name: "recycle", argument: "[slot]", text: "a new worker for a slot, or for each", flags: clientFlags },
  { name: "reopen", text: "open log files again, after they were moved", flags: clientFlags },
  { name: "completions", argument: "shell", text: "bash | zsh | fish | sh", flags: [] }
]

const usage = ({ argument, flags, name }: Verb): string =>
  `${name}${argument === undefined ? "" : argument.startsWith("[") ? ` ${argument}` : ` <${argument}>`}${
    flags.length === 0 ? "" : " [flags]"
  }`

/**
 * The help of the command, or of one verb.
 *
 * @since 0.2.0
 * @category conversions
 */
export const helpOf = (verb: Verb | undefined): string => {
  if (verb === undefined) {
    return [
      "tsgi: serves WSGI functions, fetch handlers and Effect apps with many workers",
      "",
      ...verbs.map((verb) => `  tsgi ${usage(verb).padEnd(26)} ${verb.text}`),
      "",
      "An app is path[:export], the default export without one: a function (env, startResponse), an object with fetch,",
      "an HttpApp, or a Layer that needs HttpServer.",
      "",
      "  tsgi <verb> --help           flags of a verb",
      "  tsgi --version"
    ].join("\n")
  }
  return [
    `tsgi ${usage(verb)}: ${verb.text}`,
    ...(verb.flags.length === 0 ? [] : ["", help(verb.flags)]),
    ...(verb.argument === "app"
      ? [
        "",
        "Times are 250ms, 10s, 5m, 2h; sizes 512KiB, 2GiB. Each flag is also TSGI_<NAME> and a key of the file, in camel case:",
        "flags override the environment, which overrides the file."
      ]
      : [])
  ].join("\n")
}

/**
 * The help for which a command line asks; `undefined` if it asks for none.
 *
 * @param given without node and the command
 *
 * @since 0.2.0
 * @category accessors
 */
export const helpFor = ([first, ...rest]: ReadonlyArray<string>): string | undefined => {
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    return helpOf(verbs.find(({ name }) => name === rest[0]))
  }
  const verb = verbs.find(({ name }) => name === first)
  return verb !== undefined && (rest.includes("--help") || rest.includes("-h")) ? helpOf(verb) : undefined
}

/**
 * Whether a command line asks for the version.
 *
 * @param given without node and the command
 *
 * @since 0.2.0
 * @category guards
 */
export const wantsVersion = ([first = "", ...rest]: ReadonlyArray<string>): boolean =>
  first === "--version" || first === "-v" || (!first.startsWith("-") && rest.includes("--version"))
