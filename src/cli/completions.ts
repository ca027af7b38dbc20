/**
 * Completions of verbs and flags, which @effect/cli makes from their tables.
 *
 * @since 0.2.0
 */
import * as Args from "@effect/cli/Args"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import type { Flag } from "./flags.js"
import { type PlanError, wrong } from "./Plan.js"
import { verbs } from "./verbs.js"

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

// Flags of @effect/cli that this command does not have, and fish's rule that no file follows a verb.
const foreign =
  /Generate a completion script for a specific|Sets the minimum log level for a|Start wizard mode for a|^complete .* -r -f$/
const offered = (line: string): string =>
  /^\s*opts="/.test(line) ? line.replace("--completions --log-level --help --wizard", "--help") : line

const optionOf = (flag: Flag): Options.Options<unknown> => {
  const described = <A>(option: Options.Options<A>): Options.Options<A> => Options.withDescription(option, flag.text)
  if (flag.value === undefined) return described(Options.boolean(flag.name))
  const text = Options.text(flag.name)
  const named = described(flag.alias === undefined ? text : Options.withAlias(text, flag.alias))
  return flag.many === true ? Options.repeated(named) : Options.optional(named)
}

const optionsOf = (flags: ReadonlyArray<Flag>): Options.Options<unknown> =>
  flags.length === 0
    ? Options.none
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
