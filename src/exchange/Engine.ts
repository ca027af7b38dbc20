/**
 * What exchanges have of their server.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import type { RequestHead } from "../protocol/requestHead.js"
import type { FieldPairs } from "../protocol/responseHead.js"
import type { Clock } from "./Clock.js"
import type { Config } from "./Config.js"
import type { Outcome } from "./Outcome.js"
import type { HookFiberRefs, PostHook } from "./PostHook.js"
import type { InterimError } from "./ServerError.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Engine {
  readonly config: Config
  readonly time: Clock
  /** The fields that an interim response goes out with, or why it does not go out. */
  readonly allowInterim: (request: RequestHead, status: number, fields: FieldPairs) => FieldPairs | InterimError
  /** Runs a hook: what is returned is left to do. */
  readonly runHook: (
    hook: PostHook<unknown>,
    outcome: Outcome,
    failed: (failure: unknown) => void
  ) => void | Effect.Effect<unknown, never, unknown>
  /** Calls back when it is done, or when a server that stops has waited for long enough. */
  readonly run: (effect: Effect.Effect<unknown, never, unknown>, done: () => void, fiberRefs: HookFiberRefs) => void
  /** Runs beside everything; the server's stop waits for it. */
  readonly runDetached: (effect: Effect.Effect<unknown, never, unknown>, fiberRefs: HookFiberRefs) => void
  /** Makes the server's stop wait until the function returned is called. */
  readonly detach: () => () => void
  /** The same, for no longer than a hook may take then. */
  readonly detachBriefly: () => () => void
  /**
   * A message that costs something to make is given as a function, which is called where the level is logged. A failure that is
   * no `Cause` is logged as a defect.
   */
  readonly log: (level: "Debug" | "Info" | "Error", message: string | (() => string), failure?: unknown) => void
  /** A failure as text, with its stack. */
  readonly failureText: (failure: unknown) => string
}
