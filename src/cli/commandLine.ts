/**
 * Reads the command line, from the tables of verbs and flags.
 *
 * @since 0.2.0
 */
import { nearest } from "../server/OptionNames.js"
import type { Flag } from "./flags.js"
import { insteadOf, insteadOfVerb, verbLike } from "./foreignFlags.js"
import { type PlanError, wrong } from "./Plan.js"
import { yesOrNo } from "./values.js"
import { type Verb, verbs } from "./verbs.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Line {
  readonly verb: Verb
  readonly argument: string | undefined
  readonly flags: Readonly<Record<string, string | ReadonlyArray<string>>>
}

/**
 * Throws a `PlanError` that names the invalid argument and the nearest valid ones.
 *
 * @param given the arguments without node and the command; they do not ask for help
 *
 * @since 0.2.0
 * @category constructors
 */
export const parse = ([first = "", ...rest]: ReadonlyArray<string>): Line => {
  const verb = verbs.find(({ name }) => name === first)
  if (verb === undefined) throw unknownVerb(first, rest)
  const { flags, words: [argument, ...more] } = read(rest, verb)
  const behindWatch = rest[rest.indexOf("--watch") + 1]
  if (more.length > 0 && rest.includes("--watch") && [argument, ...more].includes(behindWatch)) {
    throw wrong(`--watch takes no word behind it; did you mean --watch=${behindWatch}?`)
  }
  if (more.length > 0 || (argument !== undefined && verb.argument === undefined)) {
    throw wrong(
      more.length > 0 && verb.argument === "app"
        ? `${verb.name} takes one app: ${argument} is one, and ${more[0]} another`
        : `unknown argument ${more[0] ?? argument}: see tsgi ${verb.name} --help`
    )
  }
  if (argument === "") throw wrong(`the ${plain(verb)} is empty: is a variable of the shell not set?`)
  // the app may be a setting, so it may be absent here
  if (argument === undefined && verb.argument !== undefined && !/^\[|^app$/.test(verb.argument)) {
    throw wrong(
      `give <${verb.argument}>: tsgi ${verb.name} ${
        verb.name === "completions" ? "bash | zsh | fish | sh" : `<${verb.argument}>`
      }`
    )
  }
  return { verb, argument, flags }
}

const plain = ({ argument = "argument" }: Verb): string => argument.replace(/[[\]]/g, "")

const unknownVerb = (given: string, rest: ReadonlyArray<string>): PlanError => {
  if (given === "") return wrong("the verb is empty: see tsgi --help")
  const verb = rest.find((word) => verbs.some(({ name }) => name === word))
  if (given.startsWith("-") && verb === undefined) {
    if (flagsOf(verbs[0]).test(given)) {
      return wrong(`${given} is a flag of tsgi serve: give the verb first, as in tsgi serve … ${given} …`)
    }
    const close = nearest(given, ["help", "version"])
    return wrong(`there is no flag ${given}; ${close === undefined ? "see tsgi --help" : `did you mean --${close}?`}`)
  }
  if (given.startsWith("-")) {
    return wrong(`${given} stands before the verb: give the verb first, as in tsgi ${verb} … ${given} …`)
  }
  if (/\.[cm]?[jt]sx?(?::.*)?$|[./]/.test(given)) {
    return wrong(`there is no verb ${given}; did you mean tsgi serve ${given}?`)
  }
  const instead = insteadOfVerb(given)
  if (instead !== undefined) return wrong(`there is no verb ${given}: ${instead}`)
  const close = verbLike(given) ?? nearest(given, verbs.map(({ name }) => name))
  return wrong(
    `there is no verb ${given}; ${
      close === undefined ? `known are ${verbs.map(({ name }) => name).join(", ")}` : `did you mean tsgi ${close}?`
    }`
  )
}

// Tells whether a word is one of a verb's flags: `-w`, `-w2`, `--workers`, `--workers=2`.
const flagsOf = ({ flags }: Verb): { readonly test: (word: string) => boolean } => ({
  test: (word) =>
    flags.some(({ alias, name }) =>
      word === `--${name}` || word.startsWith(`--${name}=`) ||
      (alias !== undefined && /^-[a-z]/.exec(word)?.[0] === `-${alias}`)
    )
})

// `--workers 2`, `--workers=2`, `-w 2` and `-w2` have a value, `--watch` is a switch, and after `--` there are no flags.
const read = (
  given: ReadonlyArray<string>,
  verb: Verb
): { readonly words: ReadonlyArray<string>; readonly flags: Line["flags"] } => {
  const words: Array<string> = []
  const flags: Record<string, string | Array<string>> = {}
  const many = (name: string, value: string): void => void (flags[name] = [...flags[name] ?? [], value])
  for (let i = 0; i < given.length; i++) {
    const word = given[i] ?? ""
    if (word === "--") {
      words.push(...given.slice(i + 1))
      break
    }
    if (!word.startsWith("-") || word === "-" || /^-\d+$/.test(word)) {
      words.push(word)
      continue
    }
    const [, short, attached = ""] = /^-([a-z])(.*)$/.exec(word) ?? []
    const [, long, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
    const flag = verb.flags.find(({ alias, name }) => name === long || (alias !== undefined && alias === short))
    if (flag === undefined) throw unknownFlag(word, long ?? word.slice(1), verb)
    const { name } = flag
    const missing = flag.value ?? (name === "watch" ? "PATH" : "true or false")
    if (value === "") throw wrong(`--${name} is empty: give ${missing}, or leave it out`)
    if (flag.many !== true && name in flags) throw wrong(`--${name} is given twice${again(flag)}`)
    if (flag.value === undefined) {
      flags[name] = "true"
      const given = yesOrNo(value ?? "true")
      if ("value" in given) flags[name] = String(given.value)
      else if (name === "watch" && value !== undefined) many("watch-path", value)
      else throw wrong(`--${name} is a switch: its values are true and false`)
      continue
    }
    const text = value ?? (attached !== "" ? attached.replace(/^=/, "") : given[++i])
    if (text === undefined) throw wrong(`--${name} needs a value: ${flag.value}`)
    if (text === "") throw wrong(`--${name} is empty: give ${flag.value}, or leave it out`)
    if (flag.many === true) many(name, text)
    else flags[name] = text
  }
  return { words, flags }
}

const again = ({ name }: Flag): string =>
  name === "host" || name === "port" || name === "unix" ? ": --listen URL may be, to listen in several places" : ""

const unknownFlag = (word: string, name: string, verb: Verb): PlanError => {
  const instead = verb.argument === "app" ? insteadOf(name) : undefined
  if (instead !== undefined) return wrong(`there is no flag ${word.replace(/=.*$/s, "")}; give ${instead}`)
  const names = verb.flags.map(({ name }) => name)
  const close = nearest(name, names) ?? (name.length > 2 ? names.find((other) => other.startsWith(name)) : undefined)
  return wrong(
    `there is no flag ${word.replace(/=.*$/s, "")}; ${
      close === undefined ? `see tsgi ${verb.name} --help` : `did you mean --${close}?`
    }`
  )
}
