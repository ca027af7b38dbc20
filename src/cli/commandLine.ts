/**
 * Reads the command line, by @effect/cli, from the tables of verbs and flags.
 *
 * @since 0.2.0
 */
import * as Args from "@effect/cli/Args"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { stripVTControlCharacters } from "node:util"
import { nearest } from "../server/OptionNames.js"
import type { Flag } from "./flags.js"
import { insteadOf } from "./foreignFlags.js"
import { PlanError } from "./Plan.js"
import { type Verb, verbs } from "./verbs.js"

/**
 * @since 0.2.0
 * @category models
 */
export type Line =
  | { readonly _tag: "Help"; readonly verb: Verb | undefined }
  | { readonly _tag: "Version" }
  | {
    readonly _tag: "Verb"
    readonly verb: Verb
    readonly argument: string | undefined
    readonly flags: Readonly<Record<string, string | ReadonlyArray<string>>>
  }

const wrong = (message: string): PlanError => new PlanError({ code: 2, message })

/**
 * @param given without node and the command
 *
 * @since 0.2.0
 * @category constructors
 */
export const parse = (given: ReadonlyArray<string>): Effect.Effect<Line, PlanError> =>
  Effect.gen(function*() {
    const [first, ...rest] = given
    if (first === undefined || first === "--help" || first === "-h" || first === "help") {
      return { _tag: "Help", verb: verbs.find(({ name }) => name === rest[0]) }
    }
    if (first === "--version" || first === "-v") return { _tag: "Version" }
    const verb = verbs.find(({ name }) => name === first)
    if (verb === undefined) return yield* Effect.fail(unknownVerb(first, rest))
    if (rest.includes("--help") || rest.includes("-h")) return { _tag: "Help", verb }
    if (rest.includes("--version")) return { _tag: "Version" }
    const { level, values, words } = yield* Effect.try({
      try: () => normalized(rest, verb),
      catch: (error) => error instanceof PlanError ? error : wrong(String(error))
    })
    const directive = yield* Descriptor.parse(command, ["tsgi", first, ...words], CliConfig.defaultConfig).pipe(
      Effect.provide(platform),
      Effect.mapError(({ error }) => wrong(stripVTControlCharacters(HelpDoc.toAnsiText(error)).trim()))
    )
    if (directive._tag === "BuiltIn" || Option.isNone(directive.value.subcommand)) return { _tag: "Help", verb }
    const [, { args, options }] = directive.value.subcommand.value
    const [argument, ...more] = [...args, ...directive.leftover]
    if (more.length > 0 || (argument !== undefined && verb.argument === undefined)) {
      return yield* Effect.fail(
        wrong(
          more.length > 0 && verb.argument === "app"
            ? `${verb.name} takes one app: ${argument} is one, and ${more[0]} another`
            : `unknown argument ${more[0] ?? argument}: see tsgi ${verb.name} --help`
        )
      )
    }
    if (argument === undefined && verb.argument !== undefined && !verb.argument.startsWith("[")) {
      return yield* Effect.fail(
        wrong(
          `give ${verb.argument === "app" ? "an app" : `<${verb.argument}>`}: tsgi ${verb.name} ${
            verb.argument === "app" ? "./app.ts" : `<${verb.argument}>`
          }`
        )
      )
    }
    const flags: Record<string, string | ReadonlyArray<string>> = level === undefined ? {} : { "log-level": level }
    const valueAt = (place: string): string => values[Number(place)] ?? ""
    for (const [name, value] of Object.entries(options)) {
      if (typeof value === "boolean") {
        if (value) flags[name] = "true"
      } else if (Option.isOption(value)) {
        if (Option.isSome(value)) flags[name] = valueAt(value.value)
      } else flags[name] = value.map(valueAt)
    }
    return { _tag: "Verb", verb, argument, flags }
  })

/**
 * A script that completes verbs and flags in a shell.
 *
 * @since 0.2.0
 * @category conversions
 */
export const completions = (shell: string): Effect.Effect<string, PlanError> => {
  const lines = shell === "bash" || shell === "sh"
    ? Descriptor.getBashCompletions(command, "tsgi")
    : shell === "zsh"
    ? Descriptor.getZshCompletions(command, "tsgi")
    : shell === "fish"
    ? Descriptor.getFishCompletions(command, "tsgi")
    : undefined
  return lines === undefined
    ? Effect.fail(wrong(`completions ${shell}: must be one of bash, zsh, fish, sh`))
    : Effect.map(lines, (lines) => lines.filter((line) => !foreign.test(line)).map(offered).join("\n"))
}

// What @effect/cli has by itself and we have not; and in fish, that verbs have no files behind them.
const foreign =
  /Generate a completion script for a specific|Sets the minimum log level for a|Start wizard mode for a|^complete .* -r -f$/
const offered = (line: string): string =>
  /^\s*opts="/.test(line) ? line.replace("--completions --log-level --help --wizard", "--help") : line

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

type Parsed = boolean | Array<string> | Option.Option<string>

const optionOf = (flag: Flag): Options.Options<Parsed> => {
  const described = <A>(option: Options.Options<A>): Options.Options<A> => Options.withDescription(option, flag.text)
  if (flag.value === undefined) return described(Options.boolean(flag.name))
  const text = Options.text(flag.name)
  const named = described(flag.alias === undefined ? text : Options.withAlias(text, flag.alias))
  return flag.many === true ? Options.repeated(named) : Options.optional(named)
}

const optionsOf = (flags: ReadonlyArray<Flag>): Options.Options<Readonly<Record<string, Parsed>>> =>
  flags.length === 0
    ? Options.map(Options.none, () => ({}))
    : Options.all(Object.fromEntries(flags.map((flag) => [flag.name, optionOf(flag)])))

const command = Descriptor.withSubcommands(
  Descriptor.make("tsgi"),
  nonEmpty(verbs.map((verb) =>
    [
      verb.name,
      Descriptor.withDescription(
        Descriptor.make(
          verb.name,
          optionsOf(verb.flags),
          Args.repeated(Args.text({ name: verb.argument ?? "none" }))
        ),
        verb.text
      )
    ] as const
  ))
)

function nonEmpty<A>([head, ...tail]: ReadonlyArray<A>): [A, ...Array<A>] {
  if (head === undefined) throw new RangeError("none")
  return [head, ...tail]
}

const unknownVerb = (given: string, rest: ReadonlyArray<string>): PlanError => {
  const verb = rest.find((word) => verbs.some(({ name }) => name === word))
  if (given.startsWith("-") && verb === undefined) {
    const close = nearest(given, ["help", "version"])
    return wrong(`there is no flag ${given}; ${close === undefined ? "see tsgi --help" : `did you mean --${close}?`}`)
  }
  if (given.startsWith("-")) {
    return wrong(`${given} stands before the verb: give the verb first, as in tsgi ${verb} … ${given} …`)
  }
  if (/\.[cm]?[jt]sx?(?::.*)?$/.test(given)) {
    return wrong(`there is no verb ${given}; did you mean tsgi serve ${given}?`)
  }
  const close = nearest(given, verbs.map(({ name }) => name))
  return wrong(
    `there is no verb ${given}; ${
      close === undefined ? `known are ${verbs.map(({ name }) => name).join(", ")}` : `did you mean tsgi ${close}?`
    }`
  )
}

// What @effect/cli has no words for: a name that there is not, a value that is missing, `-w2`, `--watch=src`. And what it takes
// for its own: a second `=` in `--set=a=b`, so that it is given places of values, and `--log-level`.
const normalized = (
  given: ReadonlyArray<string>,
  verb: Verb
): {
  readonly words: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>
  readonly level: string | undefined
} => {
  const words: Array<string> = []
  const values: Array<string> = []
  const add = (name: string, value: string): void => void words.push(`--${name}`, String(values.push(value) - 1))
  const seen = new Set<string>()
  let level: string | undefined
  for (let i = 0; i < given.length; i++) {
    const word = given[i] ?? ""
    if (!word.startsWith("-") || word === "-" || /^-\d+$/.test(word)) {
      words.push(word)
      continue
    }
    const [, short, attached = ""] = /^-([a-z])(.*)$/.exec(word) ?? []
    const [, long, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
    const flag = verb.flags.find(({ alias, name }) => name === long || (alias !== undefined && alias === short))
    if (flag === undefined) throw unknownFlag(word, long ?? word.slice(1), verb)
    if (flag.many !== true && seen.has(flag.name)) throw wrong(`--${flag.name} is given twice${again(flag)}`)
    seen.add(flag.name)
    if (flag.value === undefined) {
      words.push(`--${flag.name}`)
      if (flag.name === "watch" && value !== undefined) add("watch-path", value)
      else if (value !== undefined && value !== "true") throw wrong(`--${flag.name} is a switch, and has no value`)
      continue
    }
    const text = value ?? (attached !== "" ? attached.replace(/^=/, "") : given[++i])
    if (text === undefined) throw wrong(`--${flag.name} needs a value: ${flag.value}`)
    if (flag.name === "log-level") level = text
    else add(flag.name, text)
  }
  return { words, values, level }
}

const again = ({ name }: Flag): string =>
  name === "host" || name === "port" || name === "unix" ? ": --listen URL may be, to listen in several places" : ""

const unknownFlag = (word: string, name: string, verb: Verb): PlanError => {
  const instead = verb.argument === "app" ? insteadOf(name) : undefined
  if (instead !== undefined) return wrong(`there is no flag ${word.replace(/=.*$/s, "")}; give ${instead}`)
  const close = nearest(name, verb.flags.map(({ name }) => name))
  return wrong(
    `there is no flag ${word.replace(/=.*$/s, "")}; ${
      close === undefined ? `see tsgi ${verb.name} --help` : `did you mean --${close}?`
    }`
  )
}
