/**
 * How the fibers of a served app start.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Runtime from "effect/Runtime"
import type * as RuntimeFlags from "effect/RuntimeFlags"
import * as Supervisor from "effect/Supervisor"
import { fiberConstructor } from "./internal.js"

/**
 * Starts a fiber at once. The caller ensures that the map has all services, because the type of a map cannot.
 *
 * @since 0.2.0
 * @category models
 */
export type Fork = <A, E>(
  effect: Effect.Effect<A, E, unknown>,
  services: Map<string, unknown>
) => Fiber.RuntimeFiber<A, E>

/**
 * Starts fibers with the fiber refs of a runtime and these flags, each with services of its own.
 *
 * @since 0.2.0
 * @category constructors
 */
export const forkWith = (runtime: Runtime.Runtime<never>, flags: RuntimeFlags.RuntimeFlags): Fork => {
  const refs = runtime.fiberRefs
  // A fiber gets its flags and its context from elsewhere. These two refs are removed because a fork of them would copy all
  // services.
  const inherited = refs.pipe(FiberRefs.delete(FiberRef.currentContext), FiberRefs.delete(FiberRef.currentRuntimeFlags))
  // when a fiber is joined, the services that differ from the common origin of both contexts are taken over
  const origin = refs.locals.get(FiberRef.currentContext) ?? []
  const refsOf = (id: FiberId.Runtime, services: Map<string, unknown>): FiberRefs.FiberRefs => {
    const own = FiberRefs.forkAs(inherited, id)
    own.locals.set(FiberRef.currentContext, [[id, Context.unsafeMake(services)], ...origin])
    return own
  }
  // a supervisor hears of the fibers that a runtime starts
  const isSupervised = FiberRefs.getOrDefault(refs, FiberRef.currentSupervisor) !== Supervisor.none
  const OwnFiber = isSupervised ? undefined : fiberConstructor()
  if (OwnFiber === undefined) return forkByRuntime(flags, refsOf)
  return <A, E>(effect: Effect.Effect<A, E, unknown>, services: Map<string, unknown>) => {
    const id = FiberId.unsafeMake()
    const fiber = new OwnFiber<A, E>(id, refsOf(id, services), flags)
    fiber.start(effect)
    return fiber
  }
}

const forkByRuntime = (
  runtimeFlags: RuntimeFlags.RuntimeFlags,
  refsOf: (id: FiberId.Runtime, services: Map<string, unknown>) => FiberRefs.FiberRefs
): Fork =>
(effect, services) =>
  Runtime.runFork(Runtime.make({ context: Context.unsafeMake(services), fiberRefs: FiberRefs.empty(), runtimeFlags }))(
    effect,
    { immediate: true, updateRefs: (_, id) => refsOf(id, services) }
  )
