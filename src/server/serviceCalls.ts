/**
 * Calls of the services that a program may replace. Each method is called on its own object, because it may use `this`. A service
 * without types may return anything: an Effect that is not run, or a promise, whose rejection would end the process.
 *
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { Engine } from "../exchange/Engine.js"
import { isAnyEffect } from "../exchange/internal.js"
import { type BindError, InterimError } from "../exchange/ServerError.js"
import type { AccessLog, AccessRecord } from "./AccessLog.js"
import { catchRejection } from "./catchRejection.js"
import type { InterimResponses } from "./InterimResponses.js"
import type { BoundListener, Listener, PendingHandshakes } from "./Listener.js"
import { mustReturn } from "./mustReturn.js"
import { notRun } from "./notRun.js"
import type { Posthooks } from "./Posthooks.js"

const inLayer = "it cannot wait; run Effects where its layer is built, by Layer.effect"
const byPromise = "give Effect.promise(() => ...)"

/**
 * Binds a listener. Dies if that throws, or returns no Effect.
 *
 * @since 0.2.0
 */
export const bind = (
  listener: Context.Tag.Service<Listener>,
  ...given: Parameters<Context.Tag.Service<Listener>["bind"]>
): Effect.Effect<BoundListener, BindError, Scope.Scope> =>
  Effect.suspend(() => {
    const binding = listener.bind(...given)
    return Effect.isEffect(binding)
      ? binding
      : Effect.die(mustReturn("bind of the service Listener", "an Effect", binding, byPromise))
  })

/**
 * The handshakes of a listener. If their count or their end throws, that is logged once, and a stop goes on without them.
 *
 * @since 0.2.0
 */
export const handshakesOf = ({ pending }: BoundListener, log: Engine["log"]): PendingHandshakes | undefined => {
  if (pending === undefined) return undefined
  let isLogged = false
  const failed = (error: unknown): void => {
    // a stop asks again and again
    if (!isLogged) log("Error", "the service Listener failed to count or to drop its handshakes", error)
    isLogged = true
  }
  return {
    get size() {
      try {
        return pending.size
      } catch (error) {
        failed(error)
        return 0
      }
    },
    dropAll: () => {
      try {
        pending.dropAll()
      } catch (error) {
        failed(error)
      }
    }
  }
}

/**
 * Asks for the fields of interim responses.
 *
 * @since 0.2.0
 */
export const allowInterim =
  (service: Context.Tag.Service<InterimResponses>): Engine["allowInterim"] => (request, status, fields) => {
    const allowed = service.prepare(request, status, fields)
    // what the application gave is judged as its own
    if (allowed === fields || allowed instanceof InterimError) return allowed
    // an Effect is iterable
    if (Predicate.isIterable(allowed) && !isAnyEffect(allowed)) return allowed
    const what = "prepare of the service InterimResponses"
    const { message } = mustReturn(what, "fields or an InterimError", allowed, inLayer)
    return new InterimError({ reason: "InvalidHeader", description: message })
  }

/**
 * Runs hooks. A service that throws fails the hook, but not the connection.
 *
 * @since 0.2.0
 */
export const runHook = (service: Context.Tag.Service<Posthooks>): Engine["runHook"] => (hook, outcome, failed) => {
  try {
    const rest = service.run(hook, outcome, failed)
    // a hook of type `() => void` may return anything, and the service may pass that on
    if (typeof rest !== "object" || rest === null) return
    if (Effect.isEffect(rest)) return rest
    failed(mustReturn("run of the service Posthooks", "an Effect or nothing", rest, byPromise))
  } catch (error) {
    failed(error)
  }
}

/**
 * Writes records to an access log; `undefined` if it takes none. Its failures are logged, and do not end the connection.
 *
 * @since 0.2.0
 */
export const writeRecord = (
  service: Context.Tag.Service<AccessLog>,
  log: Engine["log"]
): ((record: AccessRecord) => void) | undefined => {
  if (service.write === undefined) return undefined
  const failed = (error: unknown): void => log("Error", "the access log failed", Cause.die(error))
  return (record) => {
    try {
      const returned: unknown = service.write?.(record)
      catchRejection(returned, failed)
      const error = notRun(
        returned,
        "the access log",
        "write in the function itself, or run it there by Effect.runFork"
      )
      if (error !== undefined) failed(error)
    } catch (error) {
      failed(error)
    }
  }
}
