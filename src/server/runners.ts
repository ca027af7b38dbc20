/**
 * Runs Effects of a server in fibers of their own.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRefs from "effect/FiberRefs"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import { forHook, type HookFiberRefs } from "./HookFiberRefs.js"

/**
 * The ways in which a server starts a fiber.
 *
 * @since 0.2.0
 * @category models
 */
export interface Runners {
  /** Starts an uninterruptible fiber at once, with these fiber refs or those of the server. */
  readonly fork: (
    effect: Effect.Effect<unknown, never, unknown>,
    fiberRefs: HookFiberRefs
  ) => Fiber.RuntimeFiber<unknown>
  /** Calls back after `delay` milliseconds. Returns a function that cancels the call. */
  readonly schedule: (delay: number, callback: () => void) => () => void
}

/**
 * Runners with the services and the fiber refs of the running fiber.
 *
 * @since 0.2.0
 * @category constructors
 */
export const makeRunners: Effect.Effect<Runners> = Effect.map(Effect.runtime<never>(), (runtime) => {
  // what ends a connection and runs its hooks is uninterruptible; this flag makes it so for the whole fiber
  const runtimeFlags = RuntimeFlags.disable(runtime.runtimeFlags, RuntimeFlags.Interruption)
  const runFork = Runtime.runFork(Runtime.make({
    context: Context.unsafeMake<unknown>(runtime.context.unsafeMap),
    fiberRefs: runtime.fiberRefs,
    runtimeFlags
  }))
  // timers are interruptible even if the fiber that starts the server is not
  const runTimer = Runtime.runFork(Runtime.make({
    ...runtime,
    runtimeFlags: RuntimeFlags.enable(runtime.runtimeFlags, RuntimeFlags.Interruption)
  }))
  // fibers that are given all their fiber refs start here, so that those of the runtime are not forked as well
  const runBare = Runtime.runFork(Runtime.make({
    context: Context.unsafeMake<unknown>(new Map()),
    fiberRefs: FiberRefs.empty(),
    runtimeFlags
  }))
  return {
    fork: (effect, fiberRefs) =>
      fiberRefs === undefined
        ? runFork(effect, { immediate: true })
        : runBare(effect, { immediate: true, updateRefs: () => forHook(fiberRefs) }),
    schedule: (delay, callback) => {
      const fiber = runTimer(Effect.delay(Effect.sync(callback), delay), { immediate: true })
      return () => fiber.unsafeInterruptAsFork(fiber.id())
    }
  }
})
