/**
 * What an operator can set, as a record with a sound default for every entry.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import type { Config, ServerLimits } from "../exchange/Config.js"
import { OptionError } from "../exchange/ServerError.js"
import { nobody } from "../exchange/TrustedProxies.js"
import { forwardedFields } from "../protocol/forwarded.js"
import { defaultLimits, strict } from "../protocol/limits.js"
import { noSuchOption, pathsIn } from "./OptionNames.js"

export type { Believed, Config, Rates, ServerLimits, Timeouts } from "../exchange/Config.js"

/**
 * @since 0.1.0
 * @category constructors
 */
export const defaults: Config = {
  limits: {
    ...defaultLimits,
    connections: 1024,
    waitingConnections: 1024,
    addressShare: 0.9,
    handshakes: 1024,
    requestsPerConnection: Infinity,
    wholeBody: 10_485_760,
    parsedBody: 1_048_576,
    leftoverBody: 262_144,
    linger: 268_435_456
  },
  timeouts: {
    handshake: 10_000,
    firstRequest: 60_000,
    head: 30_000,
    idle: 75_000,
    body: 30_000,
    request: 300_000,
    handler: Infinity,
    halfClose: 5_000,
    write: 60_000,
    leftoverBody: 5_000,
    linger: 2_000,
    lingerTotal: 30_000,
    interrupt: 1_000,
    settle: 0,
    farewell: 1_000,
    hooks: 5_000,
    grace: 3_000
  },
  rates: { body: 512, download: 2_048, window: 60_000 },
  parser: strict,
  keepAlive: true,
  keepAliveSeconds: undefined,
  maxMinorVersion: 1,
  fieldCase: "title",
  halfClose: "answer",
  multiPhaseBody: false,
  trustedProxies: nobody,
  forwarded: false,
  debug: false
}

/**
 * Some of a {@link Config}: groups may be given in part.
 *
 * @since 0.1.0
 * @category models
 */
export type Partial =
  & {
    readonly [K in Exclude<keyof Config, Group>]?: Config[K] | undefined
  }
  & { readonly [K in Group]?: { readonly [L in keyof Config[K]]?: Config[K][L] | undefined } | undefined }

type Group = "limits" | "timeouts" | "rates" | "parser"

/**
 * Completes a partial configuration. Throws an `OptionError` that names an entry which is unknown or cannot be meant.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (partial: Partial = {}): Config => ({
  ...checked(overlay("", defaults, partial)),
  limits: shared(numbers("limits", defaults.limits, partial.limits, {
    requestLine: 1,
    fieldLine: 1,
    fieldSection: 1,
    fieldCount: 1,
    connections: 1,
    handshakes: 1,
    requestsPerConnection: 1
  })),
  timeouts: finite(numbers("timeouts", defaults.timeouts, partial.timeouts, { handshake: 1 })),
  rates: numbers("rates", defaults.rates, partial.rates, { window: 1 }),
  parser: switches("parser", defaults.parser, partial.parser)
})

const shared = (limits: ServerLimits): ServerLimits => {
  if (limits.addressShare > 0 && limits.addressShare <= 1) return limits
  throw invalid("limits.addressShare", "a number above 0, at most 1", limits.addressShare)
}

const invalid = (option: string, meant: string, given: unknown): OptionError =>
  new OptionError({ option, description: `must be ${meant}; it is ${Inspectable.toStringUnknown(given)}` })

const overlay = <A extends object>(group: string, base: A, given: unknown): A => {
  if (given === undefined) return base
  if (!Predicate.isRecord(given)) throw invalid(group === "" ? "options" : group, "an object", given)
  const path = group === "" ? "" : `${group}.`
  const known = new Set(Object.keys(base))
  for (const key of Object.keys(given)) {
    if (!known.has(key)) {
      throw new OptionError({
        option: path + key,
        description: noSuchOption(
          key,
          [...known],
          undefined,
          [...known].map((name) => path + name).concat(pathsIn(defaults))
        )
      })
    }
  }
  return { ...base, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
}

type Check = readonly [meant: string, holds: (given: unknown) => boolean]

const oneOf = (...meant: ReadonlyArray<unknown>): Check => [
  meant.map((value) => JSON.stringify(value)).join(" or "),
  (given) => meant.includes(given)
]

const scalars: Readonly<Record<Exclude<keyof Config, Group>, Check>> = {
  keepAlive: oneOf(true, false),
  keepAliveSeconds: [
    "a whole number, 0 or more",
    (given) => given === undefined || (typeof given === "number" && Number.isInteger(given) && given >= 0)
  ],
  maxMinorVersion: oneOf(0, 1),
  fieldCase: oneOf("title", "preserve"),
  halfClose: oneOf("answer", "abort"),
  multiPhaseBody: oneOf(true, false),
  trustedProxies: [
    "what TrustedProxies.make gives",
    (given) => Predicate.hasProperty(given, "trusts") && typeof given.trusts === "function"
  ],
  forwarded: [
    `true, false, "x-forwarded", "forwarded", or a list of ${forwardedFields.join(", ")}`,
    (given) =>
      Array.isArray(given)
        ? given.every((field) => forwardedFields.some((known) => known === field))
        : given === "x-forwarded" || given === "forwarded" || typeof given === "boolean"
  ],
  debug: oneOf(true, false)
}

const checked = (config: Config): Config => {
  for (const [option, [meant, holds]] of Object.entries(scalars)) {
    const given: unknown = Reflect.get(config, option)
    if (!holds(given)) throw invalid(option, meant, given)
  }
  return config
}

const switches = <A extends object>(group: string, base: A, given: unknown): A => {
  const whole = overlay(group, base, given)
  for (const [key, value] of Object.entries(whole)) {
    if (typeof value !== "boolean") throw invalid(`${group}.${key}`, "a boolean", value)
  }
  return whole
}

// a server that never lets go of idle connections would never stop
const finite = (timeouts: Config["timeouts"]): Config["timeouts"] => {
  if (timeouts.settle === Infinity) throw invalid("timeouts.settle", "a number, 0 or more", Infinity)
  return timeouts
}

// `least` has those of which none cannot be meant
const numbers = <A extends object>(
  group: string,
  base: A,
  given: unknown,
  least: { readonly [K in keyof A]?: number }
): A => {
  const whole = overlay(group, base, given)
  const minimums = new Map<string, unknown>(Object.entries(least))
  for (const [key, value] of Object.entries(whole)) {
    const minimum = Number(minimums.get(key) ?? 0)
    if (typeof value !== "number" || !(value >= minimum)) {
      throw invalid(`${group}.${key}`, `a number, ${minimum} or more, or Infinity`, value)
    }
  }
  return whole
}
