/**
 * What an exchange asks of its connection.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Scope from "effect/Scope"
import type { RequestHead } from "../protocol/requestHead.js"
import type { FieldCase, FieldPairs } from "../protocol/responseHead.js"
import type { Forwarding } from "./Forwarding.js"
import type { HookOwner, HookRunner } from "./HookQueue.js"
import type { Outbox } from "./Outbox.js"
import type { Config } from "./ServerConfig.js"
import type { InterimError } from "./ServerError.js"
import type { Time } from "./Time.js"
import type { Transport } from "./Transport.js"

/**
 * A connection for another protocol: its stream, and what came behind the request.
 *
 * @since 0.2.0
 * @category models
 */
export interface TakenOver {
  readonly stream: unknown
  readonly rest: Uint8Array
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ExchangeHost extends HookRunner, HookOwner {
  readonly config: Config
  readonly time: Time
  /** The time, or that at which the exchange was begun while this is still going on: for a Date field. */
  readonly recently: () => number
  readonly outbox: Outbox
  readonly transport: Transport
  /** Reads what the peer says of its clients; absent where it is not believed. */
  readonly forwarding: Forwarding | undefined
  /** May another request follow, as far as the connection and the server are concerned? */
  readonly mayPersist: () => boolean
  readonly prepareInterim: (
    request: RequestHead,
    status: number,
    fields: FieldPairs,
    fieldCase: FieldCase
  ) => string | InterimError
  readonly expectAnotherBody: () => void
  /** Sends what is in the outbox now. */
  readonly flush: () => void
  /** The last byte of the response is in the outbox. */
  readonly completed: () => void
  /** The response cannot be completed: the connection must end so that the client can tell. */
  readonly cut: () => void
  readonly takenOver: () => TakenOver
  /** Nothing is lost when the server closes this connection, although it was taken over. */
  readonly markIdle: () => void
  /** Tells connections apart, in logs and metrics. */
  readonly id: number
  /** That of the socket. */
  readonly scope: Scope.CloseableScope
  /** Makes the server's stop wait until the function returned is called. */
  readonly detach: () => () => void
  /** The same, for no longer than a hook may take then. */
  readonly detachBriefly: () => () => void
  /** What the door keeps between the exchanges of the connection. */
  kept: unknown
  readonly logFailure: (message: string, cause: Cause.Cause<unknown>, level?: "Debug") => void
}
