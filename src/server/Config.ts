/**
 * What an operator can set, as a record with a sound default for every entry.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Predicate from "effect/Predicate"
import { type ForwardedField, forwardedFields } from "../protocol/forwarded.js"
import { defaultLimits, type Leniency, type Limits, strict } from "../protocol/limits.js"
import type { FieldCase } from "../protocol/responseHead.js"
import { noSuchOption, pathsIn } from "./OptionNames.js"
import { OptionError } from "./ServerError.js"
import { nobody, type TrustedProxies } from "./TrustedProxies.js"

/**
 * Bounds on one message, and on connections. `Infinity` is none; those of heads, connections, handshakes and requests are at
 * least 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerLimits extends Limits {
  /**
   * Connections served at a time. Further ones wait, unread, no longer than `timeouts.firstRequest`; one that is idle, or
   * has sent nothing for a second, makes room. Default 1024.
   */
  readonly connections: number
  /** Connections that may wait for room; more are closed at once. Default 1024. */
  readonly waitingConnections: number
  /** TLS handshakes under way at a time; a further one takes the place of the oldest. Default 1024. */
  readonly handshakes: number
  /** Requests on one connection; the last one is answered `Connection: close`. Default `Infinity`. */
  readonly requestsPerConnection: number
  /**
   * Bytes of a body that is read whole, and so is in memory: `read()` without a size, one line, all `readlines()`,
   * `request.text()` and its like. More fails with `TooLarge`, which is answered 413. Default 10485760.
   *
   * @since 0.2.0
   */
  readonly wholeBody: number
  /**
   * Bytes of a body that is parsed whole, as JSON or as `application/x-www-form-urlencoded`, and lines of `readlines()`:
   * what a parser makes of them takes up to a hundred times their length. More is answered 413. Default 1048576.
   *
   * @since 0.2.0
   */
  readonly parsedBody: number
  /** Unread body in bytes that is read and dropped to keep a connection; more closes it. Default 262144. */
  readonly leftoverBody: number
  /**
   * Bytes that are read and dropped of a client that goes on sending behind its last response, so that it can read that.
   * Default 268435456.
   *
   * @since 0.2.0
   */
  readonly linger: number
}

/**
 * Least rates of clients, in bytes a second; 0 asks for none. They are judged over a window of waiting: a client is not slow
 * while nobody waits for it.
 *
 * @since 0.2.0
 * @category models
 */
export interface Rates {
  /** Of a body that the application is reading; then 408. Default 512. */
  readonly body: number
  /** Of a response that waits to be sent; then the connection is closed. Default 2048. */
  readonly download: number
  /** Milliseconds of waiting after which both are judged, again and again. Default 60000. */
  readonly window: number
}

/**
 * Deadlines, all in milliseconds; 0 is at once, `Infinity` switches one off.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timeouts {
  /** TLS handshake; at least 1. Default 10000. */
  readonly handshake: number
  /** From accept to the first byte of the first request. Default 60000. */
  readonly firstRequest: number
  /** From the first byte of a request to the end of its field section; then 408. Default 30000. */
  readonly head: number
  /** Between requests. Default 75000. */
  readonly idle: number
  /** While the application waits for body bytes, without one. Default 30000. */
  readonly body: number
  /**
   * From the first byte of a request to its last, its body included; then 408. Default 300000.
   *
   * @since 0.2.0
   */
  readonly request: number
  /**
   * From the end of a request's head to the beginning of its answer; then 503, and the application is interrupted. Default
   * `Infinity`.
   *
   * @since 0.2.0
   */
  readonly handler: number
  /**
   * For a client that has closed its sending half (`halfClose: "answer"`) to get its answer, without the kernel taking any
   * of it; then the client is taken for gone. Default 5000.
   *
   * @since 0.2.0
   */
  readonly halfClose: number
  /**
   * While bytes wait to be sent, without the kernel taking a write of up to 256 KiB; on a connection that was taken over,
   * without it taking anything. See the README. Default 60000.
   */
  readonly write: number
  /** Reading a body that nobody wants, to keep the connection. Default 5000. */
  readonly leftoverBody: number
  /** After the last response, for the client to read it and close; from the last byte that still comes. Default 2000. */
  readonly linger: number
  /**
   * The same from the last response on, whatever comes. Default 30000.
   *
   * @since 0.2.0
   */
  readonly lingerTotal: number
  /** For an interrupted application to end, before post hooks run without it. Default 1000. */
  readonly interrupt: number
  /**
   * When the server stops: idle connections are kept for so long, and requests that come on them are answered. With 0 what
   * has arrived is answered all the same. Finite. Default 0.
   *
   * @since 0.2.0
   */
  readonly settle: number
  /**
   * When the server stops: for connections that have no end of their own to say goodbye, before the server does. WebSockets
   * are closed with 1001, event streams interrupted. Default 1000.
   *
   * @since 0.2.0
   */
  readonly farewell: number
  /**
   * When the server stops: for each post hook, and each finalizer of a request or a socket, from its beginning or that of the
   * stop; then it is no longer waited for. Default 5000.
   *
   * @since 0.2.0
   */
  readonly hooks: number
  /**
   * When the server stops: for running exchanges to end, after `settle`. Default 3000: with `interrupt` and `hooks` behind it
   * a stop takes 9 s at most, and is over before Docker kills a container, 10 s after SIGTERM.
   */
  readonly grace: number
}

/**
 * Fields by which proxies tell of the client that asked them: `"x-forwarded"` are X-Forwarded-For, -Proto, -Host and -Port,
 * `"forwarded"` is Forwarded (RFC 7239), `true` both kinds, a list those that it names. A proxy that is trusted must set
 * each of them, or take away what came.
 *
 * @since 0.2.0
 * @category models
 */
export type Believed = boolean | "x-forwarded" | "forwarded" | ReadonlyArray<ForwardedField>

/**
 * @since 0.1.0
 * @category models
 */
export interface Config {
  readonly limits: ServerLimits
  readonly timeouts: Timeouts
  /**
   * Least rates.
   *
   * @since 0.2.0
   */
  readonly rates: Rates
  /** Rules that are relaxed. Default: none. */
  readonly parser: Leniency
  /** Keep connections for further requests? Default `true`. */
  readonly keepAlive: boolean
  /** Whole seconds told in `Keep-Alive: timeout=` to clients that ask for keep-alive. Default: not told. */
  readonly keepAliveSeconds: number | undefined
  /** Highest minor version of HTTP/1 to speak. Default 1. */
  readonly maxMinorVersion: 0 | 1
  /** Field names of responses: title-cased, or as given. Default `title`. */
  readonly fieldCase: FieldCase
  /**
   * A client that closes its sending half while it waits: does it still want the answer, or is it gone? `answer` is
   * right for `nc`, `abort` is what node:http does. Default `answer`.
   */
  readonly halfClose: "answer" | "abort"
  /** After a chunked body and an explicit 100, another chunked body may follow in the same request. Default `false`. */
  readonly multiPhaseBody: boolean
  /** Peers that may speak for others, see `forwarded`: made by `TrustedProxies.make`. Default: none. */
  readonly trustedProxies: TrustedProxies
  /** Fields of trusted proxies that are believed. Default `false`: they are data. */
  readonly forwarded: Believed
  /** Answer 500 with the failure's text. Default `false`: the client gets nothing, the log gets all. */
  readonly debug: boolean
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const defaults: Config = {
  limits: {
    ...defaultLimits,
    connections: 1024,
    waitingConnections: 1024,
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
  limits: numbers("limits", defaults.limits, partial.limits, {
    requestLine: 1,
    fieldLine: 1,
    fieldSection: 1,
    fieldCount: 1,
    connections: 1,
    handshakes: 1,
    requestsPerConnection: 1
  }),
  timeouts: finite(numbers("timeouts", defaults.timeouts, partial.timeouts, { handshake: 1 })),
  rates: numbers("rates", defaults.rates, partial.rates, { window: 1 }),
  parser: switches("parser", defaults.parser, partial.parser)
})

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
const finite = (timeouts: Timeouts): Timeouts => {
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
