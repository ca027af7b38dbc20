/**
 * The arguments of `listen` and `bind`.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { refuseMore } from "../server/checkOptions.js"
import { invalidOption } from "../server/OptionNames.js"
import type { ListenOptions } from "./ListenOptions.js"

/**
 * The options of a call with a port, its text, or options. They are not checked. Throws an `OptionError` for another value, for
 * text that is more than a port, and for a further argument.
 *
 * @since 0.2.0
 * @category conversions
 */
export const listenArguments = (
  call: "listen" | "bind",
  given: unknown,
  more: ReadonlyArray<unknown>
): ListenOptions => {
  const options: unknown = typeof given === "number" || typeof given === "string" ? { port: given } : given
  if (!isOptions(options)) throw invalidOption("options", "a port or an object", options)
  refuseMore(more, "options", oneArgument(call, given, more[0]))
  const expected = typeof given === "string" ? optionsFor(given) : undefined
  if (expected !== undefined) throw invalidOption("port", "a port", given, `use ${call}(${expected})`)
  return options
}

const isOptions = (given: unknown): given is ListenOptions => Predicate.isRecord(given)

// the options to suggest for a string that is more than a port
const optionsFor = (text: string): string | undefined => {
  const [, host, port] = /^(?:[a-z]+:\/\/)?\[?([^/[\]]+?)\]?:([0-9]+)\/?$/i.exec(text) ?? []
  if (host !== undefined) return `{ host: ${JSON.stringify(host)}, port: ${port} }`
  if (text.includes("://") || !text.includes("/")) return undefined
  return `{ path: ${JSON.stringify(text.replace(/^unix:/, ""))} }`
}

const oneArgument = (call: "listen" | "bind", port: unknown, host: unknown): string => {
  if (typeof host === "string" && (typeof port === "number" || typeof port === "string")) {
    return `${call} takes one argument: ${call}({ port: ${port}, host: ${JSON.stringify(host)} })`
  }
  return `${call} takes one argument, a port or an object${
    call === "listen" ? "; wait for `ready` of the server instead of a callback" : ""
  }`
}
