/**
 * The exits for a request's scope and its span, and the failure for its outcome.
 *
 * The exit of a fiber does not tell that the client has left after the response was complete, or how an app has failed within its
 * middleware.
 *
 * @since 0.2.0
 */
import { causeResponseStripped, clientAbortFiberId, ResponseError } from "@effect/platform/HttpServerError"
import { isRespondable } from "@effect/platform/HttpServerRespondable"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import type { AbortReason, Outcome } from "../exchange/Outcome.js"
import { BodyError } from "../exchange/ServerError.js"
import { kindOf } from "../server/OptionNames.js"
import { UnreadableForm } from "./FormError.js"
import { UnreadableBody } from "./ServerRequest.js"

/**
 * The error for a handler that has ended without a response.
 *
 * @since 0.2.0
 * @category errors
 */
export const noResponse = (): Error => new Error("the handler returned no response")

/**
 * The error for a handler that succeeds with a value other than a response, as code without types can.
 *
 * @since 0.2.0
 * @category errors
 */
export const otherThanResponse = (given: unknown): Error => {
  const remedy = given instanceof Response
    ? "; HttpServerResponse.fromWeb makes one of a Response"
    : Effect.isEffect(given)
    ? "; run it by yield* or Effect.flatMap"
    : ""
  return new TypeError(`the handler returned ${kindOf(given)} instead of an HttpServerResponse${remedy}`)
}

/**
 * The id with which a handler is interrupted: `clientAbortFiberId` for a client that has left, none for the server.
 *
 * @since 0.2.0
 * @category accessors
 */
export const interruptorId = (reason: AbortReason): FiberId.FiberId =>
  reason === "Stopped" || reason === "Closed" || reason === "HandlerTimeout" ? FiberId.none : clientAbortFiberId

/**
 * How the wait for the last byte ends: interrupted if the exchange was aborted. After an invalid body the client is still there
 * to read the answer.
 *
 * @since 0.2.0
 * @category conversions
 */
export const concludedWith = (outcome: Outcome): Effect.Effect<void> =>
  outcome._tag === "Aborted" && outcome.reason !== "BadRequest" && outcome.reason !== "ReadTimeout"
    ? Effect.failCause(Cause.interrupt(interruptorId(outcome.reason)))
    : Effect.void

/**
 * The exit of a handler, with what its fiber's exit does not tell. `failure` is the app's. `closed` says that the handler has
 * closed the connection that it took over, so the client did not abort.
 *
 * @since 0.2.0
 * @category conversions
 */
export const actualExit = (
  exit: Exit.Exit<unknown, unknown>,
  { aborted, outcome }: DoorExchange,
  failure: Cause.Cause<unknown> | undefined,
  closed: boolean
): Exit.Exit<unknown, unknown> => {
  const reason = closed
    ? undefined
    : outcome === undefined
    ? aborted
    : outcome._tag === "Aborted"
    ? outcome.reason
    : undefined
  const cause = failure ?? (Exit.isFailure(exit) ? withoutResponse(exit.cause) : undefined)
  if (reason !== undefined && (cause === undefined || Cause.isInterruptedOnly(cause))) {
    return Exit.failCause(Cause.interrupt(interruptorId(reason)))
  }
  return cause === undefined ? exit : Exit.failCause(cause)
}

// The platform puts the response into the cause.
const withoutResponse = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Option.getOrElse(causeResponseStripped(cause)[1], () => cause)

/**
 * Records the failure from which a response was made. With `logs` it is logged too, because no middleware could have done that.
 *
 * @since 0.2.0
 */
export const recordFailure = (
  exchange: DoorExchange,
  failure: Cause.Cause<unknown>,
  response: HttpServerResponse,
  logs: boolean
): void => {
  const error = Cause.squash(failure)
  const ofClient = error instanceof UnreadableForm
    ? error.bodyError
    : error instanceof UnreadableBody
    ? error.cause
    : undefined
  if (ofClient instanceof BodyError) exchange.recordFailure(ofClient)
  else if (response.status >= 500) {
    exchange.recordFailure(error)
    // an error that is itself a response was intended, unless it is the platform's ResponseError
    const expected = isRespondable(error) && !(error instanceof ResponseError)
    if (logs && !Cause.isInterruptedOnly(failure) && !expected) {
      exchange.logFailure(isRouters(error) ? "a route gave no HttpServerResponse" : "the application failed", error)
    }
  }
}

// A router lets the platform convert what a handler has returned. For other values that fails with "is not a function".
const isRouters = (error: unknown): boolean =>
  error instanceof TypeError && error.stack?.split("\n")[1]?.includes("HttpServerRespondable") === true
