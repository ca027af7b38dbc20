/**
 * The options of the engine: kind, range and default of each.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { EngineConfig, EngineLimits, EngineTimeouts, ForwardedOption, Rates } from "../exchange/Config.js"
import { OptionError } from "../exchange/ServerError.js"
import { none } from "../exchange/TrustedProxies.js"
import type { Http1Config, Http1Limits, Http1Timeouts } from "../http1/Http1Config.js"
import { forwardedFields } from "../protocol/forwarded.js"
import { defaultLimits, type Leniency, strict } from "../protocol/limits.js"
import { checkOptions, complete, type DefaultsOf, type Option, type OptionTable } from "./checkOptions.js"
import { group, misplaced, number, oneOf, yesOrNo } from "./optionKinds.js"

export type { EngineConfig, ForwardedOption, Rates } from "../exchange/Config.js"

/**
 * Bounds on one message, and on connections. `Infinity` switches one off; all but `addressShare` are whole numbers, and those on
 * heads, connections, handshakes and requests are at least 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerLimits extends EngineLimits, Http1Limits {}

/**
 * Deadlines, all in milliseconds; 0 is at once, `Infinity` switches one off, and so does 0 for `request`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timeouts extends EngineTimeouts, Http1Timeouts {}

/**
 * The settings of the engine, with a value for each.
 *
 * @since 0.1.0
 * @category models
 */
export interface Config extends EngineConfig, Http1Config {
  readonly limits: ServerLimits
  readonly timeouts: Timeouts
}

type WithDefault<A> = Option & { readonly defaultValue: A }

const withDefault = <A>(option: Option, defaultValue: A): WithDefault<A> => ({ ...option, defaultValue })

const bytes = (defaultValue: number, least = 0): WithDefault<number> =>
  withDefault(number({ least, whole: true, unit: "bytes", infinite: true }), defaultValue)
const count = (defaultValue: number, least = 0): WithDefault<number> =>
  withDefault(number({ least, whole: true, infinite: true }), defaultValue)
const time = (defaultValue: number, least = 0): WithDefault<number> =>
  withDefault(number({ least, unit: "milliseconds", infinite: true }), defaultValue)
const rate = (defaultValue: number): WithDefault<number> =>
  withDefault(number({ unit: "bytes a second", infinite: true }), defaultValue)

const limits: DefaultsOf<ServerLimits> = {
  requestLine: bytes(defaultLimits.requestLine, 1),
  fieldLine: bytes(defaultLimits.fieldLine, 1),
  fieldSection: bytes(defaultLimits.fieldSection, 1),
  fieldCount: count(defaultLimits.fieldCount, 1),
  chunkExtensions: bytes(defaultLimits.chunkExtensions),
  trailerSection: bytes(defaultLimits.trailerSection),
  body: bytes(defaultLimits.body),
  connections: count(1024, 1),
  waitingConnections: count(1024),
  addressShare: withDefault(number({ above: 0, most: 1 }), 0.9),
  handshakes: count(2048, 1),
  requestsPerConnection: count(Infinity, 1),
  wholeBody: bytes(10_485_760),
  parsedBody: bytes(1_048_576),
  leftoverBody: bytes(262_144),
  linger: bytes(268_435_456)
}

const timeouts: DefaultsOf<Timeouts> = {
  handshake: time(10_000, 1),
  firstRequest: time(60_000),
  place: time(10_000),
  head: time(30_000),
  idle: time(75_000),
  body: time(30_000),
  request: time(300_000),
  handler: time(Infinity),
  halfClose: time(5_000),
  write: time(60_000),
  leftoverBody: time(5_000),
  linger: time(2_000),
  lingerTotal: time(30_000),
  interrupt: time(1_000),
  // this is finite, because a server with idle connections must be able to stop
  settle: withDefault(number({ unit: "milliseconds" }), 0),
  farewell: time(1_000),
  hooks: time(5_000),
  grace: time(3_000)
}

const rates: DefaultsOf<Rates> = { body: rate(512), download: rate(2_048), window: time(60_000, 1) }

const parser: DefaultsOf<Leniency> = {
  requireHost: withDefault(yesOrNo, strict.requireHost),
  allowContentLengthWithTransferEncoding: withDefault(yesOrNo, strict.allowContentLengthWithTransferEncoding),
  allowControlsInChunkExtensions: withDefault(yesOrNo, strict.allowControlsInChunkExtensions),
  allowNonAsciiTarget: withDefault(yesOrNo, strict.allowNonAsciiTarget)
}

/**
 * The groups of options, the same at both doors.
 *
 * @since 0.2.0
 * @category constants
 */
export const groups = {
  limits: group(limits),
  timeouts: group(timeouts),
  rates: group(rates),
  parser: group(parser)
}

/**
 * The option `forwarded`, which says what fields of trusted proxies are believed.
 *
 * @since 0.2.0
 * @category constants
 */
export const forwardedOption: Option = {
  expected: `true, false, "x-forwarded", "forwarded", or a list of ${forwardedFields.join(", ")}`,
  accepts: (given) =>
    Array.isArray(given)
      ? given.every((field) => forwardedFields.some((known) => known === field))
      : given === "x-forwarded" || given === "forwarded" || typeof given === "boolean"
}

const scalars: DefaultsOf<Omit<Config, keyof typeof groups>> = {
  keepAlive: withDefault(yesOrNo, true),
  keepAliveSeconds: withDefault<number | undefined>(number({ whole: true }), undefined),
  maxMinorVersion: withDefault<0 | 1>(oneOf(0, 1), 1),
  fieldCase: withDefault<Config["fieldCase"]>(oneOf("title", "preserve"), "title"),
  halfClose: withDefault<Config["halfClose"]>(oneOf("answer", "abort"), "answer"),
  multiPhaseBody: withDefault(yesOrNo, false),
  trustedProxies: withDefault(
    {
      expected: "trusted proxies, as TrustedProxies.make returns",
      accepts: (given) => Predicate.hasProperty(given, "trusts") && typeof given.trusts === "function"
    },
    none
  ),
  forwarded: withDefault<ForwardedOption>(forwardedOption, false),
  debug: withDefault(yesOrNo, false)
}

/**
 * All options of the engine.
 *
 * @since 0.2.0
 * @category constants
 */
export const table = { ...groups, ...scalars }

const called = (name: string): Option => misplaced(`is called ${name} here`)

/**
 * Names that node:http, Fastify and Express have for an option of the engine.
 *
 * @since 0.2.0
 * @category constants
 */
export const otherNames: OptionTable = {
  keepAliveTimeout: called("timeouts.idle"),
  headersTimeout: called("timeouts.head"),
  requestTimeout: called("timeouts.request"),
  maxHeaderSize: called("limits.fieldSection"),
  maxHeadersCount: called("limits.fieldCount"),
  maxRequestsPerSocket: called("limits.requestsPerConnection"),
  maxConnections: called("limits.connections"),
  requireHostHeader: called("parser.requireHost"),
  insecureHTTPParser: misplaced("is no option here: parser has the few rules that can be relaxed"),
  bodyLimit: called("limits.body"),
  trustProxy: misplaced("is called trustedProxies here, with forwarded for what they say")
}

/**
 * A {@link Config} of which every option, also within a group, may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export type PartialConfig =
  & {
    readonly [K in Exclude<keyof Config, Group>]?: Config[K] | undefined
  }
  & { readonly [K in Group]?: { readonly [L in keyof Config[K]]?: Config[K][L] | undefined } | undefined }

type Group = "limits" | "timeouts" | "rates" | "parser"

/**
 * Completes a configuration with the defaults. Throws an `OptionError` for an option that is unknown or invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (partial: PartialConfig = {}): Config => {
  checkOptions(partial, { ...otherNames, ...table })
  const { forwarded = false, trustedProxies } = partial
  if (forwarded !== false && trustedProxies === undefined) {
    throw new OptionError({
      option: "forwarded",
      description: "needs trustedProxies: nobody else is believed, as in trustedProxies: [\"loopback\"]"
    })
  }
  const given = complete(timeouts, partial.timeouts)
  return {
    ...complete<Omit<Config, Group>>(scalars, partial),
    limits: complete(limits, partial.limits),
    timeouts: { ...given, request: given.request === 0 ? Infinity : given.request },
    rates: complete(rates, partial.rates),
    parser: complete(parser, partial.parser)
  }
}

/**
 * The settings of a server that is given none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: Config = make()
