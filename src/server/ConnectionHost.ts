/**
 * What a connection asks of its server.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Alarm } from "./Alarm.js"
import type { Exchange } from "./Exchange.js"
import type { HookSettings } from "./HookSettings.js"
import type { InterimResponses } from "./InterimResponses.js"
import type { Posthooks } from "./Posthooks.js"
import type { RequestParser } from "./RequestParser.js"
import type { Config } from "./ServerConfig.js"
import type { RequestError } from "./ServerError.js"
import type { Time } from "./Time.js"
import type { Transport } from "./Transport.js"
import type { Turn } from "./Turn.js"

/**
 * What a connection is known by.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionFacts {
  /** Counted from 1. */
  readonly id: number
  readonly transport: Transport
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConnectionHost {
  readonly config: Config
  readonly time: Time
  readonly turn: Turn
  readonly alarm: Alarm
  /** Something has happened: the counts of connections are to be made anew soon. */
  readonly countSoon: (now: number) => void
  readonly parser: Context.Tag.Service<RequestParser>
  readonly interimResponses: Context.Tag.Service<InterimResponses>
  readonly posthooks: Context.Tag.Service<Posthooks>
  /** The door: gives the exchange to the application. What it throws fails the exchange. */
  readonly handler: (exchange: Exchange) => void
  /** May clients be told that their connections wait for another request, or is the room needed? */
  readonly mayPersist: () => boolean
  /** May connections wait whose clients were told so? */
  readonly mayStay: () => boolean
  /** An exchange is over, its hooks have run. */
  readonly record: (connection: ConnectionFacts, exchange: Exchange, now: number) => void
  /** A request was refused before there was an exchange. */
  readonly refused: (
    connection: ConnectionFacts,
    error: RequestError,
    requestLine: string,
    bytes: { readonly body: number; readonly wire: number },
    /** When its first bytes came; `undefined` where they came all at once. */
    since: number | undefined
  ) => void
  /** Calls back when it is done, or when a server that stops has waited for long enough. */
  readonly run: (effect: Effect.Effect<unknown, never, unknown>, done: () => void, settings: HookSettings) => void
  /** Runs beside everything; the server's stop waits for it. */
  readonly runDetached: (effect: Effect.Effect<unknown, never, unknown>, settings: HookSettings) => void
  /** Makes the server's stop wait until the function returned is called. */
  readonly detach: () => () => void
  /** The same, for no longer than a hook may take then. */
  readonly detachBriefly: () => () => void
  /** A message that costs something to make is given as a function, which is called if anybody reads it. */
  readonly log: (
    level: "Debug" | "Info" | "Error",
    message: string | (() => string),
    cause?: Cause.Cause<unknown>
  ) => void
}
