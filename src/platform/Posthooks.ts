/**
 * Adds post hooks from any handler or middleware: these Effects need only the request.
 *
 * @module
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Outcome } from "../exchange/Outcome.js"
import { isClass } from "../server/guards.js"
import { checkHookOptions, type PostHookOptions } from "../server/hookOptions.js"
import { invalidOption } from "../server/OptionNames.js"
import { fiberRefsOf } from "./internal.js"
import { ServerRequest } from "./ServerRequest.js"

export { layer, type PostHook, Posthooks, toEffect } from "../server/Posthooks.js"

/**
 * The error on another HttpServer, which would drop the hook.
 *
 * @since 0.1.0
 * @category errors
 */
export class PosthooksError extends Data.TaggedError("PosthooksError")<{
  readonly reason: "Unsupported"
}> {
  override get message(): string {
    return "Unsupported: this HttpServer has no post hooks, serve the app with TsgiHttpServer"
  }
}

/**
 * Adds a hook that runs after the exchange: when the last byte was handed to the kernel, the client has left, the handler has
 * failed or the server has stopped. Its argument says which. Hooks run in the order in which they were added, with the services
 * and the fiber refs of the handler that added them, and in fibers of their own. A single `Effect.sync`, which sees neither, runs
 * without a fiber. Hooks are not interrupted with the request. A failure is logged, and the other hooks run all the same. The
 * next request on the connection waits for the hooks, unless they are `detached`; the server's stop waits for all of them. Dies
 * with an `OptionError` for an option that is unknown or invalid, and for a hook that is not a function.
 *
 * @example
 * ```ts
 * import { HttpServerResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import { Posthooks } from "tsgi/effect"
 *
 * const handler = Effect.gen(function*() {
 *   yield* Posthooks.add((outcome) => Effect.log(outcome._tag, outcome.bodyBytes))
 *   return HttpServerResponse.text("Hello, World!")
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = <R>(
  hook: (outcome: Outcome) => Effect.Effect<unknown, unknown, R>,
  options?: PostHookOptions
): Effect.Effect<void, PosthooksError, R | HttpServerRequest> =>
  Effect.withFiberRuntime<void, PosthooksError, R | HttpServerRequest>((fiber) => {
    const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest)
    if (!(request instanceof ServerRequest)) return Effect.fail(new PosthooksError({ reason: "Unsupported" }))
    if (!isHook(hook)) {
      const remedy = Effect.isEffect(hook) ? "give () => effect" : undefined
      return Effect.die(invalidOption("hook", "a function of the outcome that returns an Effect", hook, remedy))
    }
    if (options !== undefined) checkHookOptions(options)
    // the hook's fiber starts with this fiber's refs, which have the services too
    request.call.exchange.postHook(hook, { detached: options?.detached, fiberRefs: fiberRefsOf(fiber) })
    return Effect.void
  })

const isHook = (given: unknown): boolean => Predicate.isFunction(given) && !isClass(given)
