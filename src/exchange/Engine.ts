/**
 * The server, as exchanges use it.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import type { FieldPairs } from "../protocol/heads.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { Clock } from "./Clock.js"
import type { EngineConfig } from "./Config.js"
import type { Outcome } from "./Outcome.js"
import type { HookFiberRefs, PostHook } from "./PostHook.js"
import type { InterimError } from "./ServerError.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Engine {
  readonly config: EngineConfig
  readonly time: Clock
  /** The fields to send with an interim response, or the error if it must not be sent. */
  readonly allowInterim: (request: RequestHead, status: number, fields: FieldPairs) => FieldPairs | InterimError
  /** Runs a hook. Returns the Effect that does the rest, if there is one. */
  readonly runHook: (
    hook: PostHook<unknown>,
    outcome: Outcome,
    failed: (failure: unknown) => void
  ) => void | Effect.Effect<unknown, never, unknown>
  /** Runs an Effect. Calls `done` when it has ended, or when a server that stops has waited long enough for it. */
  readonly run: (effect: Effect.Effect<unknown, never, unknown>, done: () => void, fiberRefs: HookFiberRefs) => void
  /** Runs an Effect beside the connection; the server's stop waits for it. */
  readonly runDetached: (effect: Effect.Effect<unknown, never, unknown>, fiberRefs: HookFiberRefs) => void
  /** Makes the server's stop wait until the function returned is called. */
  readonly detach: () => () => void
  /** The same, but no longer than for a hook. */
  readonly detachBriefly: () => () => void
  /**
   * Logs. Never throws. A message that is a function is only made if its level is logged. A failure that is not a `Cause` is
   * logged as a defect.
   */
  readonly log: (level: "Debug" | "Info" | "Error", message: string | (() => string), failure?: unknown) => void
  /** A failure as text, with its stack. */
  readonly failureText: (failure: unknown) => string
}
